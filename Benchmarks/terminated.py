"""Terminated and injected HTTPS beside mitmproxy: the same client, the same server, in turns.

Coop is measured whole: the client runs in a sandbox, its connections are captured, each request is judged, recorded on the disk, and gets its
credential. mitmproxy sets one header, and verifies no certificate.
"""
import json
import os
import shutil
import socket
import ssl
import subprocess
import time

import figures

NAME = "bench.example.com"
# The one that the server of the benchmark asks for.
SECRET = "sk-0123456789abcdefghijklmnopqrstuvwxyz"
ADDON = f"def request(flow): flow.request.headers['authorization'] = 'Bearer {SECRET}'\n"
LARGE = 1 << 30


class Upstream:
    """The server, and its root as PEM."""

    def __init__(self, program, scratch):
        self.process = subprocess.Popen(
            [program, "upstream"], cwd=scratch, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.port = int(self.process.stdout.readline())
        self.root = os.path.join(scratch, "upstream-root.pem")
        with open(os.path.join(scratch, "upstream-root.der"), "rb") as der, open(self.root, "w") as pem:
            pem.write(ssl.DER_cert_to_PEM_cert(der.read()))

    def close(self):
        self.process.stdin.close()
        self.process.wait()


class Direct:
    """The client and the server with nothing in between."""

    name, credential = "nothing in between", "direct"

    def __init__(self, program, upstream):
        self.program, self.port = program, upstream.port

    def start(self, *arguments, **options):
        order, rest = arguments[0], arguments[1:]
        return subprocess.Popen([self.program, order, "127.0.0.1", str(self.port), *rest], text=True, **options)

    def processes(self):
        return []

    def close(self):
        pass


class Mitmproxy(Direct):
    name, credential = "mitmproxy", "injected"

    def __init__(self, program, upstream, scratch):
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        addon = os.path.join(scratch, "inject.py")
        with open(addon, "w") as file:
            file.write(ADDON)
        self.program, self.port = program, port
        self.process = subprocess.Popen(
            ["mitmdump", "--quiet", "--set", f"confdir={scratch}/mitmproxy", "--set", "keep_host_header=true", "--ssl-insecure",
             "--mode", f"reverse:https://127.0.0.1:{upstream.port}/", "--listen-host", "127.0.0.1", "--listen-port", str(port), "-s", addon],
            stdin=subprocess.DEVNULL)
        for _ in range(600):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.1)
        raise SystemExit("mitmdump does not listen")

    def close(self):
        self.process.terminate()
        self.process.wait()


class Coop:
    """A sandbox for each measurement, whose only grant is the server's."""

    name, credential = "coop", "injected"

    def __init__(self, program, coop, user, upstream, scratch):
        self.coop, self.user = coop, user
        self.home = os.path.join(scratch, "home")
        os.makedirs(self.home, mode=0o700)
        self.program = os.path.join(user.workspace, "http-gateway-benchmark")
        shutil.copy(program, self.program)
        root = os.path.join(user.workspace, "upstream-root.pem")
        shutil.copy(upstream.root, root)
        configuration = os.path.join(self.home, "config.toml")
        with open(configuration, "w") as file:
            file.write(f'[network]\nmode = "scoped"\nca = ["{root}"]\n[network.hosts]\n"{NAME}" = "127.0.0.1:{upstream.port}"\n')
        os.chmod(configuration, 0o600)
        for path in (self.home, self.program, root, configuration):
            os.chown(path, user.id, user.group)
        self.do("secret", "add", "--global", "BENCH_TOKEN", input=SECRET)
        self.do(
            "grant", "add", "bench", "--domain", NAME, "--header", "Authorization", "--template", "Bearer {value}", "--secret", "BENCH_TOKEN")

    def argv(self, *arguments):
        return ["env", f"COOP_HOME={self.home}", self.coop, *arguments]

    def do(self, *arguments, input=""):
        process = self.user.start(self.argv(*arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        said, _ = process.communicate(input.encode())
        if process.returncode != 0:
            raise SystemExit(f"coop {' '.join(arguments[:2])} ended with {process.returncode}: {said.decode()}")

    def start(self, *arguments, **options):
        order, rest = arguments[0], arguments[1:]
        # A name that the gateway has given an address; the client itself looks nothing up.
        script = f'address=$(getent ahostsv4 {NAME} | {{ read first rest; echo $first; }}); exec "$0" {order} "$address" 443 "$@"'
        self.process = self.user.start(self.argv("run", "--", "sh", "-c", script, self.program, *rest), text=True, **options)
        return self.process

    def processes(self):
        """The gateways of the sandbox."""
        found = []
        for pid in filter(str.isdigit, os.listdir("/proc")):
            try:
                if parent(pid) == self.process.pid and os.path.basename(os.readlink(f"/proc/{pid}/exe")) == "coop-gateway":
                    found.append(pid)
            except OSError:
                pass
        return found

    def close(self):
        for name in ("http-gateway-benchmark", "upstream-root.pem"):
            os.unlink(os.path.join(self.user.workspace, name))


def parent(pid):
    with open(f"/proc/{pid}/stat") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def resident(pids):
    """Megabytes in memory now."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            total += sum(int(line.split()[1]) for line in file if line.startswith("VmRSS"))
    return total / 1024


def answer(process, name):
    line = process.stdout.readline()
    if not line.startswith("{"):
        raise SystemExit(f"{name}: no result of the client, but {line!r}")
    return json.loads(line)


def load(contender, connections, seconds):
    process = contender.start("load", contender.credential, str(connections), str(seconds), stdout=subprocess.PIPE)
    result = answer(process, contender.name)
    if process.wait() != 0 or result["failures"]:
        raise SystemExit(f"{contender.name}: {result['failures']} requests failed, the client ended with {process.returncode}")
    return result


def transfer(contender, direction, size):
    """Gigabytes a second, and megabytes of the gateway before and after."""
    process = contender.start("transfer", direction, str(size), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    if process.stdout.readline() != "ready\n":
        raise SystemExit(f"{contender.name}: no connection")
    before = resident(contender.processes())
    process.stdin.write("\n")
    process.stdin.flush()
    result = answer(process, contender.name)
    after = resident(contender.processes())
    process.communicate("\n")
    return size / result["seconds"] / 1e9, before, after


def measure(tools):
    program = os.path.join(tools.build, "http-gateway-benchmark")
    seconds, rounds = (5, 5) if tools.long else (2, 3)
    connections = 64
    scratch = os.path.join(tools.scratch, "terminated")
    os.makedirs(scratch)
    upstream = Upstream(program, scratch)
    contenders = [Direct(program, upstream)]
    try:
        user = next(iter(tools.users.values()))
        contenders.append(Coop(program, tools.coop, user, upstream, scratch))
        if shutil.which("mitmdump"):
            contenders.append(Mitmproxy(program, upstream, scratch))
        results = {contender.name: [] for contender in contenders}
        for _ in range(rounds):
            for contender in contenders:
                results[contender.name].append(load(contender, connections, seconds))
        return [requests(results, connections, rounds, seconds), crowd(contenders[1], seconds), stream(contenders)]
    finally:
        for contender in contenders:
            contender.close()
        upstream.close()


def requests(results, connections, rounds, seconds):
    table = figures.Table("Terminated and injected HTTPS", ["", "requests/s", "p50 ms", "p99 ms", "target", ""])
    def median(name, key):
        return figures.median([result[key] for result in results[name]])
    for name in results:
        target, verdict = "", ""
        if name == "coop" and "mitmproxy" in results:
            ratio = median("coop", "perSecond") / median("mitmproxy", "perSecond")
            target, verdict = "≥ 5 × mitmproxy", f"{ratio:.1f} ×, {figures.verdict(ratio >= 5)}"
        table.add(name, median(name, "perSecond"), f"{median(name, 'p50'):.2f}", f"{median(name, 'p99'):.2f}", target, verdict)
    if "mitmproxy" in results:
        lower = median("coop", "p99") < median("mitmproxy", "p99")
        table.add("coop: p99", "", "", "", "below mitmproxy's", figures.verdict(lower))
        version = subprocess.run(["mitmdump", "--version"], capture_output=True, text=True).stdout.splitlines()[0]
        table.note(f"{version}, which verifies no certificate, judges and records nothing")
    else:
        table.note("mitmproxy is not installed: nothing to compare with")
    table.note(f"{connections} connections, median of {rounds} times {seconds} s in turns, after a second of warming up")
    table.note("client, gateway, supervisor and server share the machine's cores; each of coop's requests is on the disk before it leaves")
    return table


def crowd(coop, seconds):
    count = 1000
    result = load(coop, count, seconds)
    table = figures.Table("Many connections at once", ["", "requests/s", "p50 ms", "p99 ms", "failures", "target", ""])
    table.add(
        f"coop, {count} connections", result["perSecond"], f"{result['p50']:.2f}", f"{result['p99']:.2f}", result["failures"],
        "all are served", figures.verdict(result["failures"] == 0 and result["requests"] >= count))
    return table


def stream(contenders):
    table = figures.Table("1 GiB through a terminated connection", ["", "GB/s", "gateway's memory before MB", "after MB", "target", ""])
    for direction, title in (("down", "to the sandbox"), ("up", "from the sandbox")):
        for contender in contenders[:2]:
            speed, before, after = transfer(contender, direction, LARGE)
            if before:
                table.add(
                    f"{title}: {contender.name}", f"{speed:.2f}", f"{before:.0f}", f"{after:.0f}", "grows by ≤ 8 MB",
                    figures.verdict(after - before <= 8))
            else:
                table.add(f"{title}: {contender.name}", f"{speed:.2f}", "", "", "", "")
    return table
