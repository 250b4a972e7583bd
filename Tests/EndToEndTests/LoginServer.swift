import Glibc
import LinuxKernel
import TestSupport

/// Token endpoints, interfaces of services and an MCP server on loopback, in one process of the test's own. A refresh token works once; an
/// answer to a good token repeats every one that was ever given out.
final class LoginServer {
    static let names = [
        "api.anthropic.com", "mcp-proxy.anthropic.com", "console.anthropic.com", "platform.claude.com", "chatgpt.com", "api.openai.com",
        "auth.openai.com", "mcp.coop-test.example", "auth.coop-test.example", "other.coop-test.example",
    ]

    let port: String
    /// The certificate's file, PEM.
    let certificate: String
    private let process: ChildProcess
    private let log: String

    /// - Parameters:
    ///   - place: where its files are kept.
    ///   - access: the access token that works at the start.
    ///   - refresh: the refresh token that works at the start.
    init(_ place: Sandboxed, access: String, refresh: String) throws {
        certificate = place.root + "/login-server.pem"
        let key = place.root + "/login-server.key"
        log = place.root + "/login-server.log"
        let made = try ChildProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=coop-test.example", "-addext", "subjectAltName=" + LoginServer.names.map { "DNS:" + $0 }.joined(separator: ","),
            "-addext", "extendedKeyUsage=serverAuth", "-keyout", key, "-out", certificate,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("openssl req: \(made)") }
        _ = certificate.withOSBytes { chmod($0, 0o644) }
        process = try ChildProcess(
            ["/usr/bin/python3", "-u", "-c", LoginServer.script, certificate, key, access, refresh, log], input: .pipe)
        guard try process.waitForOutput("PORT "), try process.waitForOutput(" END\n"),
            let line = process.outputText.split(separator: "\n").first
        else { throw TestSupportError("no server: \(process.outputText) \(process.errorText)") }
        port = String(line.dropFirst(5).dropLast(4))
    }

    deinit { process.signal(SIGKILL) }

    /// The user's configuration that leads the names here.
    func configuration(_ further: String = "") -> String {
        """
        [network]
        mode = "scoped"
        ca = ["\(certificate)"]
        \(further)
        [network.hosts]
        \(LoginServer.names.map { "\"\($0)\" = \"127.0.0.1:\(port)\"" }.joined(separator: "\n"))

        """
    }

    /// Holds requests for tokens back, until they are let go.
    func hold() throws { try FileSystem.replace(log + ".slow", with: [], mode: 0o600) }
    func letGo() throws { try FileSystem.replace(log + ".go", with: [], mode: 0o600) }

    /// Refuses access tokens that have not ended; `*` stands for all.
    func revoke(_ token: String) throws { try FileSystem.replace(log + ".revoked", with: Array(token.utf8), mode: 0o600) }

    /// What was said to it up to now. It is written before it is answered.
    var received: String { get throws { String(osBytes: try FileSystem.read(log)) } }

    /// How many refresh tokens it has taken, and how many it has refused.
    var refreshes: [Int] {
        get throws {
            let lines = try received.split(separator: "\n")
            return ["REFRESHED ", "REFUSED "].map { word in lines.count { $0.hasPrefix(word) } }
        }
    }

    private static let script = #"""
        import base64, hashlib, http.server, json, os, socketserver, ssl, sys, threading, time, urllib.parse
        lock = threading.Lock()
        access, refresh = {sys.argv[3]}, sys.argv[4]
        given = [sys.argv[3], sys.argv[4]]
        codes = {}
        count = 0
        def part(value): return base64.urlsafe_b64encode(json.dumps(value).encode()).decode().rstrip("=")
        log = open(sys.argv[5], "w")
        def say(*words): print(*words, file=log, flush=True)
        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def reply(self, status, value, **fields):
                body = json.dumps(value).encode()
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                for name, text in fields.items(): self.send_header(name.replace("_", "-"), text)
                self.end_headers()
                self.wfile.write(body)
            def tokens(self, codex):
                global refresh, count
                count += 1
                new = "REAL-access-%d-0123456789" % count
                if codex: new = part({"alg": "RS256"}) + "." + part({"exp": int(time.time()) + 3600, "n": count}) + "." + new
                access.add(new); given.append(new)
                refresh = "REAL-refresh-%d-0123456789" % count
                given.append(refresh)
                answer = {"access_token": new, "refresh_token": refresh, "token_type": "Bearer"}
                if not codex: answer["expires_in"] = 3600
                return answer
            def token(self, body):
                try: asked = json.loads(body)
                except ValueError: asked = dict(urllib.parse.parse_qsl(body.decode()))
                # A slow server: whoever does not wait for the others has the time to ask as well.
                time.sleep(1)
                # As slow as the test likes.
                if os.path.exists(sys.argv[5] + ".slow"):
                    while not os.path.exists(sys.argv[5] + ".go"): time.sleep(0.05)
                with lock:
                    if asked.get("grant_type") == "authorization_code":
                        challenge = codes.pop(asked["code"], None)
                        proof = base64.urlsafe_b64encode(hashlib.sha256(asked["code_verifier"].encode()).digest()).decode().rstrip("=")
                        ok = challenge == proof
                    else:
                        ok = asked.get("grant_type") == "refresh_token" and asked.get("refresh_token") == refresh
                    answer = self.tokens(self.headers["Host"].startswith("auth.openai")) if ok else None
                    say("REFRESHED" if ok else "REFUSED", self.headers["Host"])
                if ok: self.reply(200, answer)
                else: self.reply(400, {"error": "invalid_grant", "error_description": "used before: " + str(asked.get("refresh_token"))})
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                host, path = self.headers["Host"], self.path.split("?")[0]
                say("GOT", host, self.command, self.path, self.headers.get("Authorization"), body.decode(errors="replace"))
                if self.command == "POST" and path in ("/v1/oauth/token", "/oauth/token", "/token"): return self.token(body)
                me = "https://auth.coop-test.example"
                if path.startswith("/.well-known/oauth-protected-resource"):
                    return self.reply(200, {"resource": "https://mcp.coop-test.example/v1", "authorization_servers": [me]})
                if path == "/.well-known/oauth-authorization-server":
                    return self.reply(200, {"issuer": me, "authorization_endpoint": me + "/authorize", "token_endpoint": me + "/token",
                        "registration_endpoint": me + "/register", "code_challenge_methods_supported": ["S256"]})
                if path == "/register": return self.reply(201, {"client_id": "coop-client"})
                if path == "/authorize":
                    query = dict(urllib.parse.parse_qsl(self.path.split("?")[1]))
                    with lock:
                        code = "code-%d" % len(given)
                        codes[code] = query["code_challenge"]
                    return self.reply(302, {}, Location=query["redirect_uri"] + "?" + urllib.parse.urlencode({"code": code, "state": query["state"]}))
                with lock:
                    token = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
                    revoked = open(sys.argv[5] + ".revoked").read() if os.path.exists(sys.argv[5] + ".revoked") else None
                    ok = token in access and revoked not in (token, "*")
                    echo = {"ok": ok, "sent": dict(self.headers), "given": list(given) if ok else []}
                self.reply(200 if ok else 401, echo, X_Echo=self.headers.get("Authorization") or "none")
            do_POST = do_GET
            def log_message(self, *rest): pass
        class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
            daemon_threads = True
            request_queue_size = 64
            def handle_error(self, request, address): pass
        server = Server(("127.0.0.1", 0), Handler)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        print("PORT", server.server_port, "END", flush=True)
        server.serve_forever()
        """#
}
