"""How long a sandbox takes to start a command that does nothing, and to end."""
import os
import subprocess
import time

import figures
import peers


def interleave(tools, rounds, lines, around=()):
    """`around`: words put before the program that runs the contenders."""
    text = subprocess.run(
        [*around, tools.interleave, str(rounds)], input="\n".join(lines) + "\n", stdout=subprocess.PIPE, text=True,
        check=True).stdout
    samples = {}
    for line in text.splitlines():
        name, nanoseconds = line.split("\t")
        samples.setdefault(name, []).append(int(nanoseconds) / 1e9)
    return samples


def measure(tools):
    """`coop run -- /bin/true` beside the others."""
    coop, true = tools.coop, ["/bin/true"]
    lines = []
    for name, user in tools.users.items():
        explanation = peers.plan(coop, user, user.workspace)
        lines += [
            user.contender(f"{name}: /bin/true", true),
            user.contender(f"{name}: coop run --network none", [coop, "run", "--network", "none", "--", *true]),
            user.contender(f"{name}: coop run", [coop, "run", "--", *true]),
        ]
        if peers.available("bwrap"):
            lines += [
                user.contender(f"{name}: bwrap, same mounts", peers.bubblewrap(explanation, False, true)),
                user.contender(f"{name}: bwrap, same mounts and /proc covers", peers.bubblewrap(explanation, True, true)),
            ]
    if tools.root:
        lines += [
            tools.root.contender("root: coop run (pids cgroup)", [coop, "run", "--", *true]),
            tools.root.contender("root: coop run --memory 1G (fresh cgroups)", [coop, "run", "--memory", "1G", "--", *true]),
        ]
    samples = interleave(tools, tools.rounds, lines)
    podman = beside_podman(tools) if tools.podman else {}
    table = figures.Table("Start to end of `/bin/true`", ["", "p50 ms", "p95 ms", "least ms", "more than", "target", ""])
    for label, values in samples.items():
        p50, p95, least = figures.row(values)
        who, what = label.split(": ", 1)
        beside, target, result = "", "", ""
        # Without a network the peer is bubblewrap; with the gateway, coop without it.
        peer = {"coop run --network none": "bwrap, same mounts", "coop run": "coop run --network none"}.get(what, "")
        base = samples.get(f"{who}: {peer}")
        if base:
            difference = p50 - figures.median(base)
            beside, target, result = f"{peer}: {difference * 1000:+.2f} ms", "≤ +5 ms", figures.verdict(difference <= 0.005)
        table.add(label, figures.ms(p50), figures.ms(p95), figures.ms(least), beside, target, result)
    tables = [table]
    if podman:
        table = figures.Table("The same beside podman", ["", "p50 ms", "p95 ms", "least ms", "podman / this", "target", ""])
        for label, values in podman.items():
            p50, p95, least = figures.row(values)
            # None with none, and the default network with the default network.
            peer = "root: podman run --network none" if "none" in label else "root: podman run"
            if peer not in podman:
                continue
            ratio = figures.median(podman[peer]) / p50
            wanted = label.endswith(": coop run") and not label.startswith("root")
            table.add(
                label, figures.ms(p50), figures.ms(p95), figures.ms(least), f"{ratio:.1f} ×", "≥ 15 ×" if wanted else "",
                figures.verdict(ratio >= 15) if wanted else "")
        tables.append(table)
    return tables


def beside_podman(tools):
    """What is typed, `coop run` and `podman run`, each with its default network; and both without any."""
    coop, true = tools.coop, ["/bin/true"]
    name, user = next(iter(tools.users.items()))
    lines = []
    if tools.podman.has_network:
        lines.append(tools.root.contender("root: podman run", tools.podman.run_networked(true, "--rm")))
    lines += [
        user.contender(f"{name}: coop run", [coop, "run", "--", *true]),
        tools.root.contender("root: podman run --network none", tools.podman.run(true, "--rm")),
        user.contender(f"{name}: coop run --network none", [coop, "run", "--network", "none", "--", *true]),
        tools.root.contender(
            "root: coop run --network none --memory 1G (fresh cgroups)",
            [coop, "run", "--network", "none", "--memory", "1G", "--", *true]),
    ]
    # podman's bridge and its rules are made in a network namespace that goes with the measurement. Fewer rounds: one start of podman
    # takes as long as thirty of the others.
    return interleave(tools, max(20, tools.rounds // 8), lines, around=["unshare", "--net"])


def entering(tools):
    """A second command in a sandbox that runs already."""
    coop, true = tools.coop, ["/bin/true"]
    lines, running = [], []
    for name, user in tools.users.items():
        process = user.start([coop, "run", "--name", f"benchmark-{name}", "--", "/bin/sleep", "600"])
        running.append((process, user, f"benchmark-{name}"))
        await_sandbox(tools, user, f"benchmark-{name}")
        lines.append(user.contender(f"{name}: coop exec", [coop, "exec", f"benchmark-{name}", "--", *true]))
    try:
        if tools.podman:
            tools.podman.quietly("run", "-d", "--name", "benchmark", *tools.podman.limits, tools.podman.image, "/bin/sleep", "600")
            lines.append(tools.root.contender("root: podman exec", tools.podman.exec("benchmark", true)))
        samples = interleave(tools, max(30, tools.rounds // 4), lines)
    finally:
        for process, user, name in running:
            user.start([coop, "stop", name], stdout=subprocess.DEVNULL).wait()
            process.wait()
        if tools.podman:
            tools.podman.quietly("rm", "-f", "-t", "0", "benchmark")
    table = figures.Table("A command in a sandbox that runs", ["", "p50 ms", "p95 ms", "least ms", "podman / this"])
    slow = samples.get("root: podman exec")
    for label, values in samples.items():
        p50, p95, least = figures.row(values)
        ratio = f"{figures.median(slow) / p50:.1f} ×" if slow else ""
        table.add(label, figures.ms(p50), figures.ms(p95), figures.ms(least), ratio)
    return [table]


def await_sandbox(tools, user, name):
    """Waits until a sandbox can be entered."""
    for _ in range(500):
        if user.start([tools.coop, "exec", name, "--", "/bin/true"], stderr=subprocess.DEVNULL).wait() == 0:
            return
        time.sleep(0.01)
    raise SystemExit(f"the sandbox {name} does not start")


def commands(tools):
    """Commands that start no sandbox."""
    lines = []
    for name, user in tools.users.items():
        lines += [
            user.contender(f"{name}: coop --help", [tools.coop, "--help"]),
            user.contender(f"{name}: coop explain", [tools.coop, "explain", "--", "/bin/true"]),
            user.contender(f"{name}: coop explain --json", [tools.coop, "explain", "--json", "--", "/bin/true"]),
            user.contender(f"{name}: coop version", [tools.coop, "version"]),
        ]
    samples = interleave(tools, tools.rounds // 2, lines)
    table = figures.Table("Commands that start nothing", ["", "p50 ms", "p95 ms", "least ms", "target", ""])
    for label, values in samples.items():
        p50, p95, least = figures.row(values)
        # Nothing is promised for JSON, which Foundation's encoder writes.
        target, result = ("", "") if label.endswith("--json") else ("< 10 ms", figures.verdict(p50 < 0.010))
        table.add(label, figures.ms(p50), figures.ms(p95), figures.ms(least), target, result)
    return [table]


def ending(tools):
    """What is left when `coop run` has returned, and how long it stays."""
    user = next(iter(tools.users.values()))
    samples = {"normal exit": [], "kill -9 of coop": []}
    before = set(processes(user))
    for number in range(max(20, tools.rounds // 10)):
        process = user.start([tools.coop, "run", "--", "/bin/sh", "-c", "sleep 0.001; exit 0"])
        process.wait()
        samples["normal exit"].append(until_gone(user, before))
        process = user.start([tools.coop, "run", "--", "/bin/sleep", "600"])
        while not any("sleep" in name for pid, name in processes(user).items() if pid not in before):
            time.sleep(0.002)
        process.kill()
        process.wait()
        samples["kill -9 of coop"].append(until_gone(user, before))
    table = figures.Table(
        "From the end of `coop run` until no process of the sandbox is left", ["", "p50 ms", "p95 ms", "most ms", "target", ""])
    for label, values in samples.items():
        most = max(values)
        table.add(
            label, figures.ms(figures.median(values)), figures.ms(figures.percentile(values, 0.95)), figures.ms(most), "< 1000 ms",
            figures.verdict(most < 1))
    return [table]


def processes(user):
    """The processes of a user (and of his subordinate ids) by number. The scan itself takes some milliseconds."""
    found = {}
    for entry in os.listdir("/proc"):
        if not entry.isdigit():
            continue
        try:
            with open(f"/proc/{entry}/status") as file:
                fields = dict(line.split(":\t", 1) for line in file.read().splitlines() if ":\t" in line)
            if int(fields["Uid"].split()[0]) == user.id and "Z" not in fields["State"]:
                found[int(entry)] = fields["Name"]
        except (OSError, ProcessLookupError, KeyError, ValueError):
            continue
    return found


def until_gone(user, before=()):
    """Seconds until no process of the user is left but those that were there before."""
    begin = time.monotonic()
    while any("coop" in name or "sleep" in name for pid, name in processes(user).items() if pid not in before):
        if time.monotonic() - begin > 10:
            raise SystemExit("a sandbox does not go away")
    return time.monotonic() - begin
