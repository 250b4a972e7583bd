import LinuxKernel
import TestSupport
import Testing

@testable import WebSocket

/// The server speaks RFC 6455 with clients of others, and with nobody who should not be there.
@Suite struct WebSocketTests {
    private func program() throws -> String {
        var directory = FileSystem.readLink("/proc/self/exe").map { FileSystem.parent(of: $0) } ?? "/"
        if let bundle = CommandLine.arguments.first(where: { $0.hasSuffix(".xctest") }) { directory = FileSystem.parent(of: bundle) }
        for place in [directory, FileSystem.normalize(#filePath + "/../../..") + "/.build/debug"]
        where FileSystem.isExecutable(place + "/event-log-benchmark") {
            return place + "/event-log-benchmark"
        }
        throw TestSupportError("event-log-benchmark is not in \(directory): swift build")
    }

    @Test("an independent client and hostile frames: events in order and once, refusals and close codes as the RFC says")
    func conformance() throws {
        let made = try ChildProcess.run(["/bin/mktemp", "-d", "/tmp/coop-websocket-test.XXXXXX"])
        let directory = String(made.output.dropLast())
        defer { try? FileSystem.removeTree(directory) }
        let written = try ChildProcess.run([try program(), "write", directory, "3000"])
        #expect(written.exitCode == 0, "\(written)")
        let events = try #require(written.output.split(separator: "\n").last.flatMap { Int($0) })
        let server = try ChildProcess([try program(), "serve", directory])
        try server.waitUntil { $0.outputText.hasSuffix("\n") }
        let port = try #require(Int(server.outputText.dropLast()))
        let script = FileSystem.normalize(#filePath + "/../client.py")
        let client = try ChildProcess.run(["/usr/bin/python3", script, "\(port)", "\(events)"], timeout: 300)
        #expect(client.exitCode == 0 && client.output == "conforms\n", "\(client)")
        #expect(try server.wait(timeout: 60).exitCode == 0)
    }

    @Test("the example of the RFC")
    func acceptance() throws {
        let head =
            "GET /chat HTTP/1.1\r\nHost: server.example.com\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            + "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
        let request = try WebSocketRequest(parsing: Array(head.utf8))
        #expect(String(decoding: request.acceptance, as: UTF8.self).contains("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"))
        #expect(request.path == "/chat" && request.query.isEmpty)
    }

    @Test("frames of every length, cut anywhere, give the message that was sent")
    func lengths() throws {
        for count in [0, 1, 125, 126, 127, 65_535, 65_536, 100_000] {
            let text = [UInt8](repeating: UInt8(ascii: "t"), count: count)
            var frame: [UInt8] = []
            WebSocketFrame.append(.text, text, to: &frame)
            // As a client would send it, with a mask of zeros.
            let header = frame.count - count
            frame[1] |= 0x80
            frame.insert(contentsOf: [0, 0, 0, 0], at: header)
            for piece in [frame.count, 1000, 7] where frame.count / piece < 20_000 {
                var reader = WebSocketReader(limit: 1 << 20)
                var items: [WebSocketReader.Item] = []
                for start in stride(from: 0, to: frame.count, by: piece) {
                    try reader.read(frame[start..<min(start + piece, frame.count)], into: &items)
                }
                #expect(items == [.message(.text(text))], "\(count) in pieces of \(piece)")
            }
        }
    }
}
