"""Tasks beside `git worktree add`, and their next start beside one in the user's own tree."""
import os
import shutil
import subprocess
import time

import figures
import work


def timed(user, argv, directory):
    begin = time.monotonic()
    process = user.start(argv, directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)
    _, complaint = process.communicate()
    if process.returncode != 0:
        raise SystemExit(f"{argv}: {complaint.decode()}")
    return time.monotonic() - begin


def measure(tools):
    name, user = next(iter(tools.users.items()))
    base = os.path.join(user.workspace, "tasks")
    shutil.rmtree(base, ignore_errors=True)
    repository, other = os.path.join(base, "tree"), os.path.join(base, "plain")
    files = 100_000
    os.makedirs(base)
    work.tree(repository, files)
    work.give(user, base)
    rounds = 7 if tools.long else 3
    run = [tools.coop, "run", "--task", "bench", "--", "/bin/true"]
    plain, parallel, first, after, bind = [], [], [], [], []
    for number in range(rounds):
        jobs = [
            (plain, ["git", "worktree", "add", "-q", "--detach", other], ["git", "worktree", "remove", "--force", other]),
            (parallel, ["git", "-c", "checkout.workers=0", "worktree", "add", "-q", "--detach", other],
                ["git", "worktree", "remove", "--force", other]),
            (first, run, [tools.coop, "task", "rm", "--force", "bench"]),
        ]
        for samples, make, remove in jobs if number % 2 else reversed(jobs):
            samples.append(timed(user, make, repository))
            if samples is first:
                # In turn, in the tree that has just been made.
                for _ in range(5):
                    after.append(timed(user, run, repository))
                    bind.append(timed(user, [tools.coop, "run", "--", "/bin/true"], repository))
            timed(user, remove, repository)
    shutil.rmtree(base)
    table = figures.Table(f"Tasks of a repository of {files} files", ["", "median s", "least s", "beside", "target", ""])
    a, b = figures.median(plain), figures.median(first)
    table.add("git worktree add", f"{a:.3f}", f"{min(plain):.3f}", "", "", "")
    table.add("git worktree add, checkout.workers=0", f"{figures.median(parallel):.3f}", f"{min(parallel):.3f}", "", "", "")
    table.add("coop run --task, first", f"{b:.3f}", f"{min(first):.3f}", f"{b / a:.2f} × git", "≤ 1.2 ×", figures.verdict(b / a <= 1.2))
    a, b = figures.median(bind), figures.median(after)
    table.add("coop run", f"{a:.3f}", f"{min(bind):.3f}", "", "", "")
    table.add(
        "coop run --task, next", f"{b:.3f}", f"{min(after):.3f}", f"{(b - a) * 1000:+.1f} ms", "≤ +30 ms",
        figures.verdict(b - a <= 0.030))
    table.note(f"as {name}; {rounds} rounds, in turn; the start and end of the sandbox are part of the time")
    return [table]
