"""Sessions: keys and their echo through attach, how much output a log takes, what idle sessions cost, and lists of many past ones."""
import fcntl
import hashlib
import os
import pty
import select
import shutil
import struct
import subprocess
import termios
import time

import figures
import memory
import start

KEYS = 2000
MEGABYTES = 200
IDLE = 200
PAST = 1000


class Terminal:
    """A terminal with a program in it."""

    def __init__(self, user, argv):
        self.master, slave = pty.openpty()
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
        self.process = user.start(argv, stdin=slave, stdout=slave, stderr=slave, start_new_session=True)
        os.close(slave)

    def read(self, seconds):
        if select.select([self.master], [], [], seconds)[0]:
            return os.read(self.master, 65536)
        return b""

    def wait_for(self, wanted, seconds=20):
        seen, end = b"", time.monotonic() + seconds
        while wanted not in seen:
            if time.monotonic() > end:
                raise SystemExit(f"a terminal does not show {wanted!r}, but {seen[-300:]!r}")
            seen += self.read(1)

    def key(self):
        """Seconds from a key to its echo."""
        begin = time.monotonic()
        os.write(self.master, b"k")
        while b"k" not in self.read(5):
            if time.monotonic() - begin > 5:
                raise SystemExit("a key has no echo")
        return time.monotonic() - begin

    def close(self):
        self.process.kill()
        self.process.wait()
        os.close(self.master)


def echo(tools, user):
    """A key and its echo by the kernel's terminal, in the sandbox through attach and outside."""
    script = "echo ready; stty -icanon; exec cat > /dev/null"
    session = user.output([tools.coop, "run", "-d", "--network", "none", "--", "/bin/sh", "-c", script]).strip()
    inside = Terminal(user, [tools.coop, "attach", session])
    outside = Terminal(user, ["/bin/sh", "-c", script])
    try:
        inside.wait_for(b"ready")
        outside.wait_for(b"ready")
        samples = {"outside": [], "attached": []}
        for number in range(KEYS):
            # A person is slower; a pause keeps one key's work out of the next one's time.
            time.sleep(0.002)
            for name, terminal in (("outside", outside), ("attached", inside)) if number % 2 else (("attached", inside), ("outside", outside)):
                samples[name].append(terminal.key())
    finally:
        inside.close()
        outside.close()
        user.output([tools.coop, "stop", session])
    return {name: sorted(values) for name, values in samples.items()}


def at(values, part):
    return values[min(len(values) - 1, int(len(values) * part))]


def log(user, session):
    projects = os.path.join(user.home, ".coop", "projects")
    for key in os.listdir(projects):
        path = os.path.join(projects, key, "sessions", session)
        if os.path.isdir(path):
            return path
    raise SystemExit(f"no log of {session}")


def output(tools, user):
    """Seconds for so much terminal output, and whether the log holds every byte of it."""
    # Lines of 100 bytes with their numbers; the terminal makes CR LF of each end.
    lines = MEGABYTES * 10**6 // 101
    program = f"import sys\nfor n in range({lines}): sys.stdout.write('%099d\\n' % n)"
    begin = time.monotonic()
    session = user.output([tools.coop, "run", "-d", "--network", "none", "--", "/usr/bin/python3", "-c", program]).strip()
    subprocess.run([tools.coop, "info", session], env=user.environment, preexec_fn=user._become, stdout=subprocess.DEVNULL)
    while not user.output([tools.coop, "info", session]).count("state      exited"):
        time.sleep(0.1)
    seconds = time.monotonic() - begin
    found, expected, size = hashlib.sha256(), hashlib.sha256(), 0
    with open(os.path.join(log(user, session), "terminal"), "rb") as file:
        while piece := file.read(1 << 20):
            size += len(piece)
            found.update(piece)
    for first in range(0, lines, 10000):
        expected.update(b"".join(b"%099d\r\n" % n for n in range(first, min(first + 10000, lines))))
    user.output([tools.coop, "rm", session])
    return size, seconds, found.digest() == expected.digest()


def processor_time(pids):
    """Seconds of processor time that processes have used (proc_pid_stat(5))."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / os.sysconf("SC_CLK_TCK")


def idle(tools, user):
    before = set(start.processes(user))
    begin = time.monotonic()
    sessions = [user.output([tools.coop, "run", "-d", "--network", "none", "--", "sleep", "600"]).strip() for _ in range(IDLE)]
    up = time.monotonic() - begin
    time.sleep(4)
    own = memory.coop_processes(user, before)
    used = sum(memory.proportional(pid) for pid in own)
    begin = processor_time(own)
    time.sleep(10)
    busy = processor_time(own) - begin
    user.output([tools.coop, "stop", "--all"])
    start.until_gone(user, before)
    user.output([tools.coop, "rm", *sessions])
    return used / IDLE / 1e6, busy / 10, up / IDLE


def past(tools, user):
    """Times of lists with many sessions that are over."""
    session = user.output([tools.coop, "run", "-d", "--network", "none", "--", "true"]).strip()
    time.sleep(1)
    first = log(user, session)
    letters = "abcdefghjkmnpqrs"
    copies = []
    for number in range(PAST - 1):
        name = "zz" + "".join(letters[number >> (4 * place) & 15] for place in range(10))
        copy = os.path.join(os.path.dirname(first), name)
        shutil.copytree(first, copy)
        with open(os.path.join(copy, "summary")) as file:
            text = file.read()
        with open(os.path.join(copy, "summary"), "w") as file:
            file.write(text.replace(session, name))
        for path in [copy, *(os.path.join(copy, entry) for entry in os.listdir(copy))]:
            os.chown(path, user.id, user.group)
        copies.append(copy)
    try:
        lines = [user.contender(f"coop {words}", [tools.coop, *words.split()]) for words in ("ps", "ps -a", "ps -a --json", f"info {session}")]
        return start.interleave(tools, max(20, tools.rounds // 5), lines)
    finally:
        for copy in copies:
            shutil.rmtree(copy)
        user.output([tools.coop, "rm", session])


def measure(tools):
    keys = figures.Table(
        f"Keystroke to echo, {KEYS} keys", ["", "outside p50 ms", "p99 ms", "attached p50 ms", "p99 ms", "added p50", "added p99", "target", ""])
    rest = figures.Table("Sessions", ["", "what", "measured", "target", ""])
    for name, user in tools.users.items():
        samples = echo(tools, user)
        out50, out99, in50, in99 = (at(samples[which], part) for which in ("outside", "attached") for part in (0.5, 0.99))
        keys.add(
            name, figures.ms(out50), figures.ms(out99), figures.ms(in50), figures.ms(in99), figures.ms(in50 - out50), figures.ms(in99 - out99),
            "≤ 1 ms, ≤ 3 ms", figures.verdict(in50 - out50 <= 0.001 and in99 - out99 <= 0.003))
        size, seconds, whole = output(tools, user)
        rate = size / 1e6 / seconds * 60
        rest.add(
            name, f"{size / 1e6:.0f} MB of terminal output", f"{seconds:.1f} s, {rate:.0f} MB a minute, {'all of it' if whole else 'NOT ALL'} in the log",
            "200 MB a minute, no loss", figures.verdict(whole and rate >= 200))
        if tools.root is not None:
            each, busy, up = idle(tools, user)
            rest.add(name, f"{IDLE} detached idle sessions", f"{each:.2f} MB PSS each, {busy * 100:.2f} % of a processor for all, {up * 1000:.0f} ms to start each",
                     "≤ 10 MB, no CPU", figures.verdict(each <= 10 and busy < 0.005))
        for label, values in past(tools, user).items():
            p50, p95, _ = figures.row(values)
            rest.add(name, f"{label}, {PAST} past sessions", f"p50 {figures.ms(p50)} ms, p95 {figures.ms(p95)} ms", "< 30 ms", figures.verdict(p50 < 0.030))
    return [keys, rest]
