import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.last ?? .root

/// Servers with bad certificates, and servers and clients that do not keep to HTTP, on connections that are terminated.
@Suite struct HostileUpstreamTests {
    /// Certificates for `NAME.coop-test.example`, with what is wrong with each.
    static let bad = ["expired", "otherca", "selfsigned", "misnamed", "smallkey", "sha1", "clientonly"]

    private struct Fixture {
        let place: Sandboxed
        let directory: String
        private let process: ChildProcess

        init() throws {
            place = try Sandboxed(anyone)
            directory = place.root + "/hostile"
            let made = try ChildProcess.run([
                "/bin/sh", "-ec",
                """
                mkdir "$1"; cd "$1"
                ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
                ca="-addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign"
                openssl req -x509 $ec -keyout ca.key -out ca.pem -days 30 -subj '/CN=Hostile test authority' $ca
                openssl req -x509 $ec -keyout other.key -out other.pem -days 30 -subj '/CN=Hostile test authority' $ca
                make() { # NAME AUTHORITY HOST USAGE KEY OPTIONS
                    openssl req $5 -keyout $1.key -out $1.csr -subj "/CN=$3"
                    printf 'subjectAltName=DNS:%s\\nextendedKeyUsage=%s\\nbasicConstraints=CA:FALSE\\n' $3 $4 > $1.ext
                    openssl x509 -req -in $1.csr -CA $2.pem -CAkey $2.key -CAcreateserial -out $1.pem -extfile $1.ext $6
                }
                make good ca good.coop-test.example serverAuth "$ec" "-days 30"
                make expired ca expired.coop-test.example serverAuth "$ec" "-days -1"
                make otherca other otherca.coop-test.example serverAuth "$ec" "-days 30"
                make misnamed ca elsewhere.coop-test.example serverAuth "$ec" "-days 30"
                make smallkey ca smallkey.coop-test.example serverAuth "-newkey rsa:1024 -nodes" "-days 30"
                make sha1 ca sha1.coop-test.example serverAuth "$ec" "-days 30 -sha1"
                make clientonly ca clientonly.coop-test.example clientAuth "$ec" "-days 30"
                openssl req -x509 $ec -keyout selfsigned.key -out selfsigned.pem -days 30 -subj /CN=selfsigned.coop-test.example \
                  -addext subjectAltName=DNS:selfsigned.coop-test.example
                chmod 644 ca.pem
                """, "sh", directory,
            ])
            guard made.exitCode == 0 else { throw TestSupportError("certificates: \(made)") }
            let names = ["good"] + HostileUpstreamTests.bad
            process = try ChildProcess(["/usr/bin/python3", ClientService.file("hostile.py"), directory] + names, input: .pipe)
            guard try process.waitForOutput(" END\n") else { throw TestSupportError("no server: \(process.errorText)") }
            let ports = process.outputText.split(separator: " ").dropFirst().dropLast()
            guard ports.count == names.count else { throw TestSupportError("the server said \(process.outputText)") }
            try place.configure(
                """
                [network]
                ca = ["\(directory)/ca.pem"]
                [network.hosts]
                \(zip(names, ports).map { "\"\($0).coop-test.example\" = \"127.0.0.1:\($1)\"" }.joined(separator: "\n"))
                \(names.map { "[[network.rules]]\nhost = \"\($0).coop-test.example\"\nmethods = [\"GET\", \"POST\"]\naction = \"allow\"" }
                    .joined(separator: "\n"))

                """)
        }

        func requests() throws -> String {
            let file = directory + "/requests"
            return FileSystem.kind(file) == .file ? String(osBytes: try FileSystem.read(file)) : ""
        }

        func end() { process.signal(SIGKILL) }
    }

    @Test("a bad certificate is refused with the reason, and no request reaches its server")
    func certificates() throws {
        let fixture = try Fixture()
        defer { fixture.end() }
        let outcome = try fixture.place.captured(
            "for name in good \(Self.bad.joined(separator: " ")); do "
                + "curl -s -o /dev/null -w \"$name %{http_code}\\n\" https://$name.coop-test.example/good; done")
        #expect(outcome.output == "good 200\n" + Self.bad.map { "\($0) 502\n" }.joined(), "\(outcome)")
        for name in Self.bad {
            #expect(outcome.error.contains("refused \(name).coop-test.example: its certificate does not verify"), "\(name): \(outcome)")
        }
        let requests = try fixture.requests()
        #expect(requests.split(separator: "GET /good").count == 1, "\(requests)")
    }

    @Test("servers that break HTTP do no harm to other connections")
    func servers() throws {
        let fixture = try Fixture()
        defer { fixture.end() }
        let outcome = try fixture.place.captured(
            """
            base=https://good.coop-test.example
            for version in --http1.1 --http2; do
              for path in reset half slow both lengths header headers garbage chunk short extra split; do
                (code=$(curl -s $version -m 8 -w ' %{http_code}' $base/$path $base/good 2>/dev/null | tr -d '\\0' | tail -c 200); echo "$path $code" >> answers) &
              done
              for count in $(seq 15); do curl -sS $version -m 60 $base/good; done
            done
            wait
            echo ---; cat answers
            """)
        #expect(outcome.output.hasPrefix(String(repeating: "good\n", count: 30) + "---\n"), "\(outcome)")
        #expect(!outcome.output.contains("EVIL"), "\(outcome)")
    }

    @Test("clients that break HTTP reach nothing, and do no harm to other connections")
    func clients() throws {
        let fixture = try Fixture()
        defer { fixture.end() }
        try fixture.place.write(
            "client.py",
            #"""
            import socket, ssl
            host = "good.coop-test.example"
            def over(answer):
                head, _, body = answer.partition(b"\r\n\r\n")
                length = [line.split(b":")[1] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
                return bool(length) and b"\r\n\r\n" in answer and len(body) >= int(length[0])
            def ask(text):
                context = ssl.create_default_context()
                with context.wrap_socket(socket.create_connection((host, 443), 60), server_hostname=host) as stream:
                    stream.settimeout(60)
                    answer = b""
                    try:
                        stream.sendall(text)
                        # The gateway may go on reading what was too long; the answer is over when it says so.
                        while not over(answer) and (part := stream.recv(65536)): answer += part
                    except (ssl.SSLError, ConnectionError): pass
                    return answer
            end = "\r\nConnection: close\r\n\r\n"
            smuggled = "POST /SMUGGLED HTTP/1.1\r\nHost: good.coop-test.example" + end
            for name, text in {
                "cl.te": f"POST /good HTTP/1.1\r\nHost: {host}\r\nContent-Length: {5 + len(smuggled)}\r\nTransfer-Encoding: chunked{end}0\r\n\r\n{smuggled}",
                "two lengths": f"POST /good HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nContent-Length: {len(smuggled)}{end}{smuggled}",
                "odd coding": f"POST /good HTTP/1.1\r\nHost: {host}\r\nTransfer-Encoding: \x0bchunked{end}0\r\n\r\n{smuggled}",
                "two hosts": f"GET /HOSTS HTTP/1.1\r\nHost: {host}\r\nHost: other.coop-test.example{end}",
                "other host": f"GET /HOSTS HTTP/1.1\r\nHost: other.coop-test.example{end}",
                "absolute": f"GET https://other.coop-test.example/HOSTS HTTP/1.1\r\nHost: {host}{end}",
                "long head": f"GET /LONG HTTP/1.1\r\nHost: {host}\r\nX-Long: {'x' * 2_000_000}{end}",
                "space": f"GET /SPACE HTTP/1.1\r\nHost : {host}{end}",
                "bare line feed": f"GET /BARE HTTP/1.1\nHost: {host}\r\nX: a\nEVIL: b{end}",
                "not a method": f"\0\0\0 / HTTP/1.1\r\nHost: {host}{end}",
            }.items():
                answer = ask(text.encode("latin-1"))
                print(name, "refused" if not answer or answer[9:10] == b"4" else answer[:60])
            print(ask(f"GET /good HTTP/1.1\r\nHost: {host}{end}".encode())[-5:])
            """#)
        let outcome = try fixture.place.captured(
            """
            for count in $(seq 20); do curl -sS https://good.coop-test.example/good; done > good &
            /usr/bin/python3 client.py; wait; sort good | uniq -c | tr -d ' '
            """)
        let names = [
            "cl.te", "two lengths", "odd coding", "two hosts", "other host", "absolute", "long head", "space", "bare line feed",
            "not a method",
        ]
        #expect(outcome.output == names.map { "\($0) refused\n" }.joined() + "b'good\\n'\n20good\n", "\(outcome)")
        let requests = try fixture.requests()
        for word in ["SMUGGLED", "HOSTS", "LONG", "SPACE", "EVIL"] {
            #expect(!requests.contains(word), "\(word): \(requests.prefix(2000))")
        }
    }
}
