import Certificates
import CoopErrors
import Egress
import GatewayProtocol
import Glibc
import LinuxKernel
import Sandbox
import Substitution

/// The certificate authority of one sandbox: its key stays in memory, its certificate is added to what programs inside trust.
final class TrustedAuthority {
    let authority: SandboxAuthority
    /// Keeps what the sandbox shows of coop's cache.
    private var hold: Descriptor?

    /// Where distributions keep the bundle that programs read: Debian and its relatives, Fedora and its relatives.
    private static let bundles = ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt"]

    /// The most bytes of a file with certificates.
    private static let sizeLimit = 8 << 20

    init() throws(CoopError) {
        do {
            let made = try CertificateAuthority.make(commonName: CertificateDirectory.commonName, now: Int64(time(nil)))
            authority = SandboxAuthority(key: SecretBytes(copying: made.privateKey), certificate: made.certificate)
        } catch {
            throw CoopError(.failed, "cannot make the sandbox's certificate authority", "\(error)", next: "coop run --network none")
        }
    }

    /// Puts copies of the host's trust stores with this authority's certificate in the place of the host's.
    ///
    /// The user's further authorities (`network.ca`, and files that variables of the host name) are added where they can be, because
    /// what is passed through shows the server's certificate to the program.
    ///
    /// - Parameters:
    ///   - cache: a directory of coop's own that stays.
    /// - Returns: what cannot be done, a line each.
    func add(to spec: inout SandboxSpec, cache: String) throws(CoopError) -> [String] {
        let (notes, hold) = try TrustedAuthority.add(authority.certificate, to: &spec, cache: cache)
        self.hold = hold
        return notes
    }

    /// What `add` does to the spec, for those who only want to know: no authority is made, and no file.
    static func describe(in spec: inout SandboxSpec, cache: String) throws(CoopError) {
        _ = try add(nil, to: &spec, cache: cache)
    }

    /// - Parameter certificate: nil to write nothing.
    private static func add(
        _ certificate: [UInt8]?, to spec: inout SandboxSpec, cache: String
    ) throws(CoopError) -> (notes: [String], hold: Descriptor?) {
        guard let bundle = TrustedAuthority.bundles.first(where: { FileSystem.kind($0) == .file }) else {
            throw CoopError(
                .notReady, "cannot add the sandbox's certificate authority",
                "none of \(TrustedAuthority.bundles.joined(separator: ", ")) is there",
                next: "sudo apt-get install ca-certificates, or add --network none")
        }
        let variables = TrustVariables(bundle: bundle)
        var further: [[UInt8]] = []
        for path in spec.network.policy.certificateFiles { further += try TrustedAuthority.certificates(in: path) }
        for path in variables.hostFiles() {
            // Of the host's environment, which coop does not own: a variable that leads nowhere means nothing inside either.
            further += (try? TrustedAuthority.certificates(in: path)) ?? []
        }
        let added = [certificate ?? []] + further
        let pem = added.flatMap { RootCertificates.encode($0) }
        do {
            let stores = TrustStores(added: added, pem: pem, isMade: certificate != nil)
            let hold = try stores.replaceDirectory(in: &spec, cache: cache)
            try stores.replaceBundle(bundle, in: &spec)
            try stores.addAuthorities(in: &spec)
            try stores.replaceJavaStores(in: &spec, bundle: bundle)
            try stores.addDatabase(in: &spec)
            let notes = try variables.set(in: &spec) { source, path, spec in
                guard let found = try? TrustedAuthority.certificates(in: source) else { return false }
                try stores.replaceFile(path, with: found, in: &spec)
                return true
            }
            return (notes, hold)
        } catch let error as CoopError {
            throw error
        } catch {
            let isFull = (error as? SystemError)?.isFull ?? false
            throw CoopError(
                .failed, "cannot add the sandbox's certificate authority", "\(error)",
                next: isFull ? "df -h \(cache.shellQuoted); df -i \(cache.shellQuoted)" : "ls -lR /etc/ssl/certs")
        }
    }

    /// The certificates that upstream hosts are verified with: the host's own and the user's further ones.
    static func roots(further: [String]) throws(CoopError) -> [[UInt8]] {
        var result: [[UInt8]] = []
        for path in bundles.filter({ FileSystem.kind($0) == .file }).prefix(1) + further { result += try certificates(in: path) }
        return result
    }

    /// The certificates in a file, DER; at least one.
    private static func certificates(in path: String) throws(CoopError) -> [[UInt8]] {
        do {
            let found = RootCertificates.decode(try FileSystem.read(path, limit: sizeLimit))
            if !found.isEmpty { return found }
        } catch {
            throw CoopError(.configuration, "cannot use \(path.printable)", error.reason, next: "coop config get network.ca")
        }
        throw CoopError(
            .configuration, "cannot use \(path.printable)", "there is no certificate in it", next: "coop config get network.ca")
    }
}
