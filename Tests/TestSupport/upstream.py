"""The far side of the network tests: prints its five ports, then serves until it is killed or its parent is gone."""
import http.server
import os
import socketserver
import ssl
import sys
import threading

directory = sys.argv[1]
lock = threading.Lock()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def answer(self):
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(length)
        with lock, open(os.path.join(directory, "requests"), "a") as file:
            file.write(f"{self.server.kind} {self.command} {self.path} {self.headers.get('host')}\n")
        text = f"{self.server.kind} {self.command} {self.path} {len(body)}\n".encode()
        path, _, target = self.path.partition("?")
        self.send_response(302 if path == "/redirect" else 200)
        if path == "/redirect":
            self.send_header("location", target)
        self.send_header("content-type", "text/plain")
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(text)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = answer

    def log_message(self, *arguments):
        pass


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    # With the five that are usual, a connection beyond them waits for a second or more.
    request_queue_size = 256

    def handle_error(self, request, address):
        pass


def web(kind, certificate=None):
    server = Server(("127.0.0.1", 0), Handler)
    server.kind = kind
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(f"{directory}/{certificate}.pem", f"{directory}/{certificate}.key")
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    return server


class EchoServer(socketserver.ThreadingMixIn, socketserver.TCPServer):
    daemon_threads = True
    request_queue_size = 256


servers = [
    web("secure", "good"), web("plain"), EchoServer(("127.0.0.1", 0), Echo), web("misnamed", "misnamed"), web("unsigned", "unsigned"),
]
for server in servers:
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(*(server.server_address[1] for server in servers), flush=True)
# The parent's end of standard input closes with it.
sys.stdin.read()
