import Certificates
import CLinux
import GatewayProtocol
import Glibc
import LinuxKernel
import Substitution
import Synchronization
import TestSupport
import Testing

/// Terminated connections through the real, confined worker. What the pipelines do with HTTP is tested with them.
@Suite struct InspectionTests {
    /// Inspects everything; each request gets `verdict`.
    private func supervisor(
        _ server: TLSServer, verdict: @escaping @Sendable (GatewayProtocol.RequestHead) -> (ConnectionID, StreamID) -> SupervisorMessage
    ) throws -> (ScriptedSupervisor, String) {
        let (certificate, key) = try CertificateAuthority.make(commonName: "coop test", now: Int64(time(nil)))
        var configuration = WorkerConfiguration()
        configuration.authority = SandboxAuthority(key: SecretBytes(copying: key), certificate: certificate)
        configuration.roots = [try server.certificateBytes()]
        let port = server.port
        let supervisor = try ScriptedSupervisor([.proxy], configuration: configuration) { message in
            switch message {
            case .open(let id, let opening): [(opening.protocol == .awaited ? .proceed(id) : .inspect(id), [])]
            case .request(let id, let stream, let head): [(verdict(head)(id, stream), [])]
            case .dial(let id, let attempt): [(.connected(id, attempt), [try Loopback.connect(port)])]
            default: []
            }
        }
        let file = server.certificate + ".authority"
        let end = try ChildProcess.run(["openssl", "x509", "-inform", "DER", "-out", file], input: .bytes(certificate))
        guard end.exitCode == 0 else { throw TestSupportError("openssl x509: \(end.error)") }
        return (supervisor, file)
    }

    private func curl(_ supervisor: ScriptedSupervisor, authority: String, _ options: [String]) throws -> ChildProcess.Outcome {
        try ChildProcess.run(
            [
                "curl", "--silent", "--show-error", "--include", "--max-time", "110", "--cacert", authority, "--proxy",
                "http://127.0.0.1:\(supervisor.ports[0])",
            ] + options)
    }

    @Test("a terminated request is judged, reaches the verified upstream, and its connection is accounted for")
    func allowed() throws {
        let server = try TLSServer()
        let (supervisor, authority) = try supervisor(server) { _ in { .allowRequest($0, $1, []) } }
        let end = try curl(supervisor, authority: authority, ["https://a.example/some/path?q=1"])
        #expect(end.exitCode == 0 && end.output.contains("200"), "\(end)")
        let heads = supervisor.messages.compactMap { if case .request(_, _, let head) = $0 { head } else { nil } }
        #expect(heads.map(\.path) == ["/some/path?q=1"] && heads.first?.authority == "a.example")
        #expect(supervisor.waitForBalance())
        #expect(supervisor.messages.contains { if case .closed(_, let a, let b) = $0 { a > 0 && b > 0 } else { false } })
        _ = try supervisor.shutDown()
    }

    @Test("a denied request gets the rule, and nothing is dialled")
    func denied() throws {
        let server = try TLSServer()
        let (supervisor, authority) = try supervisor(server) { _ in { .denyRequest($0, $1, ScriptedSupervisor.denial) } }
        let end = try curl(supervisor, authority: authority, ["https://a.example/"])
        #expect(end.output.contains(" 403") && end.output.contains("coop allow HOST"), "\(end)")
        #expect(!supervisor.messages.contains { if case .dial = $0 { true } else { false } })
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("many inspected connections, one after the other and at once, all end and are all accounted for")
    func many() throws {
        let server = try TLSServer()
        let (supervisor, authority) = try supervisor(server) { _ in { .denyRequest($0, $1, ScriptedSupervisor.denial) } }
        let urls = (0..<40).map { "https://a.example/\($0)" }
        let end = try curl(supervisor, authority: authority, ["--parallel", "--no-keepalive"] + urls)
        #expect(end.output.split(separator: "\n").filter { $0.hasPrefix("HTTP/") && $0.contains(" 403") }.count == 40, "\(end)")
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("a revoked inspected connection is broken off")
    func revoked() throws {
        let server = try TLSServer()
        let (supervisor, _) = try supervisor(server) { _ in { .allowRequest($0, $1, []) } }
        let client = try Loopback.connect(supervisor.ports[0])
        try client.sendAll("CONNECT a.example:443 HTTP/1.1\r\n\r\n".utf8)
        _ = try client.receive(39)
        try client.sendAll(TLSBytes.clientHello(name: "a.example"))
        #expect(supervisor.wait { $0.contains { if case .open(_, let opening) = $0 { opening.protocol != .awaited } else { false } } })
        try supervisor.send(.revoke(1))
        _ = try? client.receiveToEnd()
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }
}
