"""What a decision costs: the network policy's, and the record of it in the audit log."""
import json
import os
import subprocess

import figures


def output(tools, name, *arguments):
    program = os.path.join(tools.build, name)
    done = subprocess.run([program, *arguments], stdout=subprocess.PIPE, text=True)
    if done.returncode != 0:
        raise SystemExit(f"{name} ended with {done.returncode}")
    return json.loads(done.stdout)


def policy(tools):
    found = output(tools, "policy-benchmark", "--json")
    table = figures.Table(f"One decision with {found['rules']} rules", ["", "p50 ns", "p99 ns", "allocations", "target", ""])
    for result in found["results"]:
        good = result["p50_ns"] <= 45 and result["allocations"] == 0
        table.add(result["name"], result["p50_ns"], result["p99_ns"], result["allocations"], "≤ 45 ns, none", figures.verdict(good))
    table.note(f"over {found['lookups']} lookups of each kind, in batches of different ones")
    return [table]


def audit(tools):
    count = 100_000 if tools.long else 20_000
    found = output(
        tools, "audit-benchmark", "--directory", "/var/tmp", "--entries", str(count), "--log-entries", str(2_000_000 if tools.long else 500_000))
    written, disk, verified = found["write"], found["disk"], found["verify"]
    table = figures.Table("The audit log", ["", "entries/s", "target", ""])
    table.add(
        f"written by {written['writers']} processes, {written['outstanding']} outstanding each", written["entriesPerSecond"], "≥ 20000",
        figures.verdict(written["entriesPerSecond"] >= 20_000))
    table.add("verified", verified["entriesPerSecond"], "≥ 500000", figures.verdict(verified["entriesPerSecond"] >= 500_000))
    table.add("verified by one thread", verified["entriesPerSecondOneThread"], "", "")
    table.note(
        f"{written['entries']} entries, each acknowledged {written['acknowledged']}; the disk's own takes "
        f"{disk['fdatasyncMedianMilliseconds']} ms in the median, {disk['fdatasyncP99Milliseconds']} ms at the 99th percentile")
    return [table]
