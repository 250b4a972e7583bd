import GatewayProtocol
import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A TLS server of openssl(1) for `a.example`, with a self-signed certificate, on a free port of loopback.
final class TLSServer {
    let port: UInt16
    /// The certificate's file, PEM.
    let certificate: String
    private let directory: String
    private let process: ChildProcess

    init() throws {
        var template = Array("/tmp/coop-gateway-test.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw SystemError("mkdtemp") }
        directory = String(cString: made)
        certificate = FileSystem.join(directory, "cert.pem")
        let key = FileSystem.join(directory, "key.pem")
        let end = try ChildProcess.run([
            "openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "30", "-subj",
            "/CN=a.example",
            "-addext", "subjectAltName=DNS:a.example", "-addext", "extendedKeyUsage=serverAuth", "-keyout", key, "-out", certificate,
        ])
        guard end.exitCode == 0 else { throw TestSupportError("openssl req: \(end.error)") }
        process = try ChildProcess(
            ["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", certificate, "-key", key, "-www", "-alpn", "http/1.1"], input: .pipe)
        guard try process.waitUntil(timeout: 60, { TLSServer.port(in: $0.outputText) != nil }),
            let port = TLSServer.port(in: process.outputText)
        else { throw TestSupportError("openssl s_server: \(process.outputText) \(process.errorText)") }
        self.port = port
    }

    deinit { try? FileSystem.removeTree(directory) }

    /// `ACCEPT 127.0.0.1:PORT` and the line's end.
    private static func port(in output: String) -> UInt16? {
        for line in output.split(separator: "\n", omittingEmptySubsequences: false).dropLast() where line.hasPrefix("ACCEPT ") {
            return line.split(separator: ":").last.flatMap { UInt16($0) }
        }
        return nil
    }

    /// The certificate, DER.
    func certificateBytes() throws -> [UInt8] {
        try ChildProcess.run(["openssl", "x509", "-in", certificate, "-outform", "DER"]).outputBytes
    }
}

@Suite struct RealClientTests {
    @Test("curl reaches a TLS server through CONNECT and SOCKS5, and sees the server's own certificate", arguments: ["http", "socks5h"])
    func curl(scheme: String) throws {
        let server = try TLSServer()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: server.port))
        let end = try ChildProcess.run(
            [
                "curl", "--silent", "--show-error", "--max-time", "60", "--cacert", server.certificate, "--proxy",
                "\(scheme)://127.0.0.1:\(supervisor.ports[0])", "https://a.example/",
            ])
        #expect(end.exitCode == 0 && end.output.contains("s_server"), "\(end)")
        #expect(supervisor.waitForBalance())
        _ = try supervisor.shutDown()
    }

    @Test("curl is told which rule denies, and how to change that")
    func denied() throws {
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.denying)
        let proxy = "http://127.0.0.1:\(supervisor.ports[0])"
        let plain = try ChildProcess.run(["curl", "--silent", "--include", "--max-time", "60", "--proxy", proxy, "http://a.example/"])
        #expect(plain.output.contains("403 Forbidden") && plain.output.contains("Next: coop allow HOST"), "\(plain)")
        let tunnel = try ChildProcess.run(["curl", "--silent", "--show-error", "--max-time", "60", "--proxy", proxy, "https://a.example/"])
        #expect(tunnel.exitCode == 56 && tunnel.error.contains("403"), "\(tunnel)")
        let socks = try ChildProcess.run(
            [
                "curl", "--silent", "--show-error", "--max-time", "60", "--proxy", "socks5h://127.0.0.1:\(supervisor.ports[0])",
                "https://a.example/",
            ])
        #expect(socks.exitCode == 97, "\(socks)")
        _ = try supervisor.shutDown()
    }

    @Test("a client whose SNI is not the name of its tunnel gets nowhere")
    func fronting() throws {
        let server = try TLSServer()
        let supervisor = try ScriptedSupervisor([.proxy], script: ScriptedSupervisor.passing(to: server.port))
        let end = try ChildProcess.run(
            [
                "openssl", "s_client", "-proxy", "127.0.0.1:\(supervisor.ports[0])", "-connect", "a.example:443", "-servername",
                "b.example",
            ], timeout: 60)
        #expect(end.exitCode != 0 && !end.timedOut && !end.output.contains("BEGIN CERTIFICATE"), "\(end)")
        #expect(supervisor.wait { $0.contains { if case .incident = $0 { true } else { false } } })
        #expect(supervisor.incidents == [.nameMismatch])
        _ = try supervisor.shutDown()
    }

    @Test("a connection to the port of redirected connections itself is refused")
    func ownPort() throws {
        let supervisor = try ScriptedSupervisor([.redirect], script: ScriptedSupervisor.denying)
        // The reset may come before connect(2) returns.
        let client: Descriptor?
        do {
            client = try Loopback.connect(supervisor.ports[0])
        } catch let error as SystemError where error.errno == ECONNRESET { client = nil }
        if let client { #expect(try client.isReset()) }
        #expect(supervisor.openings.isEmpty && supervisor.wait { $0.count == 2 } && supervisor.incidents == [.refused])
        _ = try supervisor.shutDown()
    }
}
