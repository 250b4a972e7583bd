import Certificates
import CoopErrors
import Egress
import GatewayProtocol
import Glibc
import LinuxKernel
import Sandbox
import Substitution

/// The certificate authority of one sandbox: its key stays in memory, its certificate is added to what programs inside trust.
struct TrustedAuthority {
    let authority: SandboxAuthority

    /// Where distributions keep the bundle that programs read: Debian and its relatives, Fedora and its relatives.
    private static let bundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    /// What programs with a list of their own take a file from, beside the one that they have.
    private static let variables = [
        "SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "PIP_CERT", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS", "AWS_CA_BUNDLE",
        "CARGO_HTTP_CAINFO", "DENO_CERT", "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH", "NIX_SSL_CERT_FILE", "HTTPLIB2_CA_CERTS",
    ]

    init(session: String) throws(CoopError) {
        do {
            let made = try CertificateAuthority.make(commonName: "coop sandbox \(session)", now: Int64(time(nil)))
            authority = SandboxAuthority(key: SecretBytes(copying: made.privateKey), certificate: made.certificate)
        } catch {
            throw CoopError(.failed, "cannot make the sandbox's certificate authority", "\(error)", next: "coop run --network none")
        }
    }

    /// The name of the file in a session's directory that holds the bundle.
    static let bundleName = "ca-bundle.pem"

    /// Puts the host's bundle with this authority's certificate in the place of the host's bundle.
    ///
    /// - Parameter file: where the bundle is kept as long as the sandbox lives.
    func add(to spec: inout SandboxSpec, file: String) throws(CoopError) {
        let target = try TrustedAuthority.describe(in: &spec, file: file)
        do {
            let bundle = try FileSystem.read(target, limit: 8 << 20) + [UInt8(ascii: "\n")] + RootCertificates.encode(authority.certificate)
            try Descriptor.open(file, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644).writeAll(bundle, subject: file)
        } catch {
            throw CoopError(.failed, "cannot add the sandbox's certificate authority", "\(error)", next: "ls -l \(target)")
        }
    }

    /// What `add` does to the spec, without an authority: for those who only want to know.
    ///
    /// - Returns: the path of the bundle.
    @discardableResult
    static func describe(in spec: inout SandboxSpec, file: String) throws(CoopError) -> String {
        guard let target = TrustedAuthority.bundles.first(where: { FileSystem.kind($0) == .file }) else {
            throw CoopError(
                .notReady, "cannot add the sandbox's certificate authority",
                "none of \(TrustedAuthority.bundles.joined(separator: ", ")) is there",
                next: "sudo apt-get install ca-certificates, or add --network none")
        }
        spec.mounts.append(Mount(source: file, target: target, readOnly: true, isDirectory: false, reason: "the gateway's authority"))
        for name in TrustedAuthority.variables {
            // What the user has set stays: the file it names is his own affair.
            let old = spec.environment.firstIndex { $0.name == name }
            let variable = EnvironmentVariable(name: name, value: target, origin: "coop")
            if let old {
                if spec.environment[old].origin == "host" { spec.environment[old] = variable }
            } else {
                spec.environment.append(variable)
            }
        }
        spec.environment.sort { $0.name < $1.name }
        return target
    }

    /// The certificates that upstream hosts are verified with: the host's own and the user's further ones.
    static func roots(further: [String]) throws(CoopError) -> [[UInt8]] {
        var result: [[UInt8]] = []
        for path in bundles.filter({ FileSystem.kind($0) == .file }).prefix(1) + further {
            do {
                let found = RootCertificates.decode(try FileSystem.read(path, limit: 8 << 20))
                guard !found.isEmpty else {
                    throw CoopError(
                        .configuration, "cannot use \(path.printable)", "there is no certificate in it", next: "coop config get network.ca")
                }
                result += found
            } catch let error as SystemError {
                throw CoopError(.configuration, "cannot use \(path.printable)", error.reason, next: "coop config get network.ca")
            } catch let error as CoopError {
                throw error
            } catch {
                throw CoopError(.failed, "cannot use \(path.printable)", "\(error)", next: "coop config get network.ca")
            }
        }
        return result
    }
}
