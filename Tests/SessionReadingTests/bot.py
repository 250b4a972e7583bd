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
    async with websockets.connect(where["url"] + "?token=" + where["token"]) as events:
        async for line in events:
            event = json.loads(line)
            if event["type"] == "state" and event["state"] == "idle":
                run("send", session, next(answers))
            if event["type"] == "exited":
                print(run("logs", session, "-n", "1"))
                return event["code"]


sys.exit(asyncio.run(main()))
