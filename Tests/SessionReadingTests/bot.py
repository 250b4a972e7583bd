"""A bot: starts a session, answers what its program asks, and ends with its exit code. bot.py COOP COMMAND…"""
import asyncio, json, subprocess, sys
import websockets

coop = sys.argv[1]


def run(*words):
    return subprocess.run([coop, *words], check=True, stdin=subprocess.DEVNULL, capture_output=True, text=True).stdout.strip()


async def main():
    session = run("run", "-d", "--network", "none", "--", *sys.argv[2:])
    server = subprocess.Popen([coop, "subscribe", session], stdout=subprocess.PIPE, text=True)
    where = json.loads(server.stdout.readline())
    answers = iter(["Ada", "42"])
    address = where["url"] + "?token=" + where["token"]
    async with websockets.connect(address, open_timeout=None, ping_interval=None) as events:
        async for line in events:
            event = json.loads(line)
            if event["type"] == "state" and event["state"] == "idle":
                # On a busy machine the program may rest once more than it asks.
                if answer := next(answers, None):
                    run("send", session, answer)
            if event["type"] == "exited":
                print(run("logs", session, "-n", "1"))
                return event["code"]


sys.exit(asyncio.run(main()))
