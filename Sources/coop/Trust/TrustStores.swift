import Certificates
import Egress
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Makes the trust stores of one sandbox, each a copy of the host's with certificates added, and covers the host's with them.
struct TrustStores {
    /// What is added, DER; the sandbox's own authority first.
    let added: [[UInt8]]
    /// The same as PEM.
    let pem: [UInt8]
    /// Whether they are made; otherwise the spec only says where they would be.
    let isMade: Bool

    /// Where the added certificates alone are, for programs that read a file beside the list that they bring.
    static let authorities = "/run/coop/authorities.pem"

    static let reason = "the gateway's authority"

    /// Where Java's runtimes of a distribution have their store: Debian and its relatives, Fedora and its relatives.
    private static let javaStores = ["/etc/ssl/certs/java/cacerts", "/etc/pki/ca-trust/extracted/java/cacerts"]

    /// The directory that OpenSSL looks certificates up in by their subject, with the authority under its own.
    ///
    /// - Returns: what must stay open as long as the sandbox lives.
    func replaceDirectory(in spec: inout SandboxSpec, cache: String) throws -> Descriptor? {
        guard let copy = try CertificateDirectory(host: CertificateDirectory.standard).copy(in: cache, isMade: isMade) else { return nil }
        spec.mounts.append(
            Mount(source: copy.path, target: CertificateDirectory.standard, readOnly: true, isDirectory: true, reason: TrustStores.reason))
        let entry = FileSystem.join(CertificateDirectory.standard, CertificateDirectory.entry)
        try cover(entry, with: [.bytes(RootCertificates.encode(added[0]))], in: &spec)
        return copy.hold
    }

    /// The bundle that most programs read as a whole.
    func replaceBundle(_ bundle: String, in spec: inout SandboxSpec) throws {
        try cover(bundle, with: [TrustStores.host(bundle), .bytes([UInt8(ascii: "\n")] + pem)], in: &spec)
    }

    func addAuthorities(in spec: inout SandboxSpec) throws {
        try cover(TrustStores.authorities, with: [.bytes(pem)], in: &spec)
    }

    /// A file of the user's own.
    func replaceFile(_ path: String, with certificates: [[UInt8]], in spec: inout SandboxSpec) throws {
        try cover(path, with: [.bytes(certificates.flatMap { RootCertificates.encode($0) } + pem)], in: &spec)
    }

    /// All of a file of the host, which the warden opens by its real path only.
    private static func host(_ path: String) throws(SystemError) -> FilePart {
        let size = try FileSystem.status(path, followLinks: true)?.st_size ?? 0
        return .range(source: FileSystem.realPath(path) ?? path, offset: 0, count: UInt64(clamping: size))
    }

    /// The stores of Java: the distribution's, and that of the runtime in PATH or JAVA_HOME, if it has another.
    func replaceJavaStores(in spec: inout SandboxSpec, bundle: String) throws {
        func value(_ name: String) -> String { spec.environment.first { $0.name == name }?.value ?? "" }
        var homes = value("PATH").split(separator: ":").prefix(64).compactMap { directory -> String? in
            guard let program = FileSystem.realPath(FileSystem.join(String(directory), "java")) else { return nil }
            return FileSystem.parent(of: FileSystem.parent(of: program))
        }
        homes.append(value("JAVA_HOME"))
        let own = homes.filter { $0.hasPrefix("/") }.compactMap { FileSystem.realPath(FileSystem.join($0, "lib/security/cacerts")) }
        var seen: Set<String> = []
        for store in TrustStores.javaStores + own {
            guard FileSystem.kind(store) == .file, isShownUnchanged(store, in: spec), seen.insert(store).inserted else { continue }
            try cover(store, with: javaStore(store, bundle: bundle), in: &spec)
        }
    }

    private func javaStore(_ store: String, bundle: String) throws -> [FilePart] {
        let file = try Descriptor.open(store, O_RDONLY)
        let size = try Int(FileSystem.status(store, followLinks: true)?.st_size ?? 0)
        let now = Int64(time(nil))
        let new = try JavaKeyStore.adding(added, prefix: "coop", size: size, now: now) { place, buffer in
            try check("pread", store) { pread(file.number, buffer.baseAddress, buffer.count, off_t(place)) }
        }
        if let new {
            let source = FileSystem.realPath(store) ?? store
            return [
                .bytes(new.head), .range(source: source, offset: UInt64(new.kept.lowerBound), count: UInt64(new.kept.count)),
                .bytes(new.tail),
            ]
        }
        // PKCS #12: what it holds is what the bundle holds, as everything else of the host believes that.
        return [.bytes(JavaKeyStore.make(RootCertificates.decode(try FileSystem.read(bundle)) + added, prefix: "ca", now: now))]
    }

    /// The database of NSS in HOME, which Chromium and its relatives read.
    func addDatabase(in spec: inout SandboxSpec) throws {
        let files = isMade ? try NSSDatabase.files(trusting: added[0], label: CertificateDirectory.commonName) : []
        spec.covers.append(
            Cover(
                path: FileSystem.join(spec.home.path, ".pki/nssdb"),
                files: files.map { CoverFile(name: $0.0, parts: [.bytes($0.1)]) }, reason: TrustStores.reason))
    }

    /// Whether a path of the host leads inside to the same file, which nobody inside can write.
    private func isShownUnchanged(_ path: String, in spec: SandboxSpec) -> Bool {
        let system = SpecBuilder.systemDirectories + ["/etc/ssl/certs", "/etc/pki/ca-trust"]
        return system.contains { FileSystem.contains($0, path) }
            || spec.mounts.contains { $0.readOnly && $0.source == $0.target && FileSystem.contains($0.target, path) }
    }

    private func cover(_ path: String, with parts: @autoclosure () throws -> [FilePart], in spec: inout SandboxSpec) throws {
        // Where the copy of the directory is shown, a link leads to the file, and nothing is mounted.
        let shown = spec.mounts.contains { $0.target == CertificateDirectory.standard && $0.reason == TrustStores.reason }
        let link = shown ? CertificateDirectory(host: CertificateDirectory.standard).link(for: path) : nil
        spec.covers.append(Cover(path: link ?? path, parts: isMade ? try parts() : [], reason: TrustStores.reason))
    }
}
