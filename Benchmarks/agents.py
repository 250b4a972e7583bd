"""How much later a real agent starts in a sandbox."""
import copy
import glob
import os
import subprocess

import figures
import start

SCRIPT = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "Scripts", "install-agents.sh")


def measure(tools):
    """`coop run claude --version` beside `claude --version`, with an API key on the host and with none."""
    environment = f"/tmp/coop-test-agents.{os.geteuid()}"
    if subprocess.run([SCRIPT, environment]).returncode != 0:
        print("without the agents: they cannot be installed here")
        return []
    [program] = glob.glob(environment + "/lib/python3*/site-packages/claude_agent_sdk/_bundled/claude")
    lines = []
    for name, user in tools.users.items():
        user = at_home(user, os.path.join(tools.scratch, "home-" + name), program)
        claude = os.path.join(user.home, ".local/bin/claude")
        lines += [
            user.contender(f"{name}: claude --version", [claude, "--version"]),
            user.contender(f"{name}: coop run -- /bin/true", [tools.coop, "run", "--", "/bin/true"]),
            user.contender(f"{name}: coop run claude --version", [tools.coop, "run", "claude", "--version"]),
            user.contender(
                f"{name}: the same, with an API key",
                ["/usr/bin/env", f"ANTHROPIC_API_KEY=sk-ant-api03-{'k' * 95}", tools.coop, "run", "claude", "--version"]),
        ]
    samples = start.interleave(tools, max(20, tools.rounds // 4), lines)
    table = figures.Table("Start to end of an agent", ["", "p50 ms", "p95 ms", "least ms", "to claude", "target", ""])
    for label, values in samples.items():
        p50, p95, least = figures.row(values)
        who, what = label.split(": ", 1)
        base = samples[f"{who}: claude --version"]
        difference = p50 - figures.median(base)
        beside, target, result = "", "", ""
        if what.startswith("coop run claude") or "key" in what:
            beside, target, result = f"{difference * 1000:+.2f} ms", "≤ +15 ms", figures.verdict(difference <= 0.015)
        table.add(label, figures.ms(p50), figures.ms(p95), figures.ms(least), beside, target, result)
    return [table]


def at_home(user, home, program):
    """The user with another home, in which the program is installed."""
    user = copy.copy(user)
    user.home, user.workspace = home, os.path.join(home, "project")
    os.makedirs(os.path.join(home, ".local/bin"))
    os.makedirs(user.workspace)
    os.symlink(program, os.path.join(home, ".local/bin/claude"))
    subprocess.run(["chown", "-R", f"{user.id}:{user.group}", home], check=True)
    return user
