#!/usr/bin/env python3
"""Benchmarks of coop beside bubblewrap and podman; called by run.sh, which says how."""
import argparse
import datetime
import os
import re
import shutil
import subprocess
import sys
import tempfile
import types

import agents
import decisions
import events
import gateway
import many
import memory
import peers
import people
import review
import sessions
import start
import tasks
import terminated
import work

HERE = os.path.dirname(os.path.abspath(__file__))
PAGE = os.path.join(HERE, "..", "docs", "benchmarks.md")
BEGIN, END = "<!-- begin: written by Benchmarks/run.sh -->", "<!-- end -->"

PARTS = {
    "start": start.measure, "exec": start.entering, "commands": start.commands, "many": many.measure, "end": start.ending,
    "agents": agents.measure,
    "memory": memory.measure, "work": work.measure, "tasks": tasks.measure, "review": review.measure,
    "gateway": gateway.measure,
    "http": terminated.measure, "sessions": sessions.measure, "policy": decisions.policy, "audit": decisions.audit,
    "events": events.measure,
}


def install(build, scratch):
    """A stripped copy in the layout of an installation, readable by every user."""
    coop = os.path.join(scratch, "bin", "coop")
    targets = [coop] + [os.path.join(scratch, "libexec", "coop", name) for name in ("coop-warden", "coop-gateway")]
    for target in targets:
        source = os.path.join(build, os.path.basename(target))
        os.makedirs(os.path.dirname(target), exist_ok=True)
        subprocess.run(["strip", "-o", target, source], check=True)
        os.chmod(target, 0o755)
    return coop


def machine():
    with open("/proc/cpuinfo") as file:
        models = re.findall(r"^model name\s*: (.*)$", file.read(), re.MULTILINE)
    memory_kb = int(re.search(r"MemTotal:\s+(\d+)", open("/proc/meminfo").read()).group(1))
    load = os.getloadavg()[0]
    def version(*argv):
        return subprocess.run(argv, capture_output=True, text=True).stdout.splitlines()[0] if shutil.which(argv[0]) else "not installed"
    return [
        f"- {datetime.date.today().isoformat()}, Linux {os.uname().release}, {os.cpu_count()} cores"
        + (f" ({models[0].strip()})" if models else "") + f", {memory_kb / 1e6:.0f} GB, load {load:.1f} at the beginning",
        f"- {version('bwrap', '--version')}; {version('podman', '--version')} with {version('crun', '--version')}",
    ]


def write(sections):
    page = open(PAGE).read()
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    with open(PAGE, "w") as file:
        file.write(before + BEGIN + "\n\n" + "\n".join(sections) + "\n" + END + after)


def leave_hybrid_cgroups():
    """crun refuses a host with controllers in both versions of cgroups: in a mount namespace of our own it sees version 1."""
    unified = "/sys/fs/cgroup/unified"
    if os.geteuid() != 0 or not os.path.exists(unified + "/cgroup.controllers") or not peers.available("crun"):
        return
    cover = f"mount -t tmpfs none {unified} && exec \"$@\""
    os.execvp("unshare", ["unshare", "--mount", "sh", "-c", cover, "sh", sys.executable, *sys.argv])


def main():
    parser = argparse.ArgumentParser(prog="Benchmarks/run.sh", description=__doc__)
    parser.add_argument("--long", action="store_true", help="more rounds and larger trees")
    parser.add_argument("--only", action="append", choices=list(PARTS), help="only this part; the page is then left alone")
    parser.add_argument("--rounds", type=int, help="rounds of the measurements of starts")
    parser.add_argument("--build", default=os.path.join(HERE, "..", ".build", "release"), help="where the release build lies")
    parser.add_argument("--user", action="append", help="measure as this user; nothing else should run as him")
    options = parser.parse_args()

    leave_hybrid_cgroups()
    scratch = tempfile.mkdtemp(prefix="coop-benchmark-")
    os.chmod(scratch, 0o755)
    facts = machine()
    tools = types.SimpleNamespace(
        long=options.long, rounds=options.rounds or (1000 if options.long else 200), users=people.ordinary(options.user),
        build=os.path.abspath(options.build), coop=install(options.build, scratch), interleave=os.path.join(scratch, "interleave"), scratch=scratch, podman=None,
        root=people.User("root") if os.geteuid() == 0 else None)
    try:
        subprocess.run(["cc", "-O2", "-o", tools.interleave, os.path.join(HERE, "interleave.c")], check=True)
        if tools.root and peers.available("podman") and peers.available("crun"):
            store = os.path.join(scratch, "podman")
            os.makedirs(store)
            tools.podman = peers.Podman(store)
        else:
            facts.append("- without podman: it needs root, podman and crun here")
        sections = ["\n".join(facts) + "\n"]
        for name, part in PARTS.items():
            if options.only and name not in options.only:
                continue
            for table in part(tools):
                sections.append(str(table))
                print(table, flush=True)
        if not options.only:
            write(sections)
    finally:
        if tools.podman:
            tools.podman.close()
        shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    sys.exit(main())
