import Glibc
import LinuxKernel
import TestSupport

/// An HTTPS server of the test's own on loopback that sends back what it gets: fields in fields and in the body, and the body;
/// below `/chunked` in pieces of seven bytes, below `/gzip` compressed, whatever the client accepts.
final class EchoUpstream {
    static let names = [
        "api.coop-test.example", "other.coop-test.example", "basic.coop-test.example", "dynamodb.coop-test.amazonaws.com",
    ]

    let port: String
    /// The certificate's file, PEM.
    let certificate: String
    private let process: ChildProcess

    /// - Parameters:
    ///   - place: where its files are kept.
    ///   - script: another server, in Python; its arguments are the files of the certificate and the key, and it begins with `PORT N END`.
    init(_ place: Sandboxed, script: String = EchoUpstream.script) throws {
        certificate = place.home + "/upstream.pem"
        let key = place.root + "/upstream.key"
        let made = try ChildProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=coop-test.example", "-addext", "subjectAltName=" + EchoUpstream.names.map { "DNS:" + $0 }.joined(separator: ","),
            "-addext", "extendedKeyUsage=serverAuth", "-keyout", key, "-out", certificate,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("openssl req: \(made)") }
        _ = certificate.withOSBytes { chmod($0, 0o644) }
        process = try ChildProcess(["/usr/bin/python3", "-u", "-c", script, certificate, key], input: .pipe)
        guard try process.waitForOutput("PORT "), try process.waitForOutput(" END\n"),
            let line = process.outputText.split(separator: "\n").first
        else { throw TestSupportError("no upstream: \(process.outputText) \(process.errorText)") }
        port = String(line.dropFirst(5).dropLast(4))
    }

    deinit { process.signal(SIGKILL) }

    /// Everything it has received so far, once it has seen `marker`.
    func received(until marker: String) throws -> String {
        guard try process.waitForOutput(marker) else { throw TestSupportError("no \(marker): \(process.outputText)") }
        return process.outputText
    }

    static let script = #"""
        import gzip, http.server, ssl, sys
        class Echo(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            def do_GET(self):
                body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
                seen = self.requestline.encode() + b"\n" + self.headers.as_bytes() + body
                sys.stdout.buffer.write(seen + b"\nSEEN\n"); sys.stdout.flush()
                self.send_response(200)
                self.send_header("X-Echo", self.headers.get("Authorization") or "none")
                pieces = [seen]
                if self.path.startswith("/gzip"):
                    pieces = [gzip.compress(seen)]
                    self.send_header("Content-Encoding", "gzip")
                if self.path.startswith("/chunked"):
                    pieces = [b"%x\r\n%b\r\n" % (len(seen[at:at + 7]), seen[at:at + 7]) for at in range(0, len(seen), 7)] + [b"0\r\n\r\n"]
                    self.send_header("Transfer-Encoding", "chunked")
                else:
                    self.send_header("Content-Length", str(len(pieces[0])))
                self.end_headers()
                for piece in pieces:
                    self.wfile.write(piece)
                    self.wfile.flush()
            do_POST = do_GET
            def log_message(self, *rest): pass
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Echo)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        server.socket = context.wrap_socket(server.socket, server_side=True)
        print("PORT", server.server_port, "END")
        server.serve_forever()
        """#
}
