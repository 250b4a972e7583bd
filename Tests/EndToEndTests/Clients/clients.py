"""Libraries of Python against service.js: clients.py HOST; prints a line for each that works."""
import asyncio
import sys

import aiohttp
import grpc
import httpx
import requests
import websockets

host = sys.argv[1]
base = f"https://{host}"
body = bytes(range(256)) * 4096

with requests.Session() as session:
    assert session.get(base + "/hello").text == "hello 1.1\n"
    assert session.post(base + "/echo", data=body).content == body
    assert session.post(base + "/echo", data=iter([b"a", b"b"])).content == b"ab"
print("requests")

for is_second in (False, True):
    with httpx.Client(http2=is_second) as client:
        answer = client.get(base + "/hello")
        assert answer.text == ("hello 2.0\n" if is_second else "hello 1.1\n"), answer.text
        assert client.post(base + "/echo", content=body).content == body
        with client.stream("GET", base + "/events") as events:
            assert [line for line in events.iter_lines() if line] == ["data: 1", "data: 2", "data: 3"]
    print("httpx", answer.http_version)


async def others():
    async with aiohttp.ClientSession() as session:
        answers = await asyncio.gather(*(session.get(base + "/hello") for _ in range(20)))
        assert {await answer.text() for answer in answers} == {"hello 1.1\n"}
        async with session.post(base + "/echo", data=body) as answer:
            assert await answer.read() == body
    print("aiohttp")
    async with websockets.connect(f"wss://{host}/ws", proxy=None) as socket:
        for text in ("one", "two"):
            await socket.send(text)
            assert await socket.recv() == text
    print("websockets")


asyncio.run(others())

with grpc.secure_channel(f"{host}:443", grpc.ssl_channel_credentials()) as channel:
    assert channel.unary_unary("/coop.Test/Echo")(b"over grpc", timeout=60) == b"over grpc"
print("grpcio")
