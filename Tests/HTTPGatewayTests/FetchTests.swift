import HTTPGateway
import LinuxKernel
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import TestSupport
import Testing

/// Requests that do not go from inside to outside: coop's own, and those that coop answers itself.
@Suite struct FetchTests {
    private func fetch(
        _ upstream: TestUpstream, _ path: String, method: String = "POST", transport: ConnectionInfo.Transport = .tls,
        name: String = TestGateway.name, roots: [[UInt8]] = [], body: String = "asked"
    ) throws -> JudgeResponse {
        let request = FetchRequest(
            method: method, server: ConnectionInfo(id: 1, name: name, port: 443, transport: transport), path: path,
            headers: ["content-type": "text/plain"], body: Array(body.utf8))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        defer { try? group.syncShutdownGracefully() }
        return try request.send(over: try Loopback.connect(upstream.port), roots: roots, on: group.next()).wait()
    }

    @Test("coop's own request brings the whole answer")
    func whole() throws {
        let authority = try TestAuthority()
        let upstream = try TestUpstream(.tls(authority.context()))
        let reply = try fetch(upstream, "/echo", roots: [authority.certificate])
        #expect(reply.head.status == 200 && String(buffer: reply.body).contains("asked"), "\(reply)")
        #expect(upstream.requests.count == 1)
        let clear = try TestUpstream(.clear)
        #expect(try fetch(clear, "/echo", method: "GET", transport: .cleartext, body: "").head.status == 200)
    }

    @Test("a server that is not the one it should be gets nothing")
    func verified() throws {
        let authority = try TestAuthority()
        for (context, why) in [
            (try authority.context(name: "www.example.org"), "www.example.org"), (try authority.context(age: 100 * 86400), "expired"),
            (try TestAuthority("Other").context(), "not trusted"),
        ] {
            let upstream = try TestUpstream(.tls(context))
            let error = #expect(throws: FetchFailure.self) { try fetch(upstream, "/echo", roots: [authority.certificate]) }
            #expect(error?.reason.contains(why) == true, "\(String(describing: error))")
            #expect(upstream.requests.isEmpty)
        }
    }

    @Test("a request that the judge answers does not leave", .enabled(if: Curl.isInstalled), arguments: ["--http1.1", "--http2"])
    func collected(_ version: String) throws {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port) { _, _ in .collect }
        let url = Curl.url("/token")
        // Twice on one connection.
        let short = try Curl.run(gateway, [version, "-w", " %{response_code} ", "-d", "one", url, url])
        #expect(short.output == "one 202 one 202 ", "\(short)")
        #expect(try Curl.run(gateway, [version, "-w", " %{response_code}", url]).output == " 202")
        let expecting = try Curl.run(gateway, [version, "-H", "Expect: 100-continue", "-d", "three", url])
        #expect(expecting.output == "three", "\(expecting)")
        let long = String(repeating: "x", count: 70_000)
        let refused = try Curl.run(
            gateway, [version, "-w", " %{response_code}", "--data-binary", "@-", url], input: .bytes(Array(long.utf8)))
        #expect(refused.output.hasSuffix(" 413"), "\(refused)")
        #expect(upstream.connections == 0)
    }
}
