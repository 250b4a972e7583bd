"""Both ends of the transfers that gateway.py measures: the server outside, and the client, which also runs in a sandbox, as text for python3 -c.

The client reads lines from its input, `KIND SIZE PORT CONGESTION`, and prints for each the seconds that it took.
"""
import socket
import sys
import time

PIECE = 1 << 20
NAME = b"bench.example.com"
TCP_CONGESTION = 13


def vector(data, size=2):
    return len(data).to_bytes(size, "big") + data


def client_hello():
    """A TLS ClientHello for NAME (RFC 8446, 4.1.2), which the gateway reads; the server takes it for what comes first."""
    name = b"\0\0" + vector(vector(b"\0" + vector(NAME)))
    body = b"\3\3" + b"r" * 32 + b"\0" + vector(b"\x13\x01") + b"\1\0" + vector(name)
    return b"\x16\3\1" + vector(b"\1" + vector(body, 3))


HELLO = client_hello()


def prepare(end, congestion):
    end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if congestion != "-":
        end.setsockopt(socket.IPPROTO_TCP, TCP_CONGESTION, congestion.encode())


def serve(listener):
    """Takes one order a connection, after the hello: `d` and a size sends so much, `u` takes it, `p` says one byte."""
    zeros = bytes(PIECE)
    room = bytearray(PIECE)
    while True:
        peer, _ = listener.accept()
        with peer:
            try:
                peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                if len(peer.recv(len(HELLO), socket.MSG_WAITALL)) < len(HELLO):
                    continue
                order = peer.recv(9, socket.MSG_WAITALL)
                kind, size = order[:1], int.from_bytes(order[1:], "big")
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


def transfer(address, kind, size, congestion):
    """Seconds for `size` bytes in one direction, until the other side has confirmed them."""
    room = bytearray(PIECE)
    zeros = bytes(PIECE)
    with socket.create_connection(address) as end:
        prepare(end, congestion)
        end.sendall(HELLO + kind + size.to_bytes(8, "big"))
        begin = time.monotonic()
        left = size
        if kind == b"d":
            while left > 0 and (count := end.recv_into(room, min(left, PIECE))):
                left -= count
        else:
            while left > 0:
                left -= end.send(zeros[:min(left, PIECE)])
        if end.recv(1) != b"!":
            sys.exit("a transfer was cut")
        return time.monotonic() - begin


def first_byte(address):
    """Seconds from the connection's beginning to the first byte of the answer."""
    begin = time.monotonic()
    with socket.create_connection(address) as end:
        prepare(end, "-")
        end.sendall(HELLO + b"p" + bytes(8))
        if end.recv(1) != b"!":
            sys.exit("no first byte")
        return time.monotonic() - begin


def round_trip(address):
    """Seconds from a byte to its answer's, on an open connection: the order is the byte."""
    with socket.create_connection(address) as end:
        prepare(end, "-")
        end.sendall(HELLO)
        time.sleep(0.001)
        begin = time.monotonic()
        end.sendall(b"p" + bytes(8))
        if end.recv(1) != b"!":
            sys.exit("no answer")
        return time.monotonic() - begin


def obey(host):
    # The name is looked up once: a transfer is measured, not DNS.
    host = socket.gethostbyname(host)
    for line in sys.stdin:
        kind, size, port, congestion = line.split()
        address = (host, int(port))
        if kind == "first":
            seconds = first_byte(address)
        elif kind == "open":
            seconds = round_trip(address)
        else:
            seconds = transfer(address, kind.encode(), int(size), congestion)
        print(seconds, flush=True)


if __name__ == "__main__":
    obey(sys.argv[1])
