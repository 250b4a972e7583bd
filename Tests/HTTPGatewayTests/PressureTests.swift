import Glibc
import HTTPGateway
import LinuxKernel
import TestSupport
import Testing

/// Large bodies, slow peers, many connections: memory stays flat, and nobody waits for another.
///
/// Memory is looked at in a process of its own: the other tests of this one take some as they like.
@Suite(.serialized) struct PressureTests {
    /// Kilobytes that the process has in memory.
    private static func resident() throws -> Int {
        let status = String(decoding: try Descriptor.open("/proc/self/status", O_RDONLY).readAll(), as: UTF8.self)
        let line = status.split(separator: "\n").first { $0.hasPrefix("VmRSS:") }
        return Int(line?.split(separator: " ").dropFirst().first { Int($0) != nil } ?? "") ?? 0
    }

    @Test("a response that nobody reads stays with the upstream; another connection is served meanwhile")
    func stalledDownload() async {
        await #expect(processExitsWith: .success) { try PressureTests.stallDownload() }
    }

    private static func stallDownload() throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let before = try resident()
        let stalled = try (0..<10).map { _ in
            let client = try gateway.connect()
            try client.send("GET /size/300000000 HTTP/1.1\r\nHost: api.example.com\r\n\r\n")
            return client
        }
        for client in stalled { _ = client.read(until: "\r\n\r\n") }
        for _ in 0..<20 {
            let client = try gateway.connect()
            try client.send("GET /size/1000000 HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
            #expect(client.readAll().utf8.count > 1_000_000)
        }
        #expect(try resident() - before < 100_000)
        withExtendedLifetime(stalled) {}
    }

    @Test("an upload that the upstream does not read stays with the client")
    func stalledUpload() async {
        await #expect(processExitsWith: .success) { try PressureTests.stallUpload() }
    }

    private static func stallUpload() throws {
        let listener = try Loopback.listen()
        let gateway = try TestGateway(upstream: Loopback.port(listener), transport: .cleartext)
        let before = try resident()
        let socket = try Loopback.connect(gateway.port)
        try socket.writeAll(Array("POST / HTTP/1.1\r\nHost: api.example.com\r\nContent-Length: 1000000000\r\n\r\n".utf8))
        // The listening socket's queue takes the connection; nobody reads from it. Writing stops when all buffers are full.
        var limit = timeval(tv_sec: 2, tv_usec: 0)
        setsockopt(socket.number, SOL_SOCKET, SO_SNDTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        let piece = [UInt8](repeating: 0x61, count: 1 << 20)
        var sent = 0
        while sent < 900 << 20 {
            let count = write(socket.number, piece, piece.count)
            if count <= 0 { break }
            sent += count
        }
        #expect(sent < 100 << 20)
        #expect(try resident() - before < 100_000)
    }

    @Test("a large body goes through in flat memory each way", .enabled(if: Curl.isInstalled), arguments: ["--http1.1", "--http2"])
    func huge(version: String) async {
        await #expect(processExitsWith: .success) { [version = version as String] in try PressureTests.moveMuch(version) }
    }

    private static func moveMuch(_ version: String) throws {
        let authority = try TestAuthority()
        let upstream = try TestUpstream(.tls(authority.context()))
        let gateway = try TestGateway(upstream: upstream.port, roots: [authority.certificate])
        // As large as a debug build moves in seconds; the benchmark moves a gigabyte.
        let size = 50_000_000
        _ = try Curl.run(gateway, [version, "-o", "/dev/null", Curl.url("/size/1000000")])
        let before = try resident()
        let down = try Curl.run(gateway, [version, "-o", "/dev/null", "-w", "%{size_download}", Curl.url("/size/\(size)")])
        #expect(down.output == String(size))
        let path = "/tmp/coop-huge-\(getpid())"
        try check("truncate") { truncate(path, 0) == 0 || creat(path, 0o600) >= 0 ? truncate(path, off_t(size)) : -1 }
        defer { unlink(path) }
        let up = try Curl.run(gateway, [version, "-T", path, Curl.url("/count")])
        #expect(up.output == String(size), "\(up)")
        #expect(try resident() - before < 100_000)
    }

    @Test("a thousand connections at once are all served")
    func thousand() throws {
        OpenFiles.raiseLimit()
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext)
        let clients = try (0..<1000).map { _ in try gateway.connect() }
        for client in clients { try client.send("GET /echo HTTP/1.1\r\nHost: api.example.com\r\n\r\n") }
        for client in clients { #expect(client.read(until: "host: api.example.com").hasPrefix("HTTP/1.1 200")) }
        for client in clients { try client.send("GET /echo HTTP/1.1\r\nHost: api.example.com\r\nConnection: close\r\n\r\n") }
        for client in clients { #expect(client.readAll().contains("HTTP/1.1 200")) }
        #expect(gateway.judged.count == 2000)
    }
}
