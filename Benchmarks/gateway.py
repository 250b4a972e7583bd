"""A sandbox's way out beside plain loopback: throughput of one passed-through connection, and time to the first byte."""
import os
import shutil
import socket
import subprocess
import tempfile

import figures
import transfer

HERE = os.path.dirname(os.path.abspath(__file__))
NAME = transfer.NAME.decode()


class Client:
    """The client of transfer.py, outside or in a sandbox."""

    def __init__(self, user, host, around=(), environment=None):
        with open(transfer.__file__) as file:
            program = file.read()
        self.process = user.start(
            [*around, "python3", "-c", program, host], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1,
            **({"env": environment} if environment else {}))

    def ask(self, kind, port, size=0, congestion="-"):
        self.process.stdin.write(f"{kind} {size} {port} {congestion}\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit("a client of the benchmark has ended")
        return float(answer)

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Server:
    """The server of transfer.py in a process of its own; its sockets have the host's congestion control, or reno."""

    def __init__(self, congestion=None):
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        if congestion:
            listener.setsockopt(socket.IPPROTO_TCP, transfer.TCP_CONGESTION, congestion.encode())
        self.port = listener.getsockname()[1]
        self.process = os.fork()
        if self.process == 0:
            try:
                transfer.serve(listener)
            finally:
                os._exit(0)
        listener.close()

    def close(self):
        os.kill(self.process, 9)
        os.waitpid(self.process, 0)


class Bare:
    """The relay of splice.c, in front of a server."""

    def __init__(self, program, server):
        self.process = subprocess.Popen([program, str(server.port)], stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())

    def close(self):
        self.process.kill()
        self.process.wait()


def sandbox(tools, user, home, server):
    """A client in a sandbox whose rules let the server's name through."""
    with open(os.path.join(home, "config.toml"), "w") as file:
        file.write(f'[network]\nallow = ["{NAME}"]\n[network.hosts]\n')
        file.write(f'"{NAME}" = "127.0.0.1:{server.port}"\n')
    shutil.chown(os.path.join(home, "config.toml"), user.name)
    return Client(user, NAME, [tools.coop, "run", "--"], {**user.environment, "COOP_HOME": home})


def own_congestion_control():
    with open("/proc/sys/net/ipv4/tcp_congestion_control") as file:
        return file.read().strip()


def measure(tools):
    user = next(iter(tools.users.values()))
    bare_program = os.path.join(tools.scratch, "splice")
    subprocess.run(["cc", "-O2", "-pthread", "-o", bare_program, os.path.join(HERE, "splice.c")], check=True)
    tables = []
    own = own_congestion_control()
    for congestion in [None] if own == "reno" else [None, "reno"]:
        home = tempfile.mkdtemp(prefix="coop-benchmark-home-")
        shutil.chown(home, user.name)
        open_things = []
        try:
            server = Server(congestion)
            open_things.append(server)
            bare = Bare(bare_program, server)
            open_things.append(bare)
            plain = Client(user, "127.0.0.1")
            open_things.append(plain)
            inside = sandbox(tools, user, home, server)
            open_things.append(inside)
            tables.append(throughput(tools, server, bare, plain, inside, congestion or own, is_own=congestion is None))
            if congestion is None:
                tables.append(first_bytes(tools, server, plain, inside))
        finally:
            for thing in reversed(open_things):
                thing.close()
            shutil.rmtree(home)
    return tables


def throughput(tools, server, bare, plain, inside, congestion, is_own):
    size = (8 if tools.long else 2) << 30
    rounds = 9 if tools.long else 5
    table = figures.Table(
        f"Pass-through of the gateway, the host's sockets with {congestion}" + (" (this host's own)" if is_own else ""),
        ["", "plain loopback GB/s", "bare splice GB/s", "through the gateway GB/s", "of plain", "of bare splice", "target", ""])
    for name, kind in (("to the sandbox", "d"), ("from the sandbox", "u")):
        speeds = {"plain": [], "bare": [], "ours": []}
        for _ in range(rounds):
            speeds["plain"].append(size / plain.ask(kind, server.port, size, congestion) / 1e9)
            speeds["bare"].append(size / plain.ask(kind, bare.port, size, "reno") / 1e9)
            speeds["ours"].append(size / inside.ask(kind, 443, size) / 1e9)
        plainly, barely, ours = (figures.median(values) for values in speeds.values())
        share = ours / plainly
        table.add(
            name, f"{plainly:.2f}", f"{barely:.2f}", f"{ours:.2f}", f"{share:.0%}", f"{ours / barely:.0%}", "≥ 70 %" if is_own else "",
            figures.verdict(share >= 0.7) if is_own else "")
    table.note(f"median of {rounds} transfers of {size >> 30} GiB each way, in turns; sender, receiver and relay share {os.cpu_count()} cores")
    return table


def first_bytes(tools, server, plain, inside):
    table = figures.Table("First byte through the gateway", ["", "plain ms", "gateway ms", "later by ms", "target", ""])
    count = 2000 if tools.long else 500
    for name, kind in (("new connection, verdict, record and dial included", "first"), ("open connection", "open")):
        theirs, ours = [], []
        for _ in range(count):
            theirs.append(plain.ask(kind, server.port))
            ours.append(inside.ask(kind, 443))
        later = figures.median(ours) - figures.median(theirs)
        table.add(
            name, figures.ms(figures.median(theirs)), figures.ms(figures.median(ours)), figures.ms(later), "≤ 1 ms",
            figures.verdict(later <= 0.001))
    table.note(f"median of {count}, in turns")
    return table
