"""Servers that misbehave: hostile.py DIRECTORY NAME...; a TLS port for each certificate NAME.pem, printed in that order."""
import os
import socket
import ssl
import struct
import sys
import threading
import time

directory, names = sys.argv[1], sys.argv[2:]
good = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\ngood\n"
answers = {
    "/good": good,
    "/both": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + good.replace(b"good", b"EVIL"),
    "/lengths": b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 50\r\n\r\ngood\n" + good.replace(b"good", b"EVIL"),
    "/header": b"HTTP/1.1 200 OK\r\nX-Long: " + b"x" * 2_000_000 + b"\r\nContent-Length: 0\r\n\r\n",
    "/headers": b"HTTP/1.1 200 OK\r\n" + b"".join(b"X-%d: y\r\n" % n for n in range(50000)) + b"Content-Length: 0\r\n\r\n",
    "/garbage": bytes(range(256)) * 100,
    "/chunk": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\nx",
    "/short": b"HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\nshort",
    "/extra": good + good.replace(b"good", b"EVIL"),
    "/split": b"HTTP/1.1 200 OK\r\nX-A: b\r\n Folded: c\r\nContent-Length : 5\r\n\r\ngood\n",
}


def serve(client, context):
    try:
        with context.wrap_socket(client, server_side=True) as stream:
            while True:
                head = b""
                while not head.endswith(b"\r\n\r\n"):
                    part = stream.recv(1)
                    if not part:
                        return
                    head += part
                with open(os.path.join(directory, "requests"), "ab") as file:
                    file.write(head)
                path = head.split(b" ")[1].decode()
                if path == "/reset":
                    stream.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                    return
                if path == "/half":
                    stream.sendall(good[:30])
                    stream.shutdown(socket.SHUT_WR)
                    time.sleep(60)
                if path == "/slow":
                    time.sleep(60)
                stream.sendall(answers[path])
                if path != "/good":
                    return
    except OSError:
        pass


def listen(listener, context):
    while True:
        threading.Thread(target=serve, args=(listener.accept()[0], context), daemon=True).start()


ports = []
for name in names:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    # Weak certificates are what some of these are about.
    context.set_ciphers("DEFAULT@SECLEVEL=0")
    context.load_cert_chain(f"{directory}/{name}.pem", f"{directory}/{name}.key")
    listener = socket.create_server(("127.0.0.1", 0), backlog=64)
    ports.append(str(listener.getsockname()[1]))
    threading.Thread(target=listen, args=(listener, context), daemon=True).start()
print("PORTS", *ports, "END", flush=True)
sys.stdin.read()
