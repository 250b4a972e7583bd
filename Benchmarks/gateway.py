"""The gateway's relay beside plain loopback: throughput of one passed-through connection, and time to the first byte."""
import os
import socket
import struct
import subprocess
import sys
import threading
import time

import figures

PIECE = 1 << 20
HELLO_NAME = b"bench.example.com"


def vector(data, size=2):
    return len(data).to_bytes(size, "big") + data


def client_hello():
    """A TLS ClientHello for HELLO_NAME (RFC 8446, 4.1.2); the upstream of the benchmark does not read it."""
    name = b"\0\0" + vector(vector(b"\0" + vector(HELLO_NAME)))
    body = b"\3\3" + b"r" * 32 + b"\0" + vector(b"\x13\x01") + b"\1\0" + vector(name)
    return b"\x16\3\1" + vector(b"\1" + vector(body, 3))


class Gateway:
    """A coop-gateway whose supervisor lets everything pass to one port of loopback (Sources/GatewayProtocol)."""

    def __init__(self, program, port):
        self.upstream = port
        self.channel, theirs = socket.socketpair()
        def place():
            os.dup2(theirs.fileno(), 3, inheritable=True)
        self.process = subprocess.Popen([program], preexec_fn=place, close_fds=False)
        theirs.close()
        listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
        self.port = listener.getsockname()[1]
        limits = struct.pack("<7I", 4096, 65536, 30, 600, 3600, 128 << 10, 64)
        # No authority; and no roots, stubs, places, schemes, fingerprints (one byte) and names of secrets.
        self.send(1, b"\0" + limits + bytes(4 * 4 + 1 + 4))
        self.send(2, b"\1", [listener.fileno()])
        listener.close()
        threading.Thread(target=self.answer, daemon=True).start()

    def send(self, kind, fields, descriptors=()):
        message = struct.pack("<IBB", len(fields) + 2, kind, len(descriptors)) + fields
        socket.send_fds(self.channel, [message], list(descriptors))

    def answer(self):
        data = b""
        while piece := self.channel.recv(65536):
            data += piece
            while len(data) >= 4 and len(data) >= 4 + (size := struct.unpack_from("<I", data)[0]):
                body, data = data[4:4 + size], data[4 + size:]
                if body[0] != 2:
                    continue
                number = body[2:10]
                # The destination is kind, counted name, port; then how it came, and the protocol: 5 is "not known yet".
                name = struct.unpack_from("<I", body, 11)[0]
                if body[15 + name + 3] == 5:
                    self.send(14, number)
                    continue
                with socket.create_connection(("127.0.0.1", self.upstream)) as upstream:
                    upstream.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                    self.send(5, number)
                    self.send(8, number + bytes(4), [upstream.fileno()])

    def connect(self):
        client = socket.create_connection(("127.0.0.1", self.port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.sendall(b"CONNECT " + HELLO_NAME + b":443 HTTP/1.1\r\n\r\n")
        answer = client.recv(39, socket.MSG_WAITALL)
        if not answer.startswith(b"HTTP/1.1 200"):
            raise SystemExit(f"the gateway answers {answer}")
        return client

    def close(self):
        self.send(13, b"")
        self.process.wait()


def serve(listener):
    """A process that takes one order a connection, after the hello: `d` and a size sends so much, `u` takes it, `p` says one byte."""
    hello = len(client_hello())
    zeros = bytes(PIECE)
    room = bytearray(PIECE)
    while True:
        peer, _ = listener.accept()
        with peer:
            peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            if len(peer.recv(hello, socket.MSG_WAITALL)) < hello:
                continue
            order = peer.recv(9, socket.MSG_WAITALL)
            kind, size = order[:1], int.from_bytes(order[1:], "big")
            try:
                if kind == b"d":
                    while size > 0:
                        size -= peer.send(zeros[:min(size, PIECE)])
                elif kind == b"u":
                    while size > 0 and (count := peer.recv_into(room)):
                        size -= count
                peer.sendall(b"!")
                peer.recv(1)
            except OSError:
                pass


def order(client, kind, size):
    client.sendall(client_hello() + kind + size.to_bytes(8, "big"))


def transfer(connect, kind, size):
    """Seconds for `size` bytes in one direction, until the other side has confirmed them."""
    room = bytearray(PIECE)
    zeros = bytes(PIECE)
    with connect() as client:
        order(client, kind, size)
        begin = time.monotonic()
        left = size
        if kind == b"d":
            while left > 0 and (count := client.recv_into(room, min(left, PIECE))):
                left -= count
        else:
            while left > 0:
                left -= client.send(zeros[:min(left, PIECE)])
        if client.recv(1) != b"!":
            raise SystemExit("a transfer was cut")
        return time.monotonic() - begin


def first_byte(connect):
    """Seconds from the connection's beginning to the first byte of the answer."""
    begin = time.monotonic()
    with connect() as client:
        order(client, b"p", 0)
        if client.recv(1) != b"!":
            raise SystemExit("no first byte")
        return time.monotonic() - begin


def round_trip(connect, count):
    """Seconds from a byte to its answer's, on an open connection: the order is the byte."""
    times = []
    for _ in range(count):
        with connect() as client:
            client.sendall(client_hello())
            time.sleep(0.001)
            begin = time.monotonic()
            client.sendall(b"p" + bytes(8))
            if client.recv(1) != b"!":
                raise SystemExit("no answer")
            times.append(time.monotonic() - begin)
    return times


def compare(program, long=False):
    listener = socket.create_server(("127.0.0.1", 0), backlog=1024)
    server = os.fork()
    if server == 0:
        try:
            serve(listener)
        finally:
            os._exit(0)
    port = listener.getsockname()[1]
    gateway = Gateway(program, port)
    def plain():
        client = socket.create_connection(("127.0.0.1", port))
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return client
    size = (8 if long else 2) << 30
    rounds = 9 if long else 5
    try:
        speeds = figures.Table("Pass-through of the gateway", ["", "plain loopback GB/s", "through the gateway GB/s", "share", "target", ""])
        for name, kind in (("to the sandbox", b"d"), ("from the sandbox", b"u")):
            ours, theirs = [], []
            for _ in range(rounds):
                theirs.append(size / transfer(plain, kind, size) / 1e9)
                ours.append(size / transfer(gateway.connect, kind, size) / 1e9)
            share = figures.median(ours) / figures.median(theirs)
            speeds.add(
                name, f"{figures.median(theirs):.2f}", f"{figures.median(ours):.2f}", f"{share:.0%}", "≥ 70 %",
                figures.verdict(share >= 0.7))
        speeds.note(f"median of {rounds} transfers of {size >> 30} GiB each way, in turns; sender, receiver and relay share the machine's cores")
        delays = figures.Table("First byte through the gateway", ["", "plain ms", "gateway ms", "later by ms", "target", ""])
        count = 2000 if long else 500
        for name, ours, theirs in (
            ("new connection, verdict and dial included", *zip(*((first_byte(gateway.connect), first_byte(plain)) for _ in range(count)))),
            ("open connection", round_trip(gateway.connect, count), round_trip(plain, count)),
        ):
            later = figures.median(ours) - figures.median(theirs)
            delays.add(
                name, figures.ms(figures.median(theirs)), figures.ms(figures.median(ours)), figures.ms(later), "≤ 1 ms",
                figures.verdict(later <= 0.001))
        delays.note(f"median of {count}; the supervisor that answers and dials is this script")
        return [speeds, delays]
    finally:
        gateway.close()
        os.kill(server, 9)
        os.waitpid(server, 0)


def measure(tools):
    return compare(os.path.join(os.path.dirname(tools.coop), "..", "libexec", "coop", "coop-gateway"), tools.long)


if __name__ == "__main__":
    for table in compare(sys.argv[1], "--long" in sys.argv):
        print(table)
