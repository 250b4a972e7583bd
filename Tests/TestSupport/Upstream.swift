import Glibc
import LinuxKernel

/// A web server of the test's own on loopback, and the certificates for it. Ends with the test.
public final class Upstream {
    /// The directory with `ca.pem` and what has been received.
    public let directory: String
    /// Ports of 127.0.0.1: TLS with a good certificate for `names`, plain HTTP, a plain echo of bytes.
    public let secure: UInt16
    public let plain: UInt16
    public let echo: UInt16
    /// TLS with a certificate of the same authority for another name.
    public let misnamed: UInt16
    /// TLS with a certificate that nobody has signed but itself.
    public let unsigned: UInt16
    private let process: ChildProcess

    /// The names of the good certificate.
    public static let names = ["api.example.com", "other.example.com"]

    public init() throws {
        var template = Array("/tmp/coop-upstream.XXXXXX".utf8CString)
        guard let made = mkdtemp(&template) else { throw TestSupportError("mkdtemp") }
        directory = String(cString: made)
        chmod(directory, 0o755)
        let path = directory
        func openssl(_ arguments: [String]) throws {
            let outcome = try ChildProcess.run(
                ["openssl"] + arguments, environment: ["PATH": "/usr/bin:/bin", "HOME": path], directory: path)
            guard outcome.exitCode == 0 else { throw TestSupportError("openssl: \(outcome.error)") }
        }
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "ca.key", "-out", "ca.pem",
            "-days",
            "2", "-subj", "/CN=Test authority", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
            "keyUsage=critical,keyCertSign,cRLSign",
        ])
        for (file, names) in [("good", Upstream.names), ("misnamed", ["elsewhere.example.net"])] {
            try openssl([
                "req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "\(file).key", "-out", "\(file).csr",
                "-subj", "/CN=\(names[0])",
            ])
            let extensions = "subjectAltName=" + names.map { "DNS:\($0)" }.joined(separator: ",") + "\nextendedKeyUsage=serverAuth\n"
            try Descriptor.open(FileSystem.join(path, "\(file).ext"), O_WRONLY | O_CREAT, mode: 0o644)
                .writeAll(extensions.utf8, subject: file)
            try openssl([
                "x509", "-req", "-in", "\(file).csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-out", "\(file).pem",
                "-days", "1",
                "-extfile", "\(file).ext",
            ])
        }
        try openssl([
            "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", "unsigned.key", "-out",
            "unsigned.pem",
            "-days", "1", "-subj", "/CN=api.example.com", "-addext", "subjectAltName=DNS:api.example.com",
        ])
        let script = FileSystem.parent(of: #filePath) + "/upstream.py"
        process = try ChildProcess(
            ["/usr/bin/python3", script, path], environment: ["PATH": "/usr/bin:/bin"], directory: path, input: .pipe)
        guard try process.waitForOutput("\n") else { throw TestSupportError("the upstream does not start: \(process.errorText)") }
        let ports = process.outputText.split(whereSeparator: \.isWhitespace).compactMap { UInt16($0) }
        guard ports.count == 5 else { throw TestSupportError("the upstream said \(process.outputText)") }
        (secure, plain, echo, misnamed, unsigned) = (ports[0], ports[1], ports[2], ports[3], ports[4])
    }

    deinit {
        process.signal(SIGKILL)
        _ = try? process.wait()
        try? FileSystem.removeTree(directory)
    }

    /// The request lines that have arrived, each as `PORTKIND METHOD PATH HOST`.
    public func requests() throws -> [String] {
        let file = FileSystem.join(directory, "requests")
        guard FileSystem.kind(file) == .file else { return [] }
        return String(osBytes: try FileSystem.read(file)).split(separator: "\n").map(String.init)
    }
}
