"""Work inside a sandbox beside the same work outside, in turn."""
import os
import shutil
import subprocess
import time

import figures

LOOP = "n = 0\nfor i in range({0}):\n    n = (n * 1103515245 + i) & 0xFFFFFFFF\nprint(n)\n"

FILES = """
import os
for d in range({0}):
    os.mkdir('small-%d' % d)
    for n in range(1000):
        with open('small-%d/%d' % (d, n), 'w') as f: f.write('x' * 100)
for d in range({0}):
    for n in range(1000): os.unlink('small-%d/%d' % (d, n))
    os.rmdir('small-%d' % d)
"""


def project(directory, files):
    """A C project of many files that include the usual headers."""
    os.makedirs(directory)
    names = []
    for number in range(files):
        names.append(f"f{number}.o")
        with open(os.path.join(directory, f"f{number}.c"), "w") as file:
            file.write("#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n#include <unistd.h>\n")
            for function in range(4):
                file.write(
                    f"int f{number}_{function}(int a, char *b) {{ for (int i = 0; i < a; i++) b[i] ^= (char)(i * {function + 1}); "
                    f"return (int)strlen(b) + a; }}\n")
    with open(os.path.join(directory, "main.c"), "w") as file:
        file.write("int f0_0(int, char *);\nint main(void) { char b[9] = \"12345678\"; return f0_0(3, b) == 0; }\n")
    with open(os.path.join(directory, "Makefile"), "w") as file:
        file.write(f"CFLAGS = -O1\nprogram: main.o {' '.join(names)}\n\t$(CC) -o $@ $^\nclean:\n\trm -f program *.o\n")


def tree(directory, files):
    """A git repository with many files."""
    os.makedirs(directory)
    for number in range(files // 500):
        os.makedirs(os.path.join(directory, f"d{number % 20}", f"e{number}"))
        for name in range(500):
            with open(os.path.join(directory, f"d{number % 20}", f"e{number}", f"{name}.txt"), "w") as file:
                file.write(f"{number} {name}\n")
    # What git tidies up after a commit is done when this returns.
    quiet = ["-c", "gc.autoDetach=false", "-c", "maintenance.autoDetach=false"]
    git = ["git", "-c", "user.name=b", "-c", "user.email=b@example.org", *quiet, "-C", directory]
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "files"]):
        subprocess.run([*git, *arguments], check=True)


def many(directory, thousands):
    """Small files to search in, a thousand in each directory."""
    for number in range(thousands):
        os.makedirs(os.path.join(directory, str(number)))
        for name in range(1000):
            with open(os.path.join(directory, str(number), str(name)), "w") as file:
                file.write(f"{number} {name} " + "x" * 90 + "\n")


class Journal:
    """An ext4 file system with a journal in a file, as laptops have one; nothing where it cannot be made."""

    def __init__(self, directory):
        self.image, self.directory = directory + ".ext4", directory
        os.makedirs(directory)
        self.is_mounted = False
        if os.geteuid() != 0 or not shutil.which("mkfs.ext4"):
            return
        with open(self.image, "wb") as file:
            file.truncate(4 << 30)
        make = ["mkfs.ext4", "-q", "-O", "has_journal", "-E", "lazy_itable_init=0,lazy_journal_init=0", self.image]
        mount = ["mount", "-o", "loop", self.image, directory]
        self.is_mounted = all(
            subprocess.run(command, stderr=subprocess.DEVNULL).returncode == 0 for command in (make, mount))

    def end(self):
        if self.is_mounted:
            subprocess.run(["umount", self.directory], check=True)
        if os.path.exists(self.image):
            os.unlink(self.image)


def give(user, directory):
    subprocess.run(["chown", "-R", f"{user.id}:{user.group}", directory], check=True)


def measure(tools):
    name, user = next(iter(tools.users.items()))
    base = os.path.join(user.workspace, "work")
    shutil.rmtree(base, ignore_errors=True)
    os.makedirs(base)
    sources, repository, small, searched, journaled = (
        os.path.join(base, part) for part in ("build", "tree", "small", "searched", "journaled"))
    sources_count = 200
    project(sources, sources_count)
    files = 100_000 if tools.long else 20_000
    tree(repository, files)
    os.makedirs(small)
    loops, thousands = 20_000_000 if tools.long else 4_000_000, 100
    rounds = 9 if tools.long else 5
    many(searched, thousands)
    journal = Journal(journaled)
    give(user, base)
    jobs = [
        (f"C project of {sources_count} files, make -j2", sources, ["/bin/sh", "-c", "make -s clean && make -s -j2"]),
        # As an agent does it, again and again in one sandbox; the sandbox itself has a row of its own.
        (f"git status, {files} files, 100 times", repository, [
            "/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 0; do for j in 1 2 3 4 5 6 7 8 9 0; do git status --porcelain > /dev/null; done; done"]),
        (f"nothing, in a repository of {files} files", repository, ["/bin/true"]),
        (f"make and delete {thousands * 1000} small files", small, ["/usr/bin/python3", "-c", FILES.format(thousands)]),
        (f"grep in {thousands * 1000} small files, 10 times", searched, [
            "/bin/sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do grep -r nothing . > /dev/null; done; true"]),
        (f"nothing, beside {thousands * 1000} small files", searched, ["/bin/true"]),
        (f"python3, {loops / 1e6:.0f} million loops", small, ["/usr/bin/python3", "-c", LOOP.format(loops)]),
    ]
    if journal.is_mounted:
        jobs.insert(4, ("the same, on ext4 with a journal", journaled, ["/usr/bin/python3", "-c", FILES.format(thousands)]))
    try:
        table = compare(tools, user, jobs, rounds)
    finally:
        journal.end()
    shutil.rmtree(base)
    table.note(f"as {name}; medians of {rounds}; the start and end of the sandbox are part of the time inside")
    return [table]


def compare(tools, user, jobs, rounds):
    """Runs each job outside and inside in turn."""
    table = figures.Table(
        "Work in the workspace, outside and inside in turn", ["", "outside s", "inside s", "inside / outside", "target", ""])
    for title, directory, argv in jobs:
        outside, inside = [], []
        for number in range(rounds + 1):
            pairs = [(outside, argv), (inside, [tools.coop, "run", "--", *argv])]
            for samples, command in pairs if number % 2 else reversed(pairs):
                begin = time.monotonic()
                if user.start(command, directory, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE).wait() != 0:
                    raise SystemExit(f"{title}: the command failed")
                # The first round fills the caches.
                if number:
                    samples.append(time.monotonic() - begin)
        a, b = figures.median(outside), figures.median(inside)
        # Beside the work itself there is one start, and it is part of the figure.
        if argv == ["/bin/true"]:
            table.add(title, f"{a:.3f}", f"{b:.3f}", "", "", "")
            continue
        table.add(title, f"{a:.3f}", f"{b:.3f}", f"{b / a:.3f}", "≤ 1.05", figures.verdict(b / a <= 1.05))
    return table
