"""A session's event log: written durably, read again, and served to many subscribers at once."""
import base64
import fcntl
import json
import os
import selectors
import shutil
import socket
import sqlite3
import subprocess
import tempfile
import time
import zlib

import decisions
import figures

SUBSCRIBERS = 100


class Session:
    """A session that lives as long as this object, with a writer of the benchmark's own."""

    def __init__(self, tools, directory):
        self.home = os.path.join(directory, "home")
        self.log = os.path.join(self.home, "projects", "-benchmark", "sessions", "benchmarking")
        run = os.path.join(self.home, "run", "benchmarking")
        for path in (self.log, run):
            os.makedirs(path, mode=0o700)
        with open(os.path.join(self.log, "summary"), "w") as file:
            file.write("coop-session 1\nid benchmarking\nworkspace /\nstarted 1\nstate working\nsince 1\nterminal no\ndirectory /\n")
        self.lock = open(os.path.join(run, "lock"), "w")
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.writer = subprocess.Popen(
            [os.path.join(tools.build, "event-log-benchmark"), "burst", self.log], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.writer.stdout.readline() == "ready\n"

    def append(self, count):
        """Begins to append so many events."""
        self.writer.stdin.write(f"{count}\n")
        self.writer.stdin.flush()

    def appended(self):
        """The seconds that it took."""
        return float(self.writer.stdout.readline())

    def close(self):
        self.writer.stdin.close()
        self.writer.wait()


class Subscribers:
    """Connections to `coop subscribe`, which only count what they are sent."""

    def __init__(self, tools, session, count):
        self.server = subprocess.Popen(
            [tools.coop, "subscribe", "benchmarking"], stdout=subprocess.PIPE, text=True, env={**os.environ, "COOP_HOME": session.home})
        where = json.loads(self.server.stdout.readline())
        self.port = int(where["url"].rsplit(":", 1)[1].rstrip("/"))
        self.selector = selectors.DefaultSelector()
        self.received, self.sums = {}, {}
        for _ in range(count):
            client = self.connect(where["token"])
            self.selector.register(client, selectors.EVENT_READ)
            self.received[client] = self.sums[client] = 0

    def connect(self, token):
        client = socket.create_connection(("127.0.0.1", self.port))
        key = base64.b64encode(os.urandom(16)).decode()
        client.sendall(
            f"GET /?token={token} HTTP/1.1\r\nHost: 127.0.0.1:{self.port}\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n".encode())
        answer = b""
        while not answer.endswith(b"\r\n\r\n"):
            # Byte by byte: what follows are events already.
            answer += client.recv(1)
        client.setblocking(False)
        return client

    def read(self, size):
        """Reads until every one has been sent so many bytes; all must have been sent the same."""
        while any(count < size for count in self.received.values()):
            for key, _ in self.selector.select():
                try:
                    data = key.fileobj.recv(1 << 20)
                except BlockingIOError:
                    continue
                assert data, "the server has closed a connection"
                self.received[key.fileobj] += len(data)
                self.sums[key.fileobj] = zlib.crc32(data, self.sums[key.fileobj])
        assert len(set(self.sums.values())) == 1 and set(self.received.values()) == {size}

    def close(self):
        for client in self.received:
            client.close()
        self.server.terminate()
        self.server.wait()


def frames(session, after=0):
    """How many bytes the events after a number are as frames of a server, and the number of the last."""
    log = sqlite3.connect(f"file:{session.log}/events.db?mode=ro", uri=True)
    size = 0
    for seq, kind, fields in log.execute("SELECT seq, type, fields FROM events WHERE seq > ? ORDER BY seq", (after,)):
        # `{"v":1,"seq":N,"at":"…27 bytes…","type":"T"` and the fields after a comma.
        length = len(f'{{"v":1,"seq":{seq},"at":"","type":"{kind}"}}') + 27 + (len(fields.encode()) - 1 if len(fields) > 2 else 0)
        size += length + (2 if length < 126 else 4 if length < 65536 else 10)
        after = seq
    log.close()
    return size, after


def served(tools, directory, count):
    """Seconds to the disk with and without subscribers, until all have everything, and of one event to all."""
    session = Session(tools, directory)
    session.append(count)
    alone = session.appended()
    size, last = frames(session)
    # From here on: what is sent while the others connect waits in buffers already.
    began = time.monotonic()
    subscribers = Subscribers(tools, session, SUBSCRIBERS)
    subscribers.read(size)
    replayed = time.monotonic() - began
    began = time.monotonic()
    session.append(count)
    written = session.appended()
    more, last = frames(session, last)
    size += more
    subscribers.read(size)
    delivered = time.monotonic() - began
    latencies = []
    for _ in range(200):
        before = time.monotonic()
        session.append(1)
        session.appended()
        more, last = frames(session, last)
        size += more
        subscribers.read(size)
        latencies.append(time.monotonic() - before)
    session.close()
    subscribers.close()
    return alone, written, replayed, delivered, latencies


def measure(tools):
    directory = tempfile.mkdtemp(prefix="coop-events-", dir="/var/tmp")
    try:
        os.mkdir(os.path.join(directory, "log"), 0o700)
        count = 2_000_000 if tools.long else 500_000
        found = decisions.output(tools, "event-log-benchmark", "measure", os.path.join(directory, "log"), str(count))
        live = 100_000 if tools.long else 20_000
        alone, written, replayed, delivered, latencies = served(tools, directory, live)
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    table = figures.Table("The event log of a session", ["", "measured", "target", ""])
    rate, replay = found["ingestedPerSecond"], found["replayedPerSecond"]
    table.add("events a second, each on the disk at the end", rate, "≥ 50000", figures.verdict(rate >= 50_000))
    table.add("events a second, read again as JSON lines", replay, "≥ 300000", figures.verdict(replay >= 300_000))
    table.add("the terminal's output, MB a second", found["terminalMegabytesPerSecond"], "≥ 3.4", figures.verdict(found["terminalMegabytesPerSecond"] >= 3.4))
    with_subscribers = int(live / written)
    table.add(
        f"events a second with {SUBSCRIBERS} subscribers, each on the disk", with_subscribers, "≥ 50000", figures.verdict(with_subscribers >= 50_000))
    table.add(f"frames a second to {SUBSCRIBERS} subscribers, live", int(live * SUBSCRIBERS / delivered), "", "")
    table.add(f"frames a second to {SUBSCRIBERS} subscribers, from the disk", int(live * SUBSCRIBERS / replayed), "", "")
    table.add(f"one event at all {SUBSCRIBERS}, p50 ms", figures.ms(figures.median(latencies)), "", "")
    table.add(f"one event at all {SUBSCRIBERS}, p99 ms", figures.ms(figures.percentile(latencies, 0.99)), "", "")
    table.note(
        f"{found['events']} events of 150 bytes; one alone is on the disk in {found['eventMedianMicroseconds']} µs (p50), "
        f"{found['eventP99Microseconds']} µs (p99); whoever starts a log waits {found['startMicroseconds']} µs for it")
    table.note(f"{live} events with subscribers, {int(live / alone)} a second without; all are sent by one `coop subscribe`, and taken by one process")
    return [table]
