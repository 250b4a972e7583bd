import LinuxKernel
import TestSupport
import Testing

/// Requests that a sandbox signs with stub keys, at a server that knows the real ones.
@Suite struct AWSSigningTests {
    private static let keyID = "AKIAREALKEY012345678"
    private static let secret = "realSecretKey/0123456789+abcdefghijklmno"
    private static let host = "dynamodb.coop-test.amazonaws.com"

    /// Signature version 4 over a body, as services other than S3 want it.
    private static let signature = #"""
        import hashlib, hmac
        def signature(secret, method, path, fields, body):
            names = ";".join(fields)
            digest = hashlib.sha256(body).hexdigest()
            canonical = "\n".join([method, path, "", *(f"{name}:{fields[name]}" for name in fields), "", names, digest])
            date = fields["x-amz-date"]
            scope = f"{date[:8]}/eu-west-1/dynamodb/aws4_request"
            text = "\n".join(["AWS4-HMAC-SHA256", date, scope, hashlib.sha256(canonical.encode()).hexdigest()])
            key = ("AWS4" + secret).encode()
            for part in scope.split("/"): key = hmac.digest(key, part.encode(), "sha256")
            return scope, names, hmac.digest(key, text.encode(), "sha256").hex()

        """#

    private static let server =
        signature
            + #"""
            import http.server, re, ssl, sys
            class Service(http.server.BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"
                def do_GET(self):
                    body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                    key, names, given = re.search(
                        r"Credential=(\w+)/.*SignedHeaders=([^,]*), Signature=(\w+)", self.headers["Authorization"]).groups()
                    fields = {name: self.headers[name] for name in names.split(";")}
                    good = signature("SECRET", self.command, self.path, fields, body)[2] == given
                    print("SEEN", self.path, key, "verified" if good else "refused", len(body), flush=True)
                    self.send_response(200 if good else 403)
                    self.send_header("Content-Length", "0")
                    self.end_headers()
                do_POST = do_GET
                def log_message(self, *rest): pass
            server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Service)
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(sys.argv[1], sys.argv[2])
            server.socket = context.wrap_socket(server.socket, server_side=True)
            print("PORT", server.server_port, "END", flush=True)
            server.serve_forever()
            """#.replacing("SECRET", with: secret)

    private static let client =
        signature
            + #"""
            import http.client, os, ssl, time
            host = "HOST"
            def ask(name, method, body, fields={}, sent=None, chunked=False):
                fields = dict(sorted({**fields, "host": host, "x-amz-date": time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())}.items()))
                scope, names, sign = signature(os.environ["AWS_SECRET_ACCESS_KEY"], method, "/" + name, fields, body)
                del fields["host"]
                fields["Authorization"] = (
                    f"AWS4-HMAC-SHA256 Credential={os.environ['AWS_ACCESS_KEY_ID']}/{scope}, SignedHeaders={names}, Signature={sign}")
                peer = http.client.HTTPSConnection(host, context=ssl.create_default_context())
                data = body if sent is None else sent
                peer.request(method, "/" + name, iter([data]) if chunked else data or None, fields, encode_chunked=chunked)
                answer = peer.getresponse()
                print(name, answer.status, answer.read().decode().strip())
            ask("table", "POST", b'{"TableName": "x"}')
            ask("length", "POST", b"y" * 100000, {"content-length": "100000"})
            ask("chunked", "POST", b"z" * 5000, chunked=True)
            ask("empty", "GET", b"")
            ask("forged", "POST", b"what was signed", sent=b"what was sent!!")
            ask("last", "GET", b"")
            """#.replacing("HOST", with: host)

    @Test("a body without a digest in the head is held, and the request signed anew", arguments: TestIdentity.all)
    func bodies(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let upstream = try EchoUpstream(place, script: Self.server)
        try place.write(
            place.coopHome + "/config.toml",
            "[network]\nmode = \"scoped\"\nca = [\"\(upstream.certificate)\"]\n[network.hosts]\n\"\(Self.host)\" = \"127.0.0.1:\(upstream.port)\"\n",
            mode: 0o600)
        for (arguments, input) in [
            (["secret", "add", "--global", "KEYS"], "\(Self.keyID):\(Self.secret)"),
            (["grant", "add", "aws", "--provider", "aws", "--secret", "KEYS"], ""),
        ] {
            let outcome = try place.coop(arguments, input: .bytes(Array(input.utf8)))
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        try place.write("client.py", Self.client)
        let outcome = try place.shell("python3 client.py; env")
        let lines = outcome.output.split(separator: "\n")
        #expect(
            lines.prefix(4).elementsEqual(["table 200 ", "length 200 ", "chunked 200 ", "empty 200 "]) && lines[5] == "last 200 ",
            "\(outcome)")
        #expect(lines[4].hasPrefix("forged 403 coop: ") && lines[4].contains("was not made with the keys"), "\(outcome)")
        #expect(!outcome.output.contains(Self.secret) && !outcome.output.contains(Self.keyID))
        let seen = try upstream.received(until: "/last")
        for wanted in ["/table \(Self.keyID) verified 18", "/length \(Self.keyID) verified 100000", "/chunked \(Self.keyID) verified 5000"]
        {
            #expect(seen.contains(wanted), "\(seen)")
        }
        #expect(!seen.contains("/forged"))
        #expect(try place.remains() == [])
    }
}
