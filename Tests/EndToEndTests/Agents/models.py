"""The services behind coding agents, scripted: each plays one whole task with whoever asks. TLS on a port of loopback.

    models.py CERTIFICATE KEY LOG SETTINGS

SETTINGS is JSON: `keys` (what is accepted as a credential), `file` (the broken source file), `old` and `new` (its fault, and
what goes there instead), `test` (the command that tests), `refresh` (the refresh token that works once), and `expire`: the
step at whose answer the credentials cease to work, in the way "ended" (the credential file `login` says so from then on) or
"refused" (only the service knows). With `commands` claude runs these in a shell instead, one after another. Every request is written to LOG before it is answered.
"""
import base64
import hashlib
import http.server
import json
import os
import socketserver
import ssl
import sys
import threading
import time

certificate, key, log_path, settings = sys.argv[1:5]
settings = json.loads(settings)
lock = threading.RLock()
keys = set(settings["keys"])
refresh = settings.get("refresh")
log = open(log_path, "w")
count = 0
done = "The test passes now."


def say(*words):
    with lock:
        print(*words, file=log, flush=True)


def token_part(value):
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")


def web_token(seconds, name):
    """A JSON web token in the form of codex's, whose signature nobody checks."""
    claims = {"exp": int(time.time()) + seconds, "iat": int(time.time()), "jti": name, "email": "person@example.com",
              "https://api.openai.com/auth": {"chatgpt_plan_type": "pro", "chatgpt_account_id": "acc-1", "chatgpt_user_id": "u-1"}}
    return ".".join([token_part({"alg": "RS256", "typ": "JWT"}), token_part(claims), name])


def reach(step):
    """Holds the answer back, or takes the credentials' power away, once."""
    if settings.get("hold") == step:
        settings.pop("hold")
        say("HELD")
        while not os.path.exists(log_path + ".go"):
            time.sleep(0.05)
    with lock:
        if settings.get("expire", {}).get("step") != step:
            return
        kind = settings.pop("expire")["kind"]
        keys.clear()
        if kind == "ended":
            path = settings["login"]
            owner = os.stat(path)
            with open(path) as file:
                login = json.load(file)
            if "tokens" in login:
                login["tokens"]["access_token"] = web_token(60, "REAL-access-ended-0123456789")
            else:
                login["claudeAiOauth"]["expiresAt"] = int(time.time() + 60) * 1000
            with open(path + ".new", "w") as file:
                json.dump(login, file)
            os.chmod(path + ".new", 0o600)
            os.chown(path + ".new", owner.st_uid, owner.st_gid)
            os.rename(path + ".new", path)
        say("EXPIRED", kind)


def text_of(content):
    """The text of a message's content, in whichever form."""
    if isinstance(content, str):
        return content
    return "\n".join(text_of(part.get("text") or part.get("content") or "") for part in content or [] if isinstance(part, dict))


def finish(result):
    return done if "OK" in result else "It still fails: " + result


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def reply(self, status, value, kind="application/json"):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def stream(self, events, named=True):
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream")
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        for event in events:
            data = event if isinstance(event, str) else json.dumps(event)
            text = (f"event: {event['type']}\n" if named else "") + f"data: {data}\n\n"
            self.wfile.write(b"%x\r\n%s\r\n" % (len(text.encode()), text.encode()))
            self.wfile.flush()
        self.wfile.write(b"0\r\n\r\n")

    def credential(self):
        given = self.headers.get("x-api-key") or (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        with lock:
            return given in keys, given

    def body(self):
        if (self.headers.get("Transfer-Encoding") or "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        result = b""
        while size := int(self.rfile.readline().split(b";")[0], 16):
            result += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return result

    def do_POST(self):
        body = self.body()
        host, path = self.headers["Host"].split(":")[0], self.path.split("?")[0]
        good, given = self.credential()
        say("GOT", host, self.command, path, "good" if good else "bad" if given else "none", body.decode(errors="replace"))
        if self.command == "POST" and path in ("/v1/oauth/token", "/oauth/token"):
            return self.token(host, body)
        answers = {"/v1/messages": self.messages, "/responses": self.model_responses, "/chat/completions": self.completions}
        if (self.headers.get("Upgrade") or "").lower() == "websocket":
            answers = {"/responses": lambda _: self.socket()}
        for end, answer in answers.items():
            if path.endswith(end) and (self.command == "POST" or "Upgrade" in self.headers):
                if not good:
                    # In the words of both services.
                    return self.reply(401, {"type": "error", "error": {"type": "authentication_error", "code": "token_expired",
                                                                       "message": "OAuth token has expired. Please obtain a new token."}})
                return answer(json.loads(body or "null"))
        if path.endswith("/accounts/check"):
            # Where the account's requests go.
            account = {"id": "acc-1", "workspace_backend_origin": "https://chatgpt.com", "account_routing_override": "NO_CONSTRAINT"}
            return self.reply(200 if good else 401, {"accounts": [account] if good else [], "account_ordering": ["acc-1"]})
        self.reply(404, {"type": "error", "error": {"type": "not_found_error", "message": "nothing here"}})

    do_GET = do_PUT = do_HEAD = do_POST

    def token(self, host, body):
        global refresh, count
        try:
            asked = json.loads(body)
        except ValueError:
            import urllib.parse
            asked = dict(urllib.parse.parse_qsl(body.decode()))
        with lock:
            good = refresh and asked.get("refresh_token") == refresh
            say("REFRESHED" if good else "REFUSED", host)
            if not good:
                return self.reply(400, {"error": "invalid_grant", "error_description": "not the last one"})
            count += 1
            refresh = f"REAL-refresh-{count}-0123456789"
            name = f"REAL-access-{count}-0123456789"
            access = web_token(3600, name) if host.startswith("auth.openai") else name
            keys.add(access)
            answer = {"access_token": access, "refresh_token": refresh, "token_type": "Bearer", "expires_in": 3600,
                      "scope": "user:inference user:profile"}
        self.reply(200, answer)

    # Anthropic: messages

    def messages(self, asked):
        tools = {tool.get("name") for tool in asked.get("tools") or []}
        results = [part for message in asked["messages"] if isinstance(message["content"], list)
                   for part in message["content"] if part.get("type") == "tool_result"]
        step = len(results) if "Edit" in tools else None
        last = text_of(results[-1].get("content")) if results else ""
        say("STEP", step, last)
        file = settings["file"]
        use = [("Read", {"file_path": file}), ("Edit", {"file_path": file, "old_string": settings["old"], "new_string": settings["new"]}),
               ("Bash", {"command": settings["test"], "description": "Run the tests"})]
        if "commands" in settings:
            use = [("Bash", {"command": command, "description": "Work"}) for command in settings["commands"]]
        if step is None:
            block, reason = {"type": "text", "text": '{"title": "A task", "isNewTopic": true}'}, "end_turn"
        elif step < len(use):
            name, value = use[step]
            block, reason = {"type": "tool_use", "id": f"toolu_{step:024}", "name": name, "input": value}, "tool_use"
        else:
            block, reason = {"type": "text", "text": finish(last)}, "end_turn"
        message = {"id": "msg_%024d" % (step or 0), "type": "message", "role": "assistant", "model": asked["model"], "content": [],
                   "stop_reason": None, "stop_sequence": None, "usage": {"input_tokens": 10, "output_tokens": 1}}
        if step is not None:
            reach(step)
        if not asked.get("stream"):
            return self.reply(200, message | {"content": [block], "stop_reason": reason})
        if block["type"] == "text":
            start, delta = block | {"text": ""}, {"type": "text_delta", "text": block["text"]}
        else:
            start, delta = block | {"input": {}}, {"type": "input_json_delta", "partial_json": json.dumps(block["input"])}
        self.stream([
            {"type": "message_start", "message": message}, {"type": "content_block_start", "index": 0, "content_block": start},
            {"type": "content_block_delta", "index": 0, "delta": delta}, {"type": "content_block_stop", "index": 0},
            {"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None}, "usage": {"output_tokens": 5}},
            {"type": "message_stop"},
        ])

    # OpenAI: responses

    def model_responses(self, asked):
        events = self.response_events(asked["input"], asked)
        if asked.get("stream"):
            return self.stream(events)
        self.reply(200, events[-1]["response"])

    def response_events(self, given, asked):
        """What answers the conversation so far."""
        results = [item for item in given if item.get("type") in ("function_call_output", "custom_tool_call_output")]
        step, last = len(results), json.dumps(results[-1].get("output")) if results else ""
        listed = list(asked.get("tools") or [])
        for item in given:
            for group in item.get("tools") or []:
                listed += group.get("tools") or [group]
        tools = [tool.get("name") or tool["type"] for tool in listed]
        say("STEP", step, ",".join(tools), last)
        file = settings["file"]
        patch = (f"*** Begin Patch\n*** Update File: {os.path.basename(file)}\n@@\n-{settings['old']}\n+{settings['new']}\n"
                 "*** End Patch\n")
        commands = [f"ls && cat {file}", None, settings["test"]]
        call = {"id": f"ctc_{step}", "call_id": f"call_{step}"}
        if step >= len(commands):
            item = {"type": "message", "id": "msg_1", "role": "assistant", "content": [{"type": "output_text", "text": finish(last)}]}
        elif "exec" in tools:
            # The calls are lines of a script that runs beside the agent.
            inner = f"apply_patch({json.dumps(patch)})" if step == 1 else f"exec_command({json.dumps({'cmd': commands[step]})})"
            item = call | {"type": "custom_tool_call", "name": "exec", "input": f"text(await tools.{inner})"}
        elif step == 1:
            item = call | {"type": "custom_tool_call", "name": "apply_patch", "input": patch}
        else:
            name = next(name for name in ("exec_command", "shell_command") if name in tools)
            value = {"exec_command": "cmd", "shell_command": "command"}[name]
            item = call | {"type": "function_call", "name": name, "arguments": json.dumps({value: commands[step]})}
        reach(step)
        answer = {"id": f"resp_{step}", "object": "response", "status": "completed", "model": asked["model"], "output": [item],
                  "usage": {"input_tokens": 10, "input_tokens_details": None, "output_tokens": 5, "output_tokens_details": None,
                            "total_tokens": 15}}
        return [
            {"type": "response.created", "response": answer | {"status": "in_progress", "output": []}},
            {"type": "response.output_item.done", "output_index": 0, "item": item},
            {"type": "response.completed", "response": answer},
        ]

    # The same over a WebSocket (RFC 6455): each message asks for an answer, and tells only what is new.

    def socket(self):
        accept = base64.b64encode(hashlib.sha1((self.headers["Sec-WebSocket-Key"] + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest())
        self.send_response(101)
        for name, value in [("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", accept.decode())]:
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        given, message = [], b""
        while True:
            head = self.rfile.read(2)
            if len(head) < 2:
                return
            size = head[1] & 127
            if size > 125:
                size = int.from_bytes(self.rfile.read(2 if size == 126 else 8), "big")
            mask = self.rfile.read(4) * (size // 4 + 1)
            data = (int.from_bytes(self.rfile.read(size), "big") ^ int.from_bytes(mask[:size], "big")).to_bytes(size, "big")
            kind = head[0] & 15
            if kind == 8:
                return self.frame(8, data)
            if kind == 9:
                self.frame(10, data)
            if kind > 2:
                continue
            message += data
            if not head[0] & 128:
                continue
            say("TOLD", message.decode())
            asked, message = json.loads(message), b""
            if not asked.get("previous_response_id"):
                given = []
            given += asked["input"]
            good, _ = self.credential()
            if not good:
                self.frame(1, json.dumps({"type": "error", "status": 401, "error": {"type": "invalid_request_error",
                    "code": "token_expired", "message": "The token has expired."}}).encode())
                return self.frame(8, b"\x03\xe8")
            if asked.get("generate") is False:
                answer = {"id": "resp_warm", "object": "response", "status": "completed", "output": [], "usage": None}
                events = [{"type": "response.created", "response": answer}, {"type": "response.completed", "response": answer}]
            else:
                events = self.response_events(given, asked)
            for event in events:
                self.frame(1, json.dumps(event).encode())

    def frame(self, kind, data):
        size = len(data)
        head = bytes([size]) if size < 126 else b"\x7e" + size.to_bytes(2, "big") if size < 65536 else b"\x7f" + size.to_bytes(8, "big")
        self.wfile.write(bytes([128 | kind]) + head + data)
        self.wfile.flush()

    # OpenAI: chat completions

    def completions(self, asked):
        tools = {tool["function"]["name"] for tool in asked.get("tools") or []}
        messages = asked["messages"]
        file, old, new = (settings[name] for name in ("file", "old", "new"))
        call = None
        if "bash" in tools:
            results = [message for message in messages if message["role"] == "tool"]
            step, last = len(results), text_of(results[-1]["content"]) if results else ""
            commands = [f"cat {file}", f"sed -i 's/{old.strip()}/{new.strip()}/' {file}", settings["test"],
                        "echo COMPLETE_TASK_AND_SUBMIT_FINAL_OUTPUT"]
            if step == 3 and "OK" not in last:
                text = finish(last)
            else:
                text, call = f"Step {step}.", commands[min(step, 3)]
        else:
            # Without tools: an agent that reads the changes from the text, applies them, tests, and says when that fails.
            user = [text_of(message["content"]) for message in messages if message["role"] == "user"]
            step = len([message for message in messages if message["role"] == "assistant"])
            last = user[-1] if user else ""
            name = os.path.basename(file)
            text = (f"{name}\n```python\n<<<<<<< SEARCH\n{old}\n=======\n{new}\n>>>>>>> REPLACE\n```\n")
            if any("commit message" in text_of(message["content"]).lower() for message in messages if message["role"] == "system"):
                text = "fix: Sum all prices"
        say("STEP", step, ",".join(tools), last)
        reach(step)
        message = {"role": "assistant", "content": text}
        if call:
            message["tool_calls"] = [{"id": f"call_{step}", "type": "function", "index": 0,
                                      "function": {"name": "bash", "arguments": json.dumps({"command": call})}}]
        reason = "tool_calls" if call else "stop"
        usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
        answer = {"id": f"chatcmpl-{step}", "created": int(time.time()), "model": asked["model"]}
        if not asked.get("stream"):
            choice = {"index": 0, "message": message, "finish_reason": reason}
            return self.reply(200, answer | {"object": "chat.completion", "choices": [choice], "usage": usage})
        chunk = answer | {"object": "chat.completion.chunk"}
        self.stream([
            chunk | {"choices": [{"index": 0, "delta": message, "finish_reason": None}]},
            chunk | {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}], "usage": usage}, "[DONE]",
        ], named=False)

    def log_message(self, *rest):
        pass


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def handle_error(self, request, address):
        pass


server = Server(("127.0.0.1", 0), Handler)
context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
context.load_cert_chain(certificate, key)
server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
print("PORT", server.server_port, "END", flush=True)
threading.Thread(target=server.serve_forever, daemon=True).start()
# The parent's end of standard input closes with it.
sys.stdin.read()
