"""Drives a server with an independent client library, and with frames that no library sends.

client.py PORT EVENTS [TOKEN]: the log behind the server holds so many events. The server of a test of its own, without TOKEN, is told to end.
"""
import asyncio, base64, json, os, socket, struct, sys
import websockets

port, events = int(sys.argv[1]), int(sys.argv[2])
url = f"ws://127.0.0.1:{port}/"
token = sys.argv[3] if len(sys.argv) > 3 else "secret"
headers = {"Authorization": f"Bearer {token}"}
# Version 14 has names of its own.
is_new = int(websockets.__version__.split(".")[0]) >= 14


def connect(address, sent=None, **options):
    if sent:
        options["additional_headers" if is_new else "extra_headers"] = sent
    # On a busy machine everything may take longer than the library expects.
    return websockets.connect(address, **{"open_timeout": None, "close_timeout": 60, "ping_interval": None, **options})


def refusal(error):
    return error.response.status_code if is_new else error.status_code


async def replay(start, count, **options):
    async with connect(f"{url}?from={start}", headers, max_size=None, **options) as client:
        return [json.loads(await client.recv())["seq"] for _ in range(count)]


async def library():
    # Every event once, in order, from any place; by many at once, and through a narrow buffer.
    assert await replay(1, events) == list(range(1, events + 1))
    assert await replay(events, 1) == [events]
    found = await asyncio.gather(*(replay(1 + n * 10, events - n * 10) for n in range(20)))
    for n, numbers in enumerate(found):
        assert numbers == list(range(1 + n * 10, events + 1)), n
    # The token in the query, pings with content, fragments, an empty message, close codes.
    async with connect(f"{url}?from={events}&token={token}") as client:
        await (await client.ping(b"x" * 125))
        await client.send(["frag", "", "mented \U0001f986"])
        await client.send("")
        await client.close(3001, "bye")
        assert client.close_code == 3001, client.close_code
    # A slow reader stops only itself.
    slow = await connect(url, headers, max_queue=1)
    assert await replay(1, events) == list(range(1, events + 1))
    assert [json.loads(await slow.recv())["seq"] for _ in range(events)] == list(range(1, events + 1))
    await slow.close()
    for path, sent, status in [
        ("", {}, 401), ("?token=wrong", {}, 401), ("?token=", {}, 401), ("", {**headers, "Origin": "https://evil.example"}, 403),
        ("", {**headers, "Origin": "null"}, 403), ("", {"Authorization": f"Basic {token}"}, 401),
    ]:
        try:
            await connect(url + path, sent)
            raise SystemExit(f"admitted: {path} {sent}")
        except (websockets.InvalidStatus if is_new else websockets.InvalidStatusCode) as error:
            assert refusal(error) == status, (path, sent, refusal(error))
    client = await connect(f"{url}?from=0", headers)
    try:
        await client.recv()
    except websockets.ConnectionClosed:
        pass
    assert client.close_code == 1008, client.close_code


def head(method="GET", host=f"127.0.0.1:{port}", version="13", key=None, more="", protocol="HTTP/1.1"):
    key = key or base64.b64encode(os.urandom(16)).decode()
    return (
        f"{method} /?from={events}&token={token} {protocol}\r\nHost: {host}\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\n"
        f"Sec-WebSocket-Version: {version}\r\nSec-WebSocket-Key: {key}\r\n{more}\r\n"
    ).encode()


def read_all(client):
    """What comes until the server has said everything."""
    data = b""
    while True:
        piece = client.recv(65536)
        if not piece:
            return data
        data += piece


def status(request):
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(request)
    return int(read_all(client).split(b" ", 2)[1])


def frame(opcode, payload=b"", fin=True, masked=True, reserved=0, length=None):
    first = (0x80 if fin else 0) | reserved << 4 | opcode
    data = bytes([first])
    bit = 0x80 if masked else 0
    if length is not None:
        data += length
    elif len(payload) < 126:
        data += bytes([bit | len(payload)])
    elif len(payload) < 65536:
        data += bytes([bit | 126]) + struct.pack(">H", len(payload))
    else:
        data += bytes([bit | 127]) + struct.pack(">Q", len(payload))
    if not masked:
        return data + payload
    mask = os.urandom(4)
    return data + mask + bytes(byte ^ mask[index % 4] for index, byte in enumerate(payload))


def conversation(data, pieces=None):
    """What the server answers to frames: a list of opcode and payload."""
    client = socket.create_connection(("127.0.0.1", port), timeout=60)
    client.sendall(head())
    try:
        for start in range(0, len(data), pieces or max(1, len(data))):
            client.sendall(data[start : start + (pieces or len(data))])
    except OSError:
        pass  # It has said what it thinks of the beginning.
    answer = read_all(client)
    answer = answer[answer.index(b"\r\n\r\n") + 4 :]
    frames = []
    while answer:
        length, start = answer[1] & 0x7F, 2
        if length == 126:
            length, start = struct.unpack(">H", answer[2:4])[0], 4
        frames.append((answer[0] & 15, answer[start : start + length]))
        answer = answer[start + length :]
    # Events come in between.
    return [part for part in frames if part[0] != 1]


def closes_with(data, code, pieces=None):
    found = conversation(data, pieces)
    assert found and found[-1][0] == 8, (data[:40], found)
    assert struct.unpack(">H", found[-1][1][:2])[0] == code, (data[:40], found)


def hostile():
    normal = frame(8, struct.pack(">H", 1000))
    assert status(head(method="POST")) == 405
    assert status(head(version="8")) == 426
    assert status(head(key="short")) == 400
    assert status(head(host="evil.example")) == 421
    assert status(head(host=f"127.0.0.1.evil.example:{port}")) == 421
    assert status(head(more=f"Host: 127.0.0.1:{port}\r\n")) == 400
    assert status(head(more="Content-Length: 5\r\n")) == 400
    assert status(head(more=" folded: 1\r\n")) == 400
    assert status(head(protocol="HTTP/1.0")) == 400
    assert status(head(more="X: " + "x" * 20000 + "\r\n")) == 431
    assert status(b"\r\n\r\n") == 400
    assert status(b"GET / HTTP/1.1\r\nHost: localhost:%d\r\n\r\n" % port) == 426
    assert status(b"GET / HTTP/1.1\nHost: localhost\n\r\n\r\n") == 400
    for data, code in [
        (frame(1, b"x", masked=False), 1002), (frame(1, b"x", reserved=4), 1002), (frame(1, b"x", reserved=1), 1002), (frame(3, b""), 1002),
        (frame(11, b""), 1002), (frame(9, b"x" * 126), 1002), (frame(9, b"", fin=False), 1002), (frame(0, b"x"), 1002),
        (frame(1, b"x", fin=False) + frame(1, b"y"), 1002), (frame(8, b"x"), 1002), (frame(8, struct.pack(">H", 1005)), 1002),
        (frame(8, struct.pack(">H", 999)), 1002), (frame(8, struct.pack(">H", 5000)), 1002), (frame(8, struct.pack(">H", 1000) + b"\xff"), 1007),
        (frame(1, b"\xff"), 1007), (frame(1, b"\xed\xa0\x80"), 1007), (frame(1, b"\xc0\xaf"), 1007), (frame(1, b"\xe6\xbc"), 1007),
        (frame(1, b"\xe6", fin=False) + frame(0, b"\x41"), 1007), (frame(1, b"x" * 70000), 1009),
        (frame(1, b"x" * 60000, fin=False) + frame(0, b"y" * 60000), 1009), (frame(1, b"", length=b"\xff" + b"\x80" + b"\0" * 7), 1002),
        (frame(1, b"", length=b"\xff" + b"\x7f" + b"\xff" * 7), 1009), (frame(1, b"", length=b"\xfe\0\x05"), 1002),
        (frame(1, b"", length=b"\xff" + b"\0" * 7 + b"\x05"), 1002), (normal, 1000), (frame(8, struct.pack(">H", 4999) + b"ok") + frame(1, b"\xff"), 4999),
    ]:
        closes_with(data, code)
        if len(data) < 200:
            closes_with(data, code, pieces=1)
    assert conversation(frame(8))[-1] == (8, b"")
    # Control frames between fragments; a character in two of them.
    found = conversation(frame(1, b"\xe6\xbc", fin=False) + frame(9, b"ping") + frame(10, b"unasked") + frame(0, b"\xa2") + normal)
    assert found == [(10, b"ping"), (8, struct.pack(">H", 1000))], found
    # What was whole before a wrong frame counts.
    assert conversation(frame(9, b"a") + frame(3))[0] == (10, b"a")
    # Flooded with pings by somebody who reads nothing, the server goes on for others.
    flood = socket.create_connection(("127.0.0.1", port), timeout=60)
    flood.sendall(head())
    flood.setblocking(False)
    sent, data = 0, frame(9, b"x" * 100) * 1000
    while sent < 64 << 20:
        try:
            sent += flood.send(data)
        except BlockingIOError:
            break
    assert sent < 64 << 20, "it never stopped reading"
    closes_with(normal, 1000)
    flood.close()


asyncio.run(library())
hostile()
if len(sys.argv) > 3:
    print("conforms")
    sys.exit()
last = socket.create_connection(("127.0.0.1", port), timeout=60)
last.sendall(head() + frame(1, b"end"))
read_all(last)
print("conforms")
