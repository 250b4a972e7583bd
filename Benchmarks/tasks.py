"""Tasks beside `git worktree add`, and their next start beside one in the user's own tree."""
import os
import shutil
import tempfile

import figures
import work


def measure(tools):
    name, user = next(iter(tools.users.items()))
    base = tempfile.mkdtemp(prefix="tasks-", dir=user.workspace)
    repository = os.path.join(base, "tree")
    files = 100_000
    work.tree(repository, files)
    work.give(user, base)
    # The files of the repository itself are on the disk before anything is measured, and nothing is removed before the end: for a minute
    # after a removal, for five if that is not on the disk yet, ext4 looks for other inodes than those that became free, one by one, and whoever
    # makes files in that minute pays for it (recently_deleted in fs/ext4/ialloc.c).
    os.sync()
    rounds = 7 if tools.long else 3
    plain, parallel, first, after, bind = [], [], [], [], []
    for number in range(rounds):
        def other(kind):
            return os.path.join(base, f"{kind}-{number}")
        run = [tools.coop, "run", "--task", f"bench-{number}", "--", "/bin/true"]
        jobs = [
            (plain, ["git", "worktree", "add", "-q", "--detach", other("plain")]),
            (parallel, ["git", "-c", "checkout.workers=0", "worktree", "add", "-q", "--detach", other("parallel")]),
            (first, run),
        ]
        # Each is the first, the second and the third equally often.
        for samples, make in jobs[number % 3:] + jobs[:number % 3]:
            samples.append(user.seconds(make, repository))
            if samples is first:
                # In turn, in the tree that has just been made.
                for _ in range(5):
                    after.append(user.seconds(run, repository))
                    bind.append(user.seconds([tools.coop, "run", "--", "/bin/true"], repository))
            os.sync()
    for number in range(rounds):
        user.seconds([tools.coop, "task", "rm", "--force", f"bench-{number}"], repository)
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
