"""`coop diff` beside `git status`, the start of an overlay beside a live workspace, and landing beside plain copies."""
import os
import shutil
import subprocess

import figures
import work

# What an agent may have done in a day; of a directory of 500 files that was renamed, git status lists the removed ones and one new directory.
CHANGES = """
import os
files = sorted(os.path.join(b, f) for b, _, names in os.walk(".") if ".git" not in b.split("/") for f in names)
moved = os.path.dirname(files[0])
rest = [f for f in files if os.path.dirname(f) != moved]
for f in rest[::len(rest) // 300][:300]:
    with open(f, "a") as file: file.write("edited\\n")
for f in rest[1::len(rest) // 50][:50]:
    with open(os.path.join(os.path.dirname(f), "new-" + os.path.basename(f)), "w") as file: file.write("new\\n")
for f in rest[2::len(rest) // 20][:20]: os.unlink(f)
os.system(f"mv {moved} {moved}-renamed")
"""

MANY = """
import os
for n in range({0}):
    if n % 500 == 0: os.makedirs(f"made/d{{n // 500}}")
    with open(f"made/d{{n // 500}}/{{n}}.txt", "w") as file: file.write(f"{{n}}\\n" * 20)
"""


def interleaved(user, jobs, rounds):
    """Seconds of each job, a list of (argv, directory), in turn; the first round fills the caches."""
    samples = [[] for _ in jobs]
    for number in range(rounds + 1):
        order = list(range(len(jobs)))
        for index in order if number % 2 else reversed(order):
            seconds = user.seconds(*jobs[index])
            if number:
                samples[index].append(seconds)
    return samples


def fresh(user, name):
    base = os.path.join(user.workspace, name)
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base)
    return base


def diff(name, user, tools, table, files):
    base = fresh(user, "review")
    tree, twin = os.path.join(base, "tree"), os.path.join(base, "twin")
    work.tree(tree, files)
    shutil.copytree(tree, twin, symlinks=True)
    work.give(user, base)
    user.seconds(["git", "status"], twin)
    user.seconds(["git", "status"], tree)
    rounds = 21 if tools.long else 9
    overlay = [tools.coop, "run", "--workspace", "overlay", "--network", "none", "--"]
    bind = [tools.coop, "run", "--network", "none", "--"]
    status = ["git", "status"]
    starts = interleaved(user, [([*bind, "/bin/true"], tree), ([*overlay, "/bin/true"], tree), (status, tree)], rounds)
    user.seconds([*overlay, "python3", "-c", CHANGES], tree)
    user.seconds(["python3", "-c", CHANGES], twin)
    jobs = [
        ("git status", status), ("git diff --stat", ["git", "diff", "--stat"]), ("coop diff --stat", [tools.coop, "diff", "--stat"]),
        ("coop diff --name-only", [tools.coop, "diff", "--name-only"]), ("coop diff", [tools.coop, "diff"]),
        ("coop diff --json", [tools.coop, "diff", "--json"]),
    ]
    found = interleaved(user, [(argv, twin if argv[0] == "git" else tree) for _, argv in jobs], rounds)
    # The tree itself, in which git has nothing to tell, and with the overlay's base recorded long ago.
    git = figures.median(found[0])
    for (title, argv), samples in zip(jobs, found):
        ratio = figures.median(samples) / git
        isPromised = title in ("coop diff --stat", "coop diff")
        table.add(
            f"{name}: {title}", figures.ms(figures.median(samples)), figures.ms(min(samples)),
            "" if samples is found[0] else f"{ratio:.2f} × git status", "≤ 1.5 ×" if isPromised else "",
            figures.verdict(ratio <= 1.5) if isPromised else "")
    a, b, c = (figures.median(samples) for samples in starts)
    table.add(f"{name}: coop run, bind", figures.ms(a), figures.ms(min(starts[0])), "", "", "")
    table.add(
        f"{name}: coop run, overlay", figures.ms(b), figures.ms(min(starts[1])), f"{figures.ms(b - a)} ms more", "", "")
    table.add(
        f"{name}: git status, nothing changed", figures.ms(c), figures.ms(min(starts[2])), f"the start is {(b - a) / c:.2f} × of it more", "", "")
    user.seconds([tools.coop, "discard", "--yes"], tree)
    shutil.rmtree(base)
    return rounds


def landing(name, user, tools, table, files):
    base = fresh(user, "review")
    tree, source, target = (os.path.join(base, part) for part in ("tree", "source", "target"))
    for path in (tree, source):
        os.makedirs(path)
    subprocess.run(["python3", "-c", MANY.format(files)], cwd=source, check=True)
    work.give(user, base)
    patch = os.path.join(base, "patch")
    results = {}

    def take(title, argv, directory=base):
        results.setdefault(title, []).append(user.seconds(argv, directory))

    rounds = 5 if tools.long else 3
    user.seconds([tools.coop, "run", "--workspace", "overlay", "--network", "none", "--", "python3", "-c", MANY.format(files)], tree)
    user.seconds(["/bin/sh", "-c", f"{tools.coop} diff > {patch}"], tree)
    # Nothing is removed before the end: ext4 looks long for an inode where many were freed minutes ago.
    for number in range(rounds):
        def copies():
            places = [f"{target}{number}-{way}" for way in ("plain", "safe", "git")]
            for path in places:
                os.makedirs(path)
                work.give(user, path)
            take("cp -a", ["cp", "-a", f"{source}/made", places[0]])
            take("cp -a, sync -f", ["/bin/sh", "-c", f"cp -a {source}/made {places[1]} && sync -f {places[1]}"])
            # Left out where it may take minutes.
            if files <= 20_000:
                take("git apply", ["git", "apply", patch], places[2])

        def lands():
            take("coop diff --stat", [tools.coop, "diff", "--stat"], tree)
            take("coop apply", [tools.coop, "apply", "--yes"], tree)
            take("coop undo", [tools.coop, "undo"], tree)

        for job in (copies, lands) if number % 2 else (lands, copies):
            job()
    plain, safe = figures.median(results["cp -a"]), figures.median(results["cp -a, sync -f"])
    for title, samples in results.items():
        middle = figures.median(samples)
        table.add(
            f"{name}: {title}, {files} new files", f"{middle:.3f}", f"{min(samples):.3f}", f"{middle / plain:.2f}", f"{middle / safe:.2f}")
    user.seconds([tools.coop, "discard", "--yes"], tree)
    shutil.rmtree(base)
    return rounds


def measure(tools):
    users = dict([next(iter(tools.users.items()))])
    if tools.root:
        users["root"] = tools.root
    files = 100_000
    tables = []
    table = figures.Table(f"Review of an overlay over a repository of {files} files", ["", "median ms", "least ms", "beside", "target", ""])
    for name, user in users.items():
        rounds = diff(name, user, tools, table, files)
    table.note(f"medians of {rounds}, in turn, warm caches; 300 files edited, 50 new, 20 removed, a directory of 500 renamed")
    table.note("git status in a copy of the tree with the same changes; its index is fresh")
    tables.append(table)
    table = figures.Table("Landing many new files of 100 bytes", ["", "median s", "least s", "to cp -a", "to cp -a, sync -f"])
    for name, user in users.items():
        for count in (20_000, 100_000):
            rounds = landing(name, user, tools, table, count)
    table.note(f"medians of {rounds}, in turn; what coop lands is on the disk, and can be taken back; git apply writes the text of coop diff")
    tables.append(table)
    return tables
