"""Subscribes often to one session and checks that every event comes once and in order until the server says that there is no more.

subscribers.py URL TOKEN COUNT LAST [FIRST]
"""
import asyncio, json, socket, sys
import websockets

url, token, count, last = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
first = int(sys.argv[5]) if len(sys.argv) > 5 else 1
headers = {"Authorization": f"Bearer {token}"}


async def connect(**options):
    return await websockets.connect(url, extra_headers=headers, max_size=None, open_timeout=60, ping_interval=None, **options)


async def complete(client, start=first):
    numbers = []
    try:
        while True:
            numbers.append(json.loads(await client.recv())["seq"])
    except websockets.ConnectionClosed:
        pass
    assert numbers == list(range(start, last + 1)), (start, numbers[:3], numbers[-3:], len(numbers))
    assert client.close_code == 1000, client.close_code


async def main():
    clients = await asyncio.gather(*(connect() for _ in range(count)))
    # Reads nothing before all others have everything.
    slow = await connect(max_queue=1, read_limit=1024)
    print("connected", flush=True)
    await asyncio.gather(*(complete(client) for client in clients))
    late = await websockets.connect(f"{url}?from={last}", extra_headers=headers)
    await complete(late, last)
    await complete(slow)
    print("complete")


asyncio.run(main())
