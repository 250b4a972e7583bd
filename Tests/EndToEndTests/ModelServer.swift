import Glibc
import LinuxKernel
import TestSupport

/// The services behind the agents, on loopback (Agents/models.py): each plays a task with whoever asks, and writes down what it is told.
final class ModelServer {
    static let names = [
        "api.anthropic.com", "console.anthropic.com", "platform.claude.com", "mcp-proxy.anthropic.com", "api.openai.com",
        "auth.openai.com", "chatgpt.com",
    ]

    let port: String
    /// The authority of its certificate, PEM.
    let authority: String
    private let process: ChildProcess
    private let log: String

    /// - Parameters:
    ///   - directory: where its files are kept.
    ///   - settings: JSON, as the program describes it.
    init(_ directory: String, settings: String) throws {
        authority = directory + "/ca.pem"
        log = directory + "/log"
        // The agents' TLS libraries want an authority and a certificate that is none.
        let made = try ChildProcess.run([
            "/bin/sh", "-ec",
            """
            mkdir -p "$1"; cd "$1"
            ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            openssl req -x509 $ec -keyout ca.key -out ca.pem -days 30 -subj '/CN=Test authority of models' \
              -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
            openssl req $ec -keyout server.key -out server.csr -subj "/CN=models"
            printf 'subjectAltName=%s\\nextendedKeyUsage=serverAuth\\nbasicConstraints=CA:FALSE\\n' "$2" > server.ext
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 30 -extfile server.ext
            chmod 644 ca.pem
            """, "sh", directory, ModelServer.names.map { "DNS:" + $0 }.joined(separator: ","),
        ])
        guard made.exitCode == 0 else { throw TestSupportError("the server's files: \(made)") }
        process = try ChildProcess(
            [
                "/usr/bin/python3", "-B", FileSystem.parent(of: #filePath) + "/Agents/models.py", directory + "/server.pem",
                directory + "/server.key", log, settings,
            ], input: .pipe)
        guard try process.waitForOutput(" END\n") else { throw TestSupportError("no server: \(process.errorText)") }
        port = String(process.outputText.dropFirst(5).dropLast(5))
    }

    deinit {
        process.signal(SIGKILL)
        _ = try? process.wait()
    }

    /// The user's configuration that leads the names here.
    var configuration: String {
        """
        [network]
        ca = ["\(authority)"]
        [network.hosts]
        \(ModelServer.names.map { "\"\($0)\" = \"127.0.0.1:\(port)\"" }.joined(separator: "\n"))

        """
    }

    /// What was said to it up to now, a line each: `GOT HOST METHOD PATH good|bad|none BODY`, `TOLD MESSAGE`, `STEP NUMBER …`, `EXPIRED`,
    /// `REFRESHED`, `HELD`. It is written before it is answered.
    var received: [Substring] { get throws { String(osBytes: try FileSystem.read(log, limit: 1 << 28)).split(separator: "\n") } }

    func count(_ prefix: String) throws -> Int { try received.count { $0.hasPrefix(prefix) } }

    /// Waits until something was said to it.
    func wait(for prefix: String, seconds: Double = 180) throws -> Bool {
        try Deadline.poll(seconds: seconds) { try count(prefix) > 0 }
    }

    /// Lets an answer go that it holds back.
    func letGo() throws { try FileSystem.replace(log + ".go", with: [], mode: 0o600) }
}
