"""Memory of coop's own processes, for one sandbox and for many at once."""
import os
import subprocess
import time

import figures
import start


def coop_processes(user, before):
    """Every process of the user that is coop's own: the command line's, supervisors and wardens."""
    return [pid for pid, name in start.processes(user).items() if name.startswith("coop") and pid not in before]


def proportional(pid):
    """PSS of one process in bytes: shared pages count by share (proc_pid_smaps(5))."""
    try:
        with open(f"/proc/{pid}/smaps_rollup") as file:
            for line in file:
                if line.startswith("Pss:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 0


def total(user, before):
    return sum(proportional(pid) for pid in coop_processes(user, before))


def measure(tools):
    if tools.root is None:
        # A non-dumpable warden of one's own cannot be looked at either.
        return []
    many = 100
    table = figures.Table(
        "Memory (PSS) of coop's own processes", ["", "sandboxes", "processes", "all MB", "each MB", "target", ""])
    speed = figures.Table(f"{many} sandboxes at once", ["", "all run after s", "all gone after s", "left over"])
    for name, user in tools.users.items():
        before = set(start.processes(user))
        for count, limit in ((1, 25), (many, 10)):
            begin = time.monotonic()
            running = [
                user.start(
                    [tools.coop, "run", "--name", f"memory-{os.getpid()}-{number}", "--", "/bin/sh", "-c", "echo up; exec sleep 600"],
                    stdout=subprocess.PIPE)
                for number in range(count)
            ]
            if any([process.stdout.readline() != b"up\n" for process in running]):
                for process in running:
                    process.terminate()
                raise SystemExit(f"a sandbox of {name} does not start")
            up = time.monotonic() - begin
            # What only a start needs is given back a second later.
            time.sleep(2)
            used = total(user, before) / 1e6
            each = used / count
            table.add(
                name, count, len(coop_processes(user, before)), f"{used:.1f}", f"{each:.2f}", f"≤ {limit} MB", figures.verdict(each <= limit))
            begin = time.monotonic()
            for process in running:
                process.terminate()
            for process in running:
                process.wait()
                process.stdout.close()
            start.until_gone(user, before)
            down = time.monotonic() - begin
            left = len(os.listdir(os.path.join(user.home, ".coop", "run")))
            if count == many:
                speed.add(name, f"{up:.2f}", f"{down:.2f}", f"{left} directories")
    return [table, speed]
