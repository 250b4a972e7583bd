"""An upstream proxy: proxy.py CREDENTIALS TARGET LOG; prints its port. TARGET is the port where every connection goes.

It answers in pieces, with a long head, and writes down what it was asked for.
"""
import base64
import socket
import sys
import threading

credentials, target, log = sys.argv[1:]
wanted = b"Proxy-Authorization: Basic " + base64.b64encode(credentials.encode())


def copy(source, sink):
    try:
        while data := source.recv(65536):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        pass


def serve(client):
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        part = client.recv(1)
        if not part:
            return client.close()
        head += part
    line = head.split(b"\r\n")[0].decode()
    with open(log, "a") as file:
        file.write(line + "\n")
    if wanted not in head.split(b"\r\n"):
        client.sendall(b"HTTP/1.1 407 Proxy Authentication Required\r\nContent-Length: 0\r\n\r\n")
    elif "forbidden" in line:
        client.sendall(b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n")
    elif "garbage" in line:
        client.sendall(b"\0" * 20000)
    else:
        upstream = socket.create_connection(("127.0.0.1", int(target)))
        for part in (b"HTTP/1.1 200 Conn", b"ection established\r\nX-Long: " + b"x" * 3000, b"\r\n", b"\r", b"\n"):
            client.sendall(part)
        threading.Thread(target=copy, args=(upstream, client), daemon=True).start()
        copy(client, upstream)
    client.close()


listener = socket.create_server(("127.0.0.1", 0))
print("PORT", listener.getsockname()[1], "END", flush=True)
threading.Thread(target=lambda: (sys.stdin.read(), __import__("os")._exit(0)), daemon=True).start()
while True:
    threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()
