import Glibc
import LinuxKernel

/// A directory in which OpenSSL finds certificates by a hash of their subject (openssl-rehash(1)).
///
/// A certificate could be added to the one of the host only by mounting over an entry, and there is none for it. So a copy is kept: links to
/// the host's certificates, made anew when the host's directory has changed. In it, what every sandbox has another of is a link to the
/// sandbox's own file, which is there without a mount.
struct CertificateDirectory {
    /// The subject of every sandbox's authority: the same in all of them, so that its hash is known beforehand.
    static let commonName = "coop sandbox"
    /// What OpenSSL looks that subject up by: `openssl x509 -subject_hash`, and the first of that hash.
    static let entry = "1d670ddc.0"
    /// Where OpenSSL of Debian and its relatives, and whoever follows it, looks.
    static let standard = "/etc/ssl/certs"

    /// What stands in the copy for the sandbox's own, below the directory, and where that lies inside.
    static let links = [
        entry: "/run/coop/trust/authority.pem", "ca-certificates.crt": "/run/coop/trust/bundle.pem",
        "java/cacerts": "/run/coop/trust/cacerts",
    ]

    let host: String

    /// A copy, and what keeps it from being removed when the host's directory changes.
    struct Copy {
        let path: String
        let hold: Descriptor?
    }

    private static let prefix = "certificates-2-"

    /// - Parameters:
    ///   - cache: a directory that stays.
    ///   - isMade: whether it is made where it is not there.
    /// - Returns: nil when the host has no such directory, or nothing is looked up in it.
    func copy(in cache: String, isMade: Bool) throws -> Copy? {
        guard let path = try path(in: cache) else { return nil }
        guard isMade else { return Copy(path: path, hold: nil) }
        if let hold = hold(path) { return Copy(path: path, hold: hold) }
        // One command at a time makes copies: what is there beside them is a killed one's.
        let lock = try Descriptor.open(cache, O_RDONLY | O_DIRECTORY)
        try check("flock", cache) { flock(lock.number, LOCK_EX) }
        defer { withExtendedLifetime(lock) {} }
        if let hold = hold(path) { return Copy(path: path, hold: hold) }
        try add(path)
        try removeOthers(than: path, in: cache)
        return Copy(path: path, hold: hold(path))
    }

    /// Nil when it is not there.
    private func hold(_ path: String) -> Descriptor? {
        guard let directory = try? Descriptor.open(path, O_RDONLY | O_DIRECTORY) else { return nil }
        guard flock(directory.number, LOCK_SH | LOCK_NB) == 0, FileSystem.kind(path) == .directory else { return nil }
        return directory
    }

    /// Removes copies of earlier states that no sandbox shows any more.
    private func removeOthers(than path: String, in cache: String) throws {
        for entry in try FileSystem.entries(cache) where entry.name.hasPrefix("certificates-") {
            let other = FileSystem.join(cache, entry.name)
            guard other != path, let directory = try? Descriptor.open(other, O_RDONLY | O_DIRECTORY),
                flock(directory.number, LOCK_EX | LOCK_NB) == 0
            else { continue }
            try FileSystem.removeTree(other)
        }
    }

    private func path(in cache: String) throws -> String? {
        guard FileSystem.kind(host, followLinks: false) == .directory else { return nil }
        let entries = try FileSystem.entries(host)
        guard entries.contains(where: { $0.name.hasSuffix(".0") }) else { return nil }
        return FileSystem.join(cache, CertificateDirectory.prefix + (try state(entries)))
    }

    private func add(_ path: String) throws {
        let temporary = path + ".\(getpid())"
        do { try make(temporary, "") } catch {
            try? FileSystem.removeTree(temporary)
            throw error
        }
        let entry = CertificateDirectory.entry
        try CertificateDirectory.link(FileSystem.join(temporary, entry), to: CertificateDirectory.links[entry] ?? "")
        try FileSystem.rename(temporary, to: path)
    }

    /// What changes when the directory does: its own time, and the files in it that are no links.
    private func state(_ entries: [(name: String, kind: FileKind?)]) throws -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func combine(_ path: String) throws {
            guard let found = try FileSystem.status(path, followLinks: false) else { return }
            // FNV-1a.
            func add(_ byte: UInt8) { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
            for byte in path.utf8 { add(byte) }
            for number in [Int(found.st_mtim.tv_sec), found.st_mtim.tv_nsec, Int(found.st_size), Int(found.st_ino)] {
                withUnsafeBytes(of: number) { for byte in $0 { add(byte) } }
            }
        }
        try combine(host)
        for entry in entries.sorted(by: { $0.name < $1.name }) where entry.kind != .symlink {
            try combine(FileSystem.join(host, entry.name))
        }
        return String(hash, radix: 16)
    }

    /// Where a path of the host's directory leads in the copy, if that is a file of the sandbox's own.
    func link(for path: String) -> String? {
        guard let name = FileSystem.relative(path, to: host), let link = CertificateDirectory.links[name] else { return nil }
        if name == CertificateDirectory.entry { return link }
        // As `make` has found it: a file, in no directory that is a link.
        let holders = name.split(separator: "/").dropLast().reduce(into: [host]) {
            $0.append(FileSystem.join($0[$0.count - 1], String($1)))
        }
        let isFile = FileSystem.kind(path, followLinks: false) == .file
        return isFile && holders.allSatisfy { FileSystem.kind($0, followLinks: false) == .directory } ? link : nil
    }

    private static func link(_ path: String, to destination: String) throws {
        try check("symlink", path) { destination.withOSBytes { to in path.withOSBytes { symlink(to, $0) } } }
    }

    /// Copies the directory `name` of the host's.
    private func make(_ copy: String, _ directory: String) throws {
        try check("mkdir", copy) { copy.withOSBytes { mkdir($0, 0o755) } }
        for (entry, kind) in try FileSystem.entries(FileSystem.join(host, directory)) {
            let name = directory.isEmpty ? entry : FileSystem.join(directory, entry)
            if name == CertificateDirectory.entry { continue }
            let (source, target) = (FileSystem.join(host, name), FileSystem.join(copy, entry))
            switch kind {
            case .symlink:
                guard let destination = FileSystem.readLink(source) else { continue }
                try CertificateDirectory.link(target, to: destination)
            case .directory: try make(target, name)
            case .file:
                if let link = CertificateDirectory.links[name] {
                    try CertificateDirectory.link(target, to: link)
                    continue
                }
                // What only root may read is nothing to trust.
                guard let contents = try? FileSystem.read(source, limit: 16 << 20) else { continue }
                try Descriptor.open(target, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644).writeAll(contents, subject: target)
            default: continue
            }
        }
    }
}
