"""Subscribes often to one session and checks that every event comes once and in order until the server says that there is no more.

subscribers.py URL TOKEN COUNT LAST [FIRST]
"""
import asyncio, json, socket, sys
import websockets

url, token, count, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
first = int(sys.argv[5]) if len(sys.argv) > 5 else 1
# Version 14 has another name for it.
option = "additional_headers" if int(websockets.__version__.split(".")[0]) >= 14 else "extra_headers"
headers = {option: {"Authorization": f"Bearer {token}"}}


async def connect(address=url, **options):
    return await websockets.connect(address, max_size=None, open_timeout=None, ping_interval=None, **headers, **options)


async def linger(client, numbers):
    """Takes a little now and then: the server gives up whoever takes and says nothing for a minute, and the others may need longer."""
    while True:
        await asyncio.sleep(15)
        # The server hears it where nothing waits to be sent.
        await client.pong()
        # More than the library reads ahead, so that the server can send; never the last ones, which would be the goodbye.
        if len(numbers) + 30 < last - first:
            for _ in range(30):
                numbers.append(json.loads(await client.recv())["seq"])


async def complete(client, start=first, numbers=()):
    numbers = list(numbers)
    try:
        while True:
            numbers.append(json.loads(await client.recv())["seq"])
    except websockets.ConnectionClosed:
        pass
    assert numbers == list(range(start, last + 1)), (start, numbers[:3], numbers[-3:], len(numbers))
    assert client.close_code == 1000, client.close_code


async def main():
    # Reads hardly anything before all others have everything, and has hardly any room for it. It comes first: as long as it has not said
    # goodbye the server is there for the others, however short the session is.
    narrow = socket.socket()
    narrow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    narrow.connect(("127.0.0.1", int(url.split(":")[2].strip("/"))))
    slow = await connect(max_queue=1, sock=narrow)
    taken = []
    lingering = asyncio.create_task(linger(slow, taken))
    clients = await asyncio.gather(*(connect() for _ in range(count)))
    print("connected", flush=True)
    await asyncio.gather(*(complete(client) for client in clients))
    late = await connect(f"{url}?from={last}")
    await complete(late, last)
    lingering.cancel()
    await asyncio.wait([lingering])
    await complete(slow, numbers=taken)
    print("complete")


asyncio.run(main())
