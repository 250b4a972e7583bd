import Certificates
import Egress
import Glibc
import LinuxKernel
import Sandbox

/// Makes the trust stores of one sandbox, each a copy of the host's with certificates added, and mounts them over the host's.
struct TrustStores {
    /// The place of a file that lives as long as the sandbox.
    let file: (String) -> String
    /// What is added, DER; the sandbox's own authority first.
    let added: [[UInt8]]
    /// The same as PEM.
    let pem: [UInt8]
    /// Whether files are made; otherwise only the spec says where they would be.
    let isWritten: Bool

    /// Where the added certificates alone are, for programs that read a file beside the list that they bring.
    static let authorities = "/run/coop/authorities.pem"

    private static let reason = "the gateway's authority"

    /// Where Java's runtimes of a distribution have their store: Debian and its relatives, Fedora and its relatives.
    private static let javaStores = ["/etc/ssl/certs/java/cacerts", "/etc/pki/ca-trust/extracted/java/cacerts"]

    /// The directory that OpenSSL looks certificates up in by their subject, with the authority under its own.
    func replaceDirectory(in spec: inout SandboxSpec, cache: String) throws {
        guard let copy = try CertificateDirectory(host: CertificateDirectory.standard).copy(in: cache, isMade: isWritten) else { return }
        mount(copy, at: CertificateDirectory.standard, isDirectory: true, in: &spec)
        let source = try write("authority.pem", RootCertificates.encode(added[0]))
        mount(source, at: FileSystem.join(CertificateDirectory.standard, CertificateDirectory.entry), in: &spec)
    }

    /// The bundle that most programs read as a whole.
    func replaceBundle(_ bundle: String, in spec: inout SandboxSpec) throws {
        mount(try write("ca-bundle.pem", FileSystem.read(bundle) + [UInt8(ascii: "\n")] + pem), at: bundle, in: &spec)
    }

    func addAuthorities(in spec: inout SandboxSpec) throws {
        mount(try write("authorities.pem", pem), at: TrustStores.authorities, in: &spec)
    }

    /// A file of the user's own.
    func replaceFile(_ path: String, with certificates: [[UInt8]], in spec: inout SandboxSpec) throws {
        let copy = try write("trust-\(spec.mounts.count).pem", certificates.flatMap { RootCertificates.encode($0) } + pem)
        mount(copy, at: path, in: &spec)
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
            mount(try write("java-\(seen.count).jks", javaStore(store, bundle: bundle)), at: store, in: &spec)
        }
    }

    private func javaStore(_ store: String, bundle: String) throws -> [UInt8] {
        let old = try FileSystem.read(store, limit: 16 << 20)
        let now = Int64(time(nil))
        if let extended = JavaKeyStore.adding(added, prefix: "coop", to: old, now: now) { return extended }
        // PKCS #12: what it holds is what the bundle holds, as everything else of the host believes that.
        return JavaKeyStore.make(RootCertificates.decode(try FileSystem.read(bundle)) + added, prefix: "ca", now: now)
    }

    /// The database of NSS in HOME, which Chromium and its relatives read.
    func addDatabase(in spec: inout SandboxSpec) throws {
        let directory = file("nssdb")
        if isWritten {
            try check("mkdir", directory) { directory.withOSBytes { mkdir($0, 0o700) } }
            for (name, contents) in try NSSDatabase.files(trusting: added[0], label: CertificateDirectory.commonName) {
                _ = try write("nssdb/" + name, contents)
            }
        }
        mount(directory, at: FileSystem.join(spec.home.path, ".pki/nssdb"), isDirectory: true, in: &spec)
    }

    /// Whether a path of the host leads inside to the same file, which nobody inside can write.
    private func isShownUnchanged(_ path: String, in spec: SandboxSpec) -> Bool {
        let system = SpecBuilder.systemDirectories + ["/etc/ssl/certs", "/etc/pki/ca-trust"]
        return system.contains { FileSystem.contains($0, path) }
            || spec.mounts.contains { $0.readOnly && $0.source == $0.target && FileSystem.contains($0.target, path) }
    }

    private func mount(_ source: String, at target: String, isDirectory: Bool = false, in spec: inout SandboxSpec) {
        spec.mounts.append(
            Mount(source: source, target: target, readOnly: true, isDirectory: isDirectory, reason: TrustStores.reason))
    }

    private func write(_ name: String, _ contents: @autoclosure () throws -> [UInt8]) throws -> String {
        let path = file(name)
        guard isWritten else { return path }
        let contents = try contents()
        try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644).writeAll(contents, subject: path)
        return path
    }
}
