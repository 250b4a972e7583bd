import Glibc
import LinuxKernel

/// A directory in which OpenSSL finds certificates by a hash of their subject (openssl-rehash(1)).
///
/// A certificate can be added to the one of the host only by mounting over an entry, and there is none for it. So a copy with an empty
/// entry is kept: links to the host's certificates, made anew when the host's directory has changed.
struct CertificateDirectory {
    /// The subject of every sandbox's authority: the same in all of them, so that its hash is known beforehand.
    static let commonName = "coop sandbox"
    /// What OpenSSL looks that subject up by: `openssl x509 -subject_hash`, and the first of that hash.
    static let entry = "1d670ddc.0"
    /// Where OpenSSL of Debian and its relatives, and whoever follows it, looks.
    static let standard = "/etc/ssl/certs"

    let host: String

    /// A copy, and what keeps it from being removed when the host's directory changes.
    struct Copy {
        let path: String
        let hold: Descriptor?
    }

    private static let prefix = "certificates-"

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
        for entry in try FileSystem.entries(cache) where entry.name.hasPrefix(CertificateDirectory.prefix) {
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
        try make(temporary, from: host)
        let placeholder = FileSystem.join(temporary, CertificateDirectory.entry)
        if FileSystem.kind(placeholder, followLinks: false) == nil { _ = try Descriptor.open(placeholder, O_WRONLY | O_CREAT, mode: 0o644) }
        try FileSystem.rename(temporary, to: path)
    }

    /// What changes when the directory does: its own time, and the files in it that are no links.
    private func state(_ entries: [(name: String, kind: FileKind?)]) throws -> String {
        var hash: UInt64 = 0xCBF2_9CE4_8422_2325
        func combine(_ path: String) throws {
            guard let found = try FileSystem.status(path, followLinks: false) else { return }
            let facts = [Int(found.st_mtim.tv_sec), found.st_mtim.tv_nsec, Int(found.st_size), Int(found.st_ino)]
            // FNV-1a.
            for byte in "\(path) \(facts)".utf8 { hash = (hash ^ UInt64(byte)) &* 0x100_0000_01B3 }
        }
        try combine(host)
        for entry in entries.sorted(by: { $0.name < $1.name }) where entry.kind != .symlink {
            try combine(FileSystem.join(host, entry.name))
        }
        return String(hash, radix: 16)
    }

    private func make(_ copy: String, from directory: String) throws {
        try check("mkdir", copy) { copy.withOSBytes { mkdir($0, 0o755) } }
        for (name, kind) in try FileSystem.entries(directory) {
            let (source, target) = (FileSystem.join(directory, name), FileSystem.join(copy, name))
            switch kind {
            case .symlink:
                guard let destination = FileSystem.readLink(source) else { continue }
                try check("symlink", target) { destination.withOSBytes { to in target.withOSBytes { symlink(to, $0) } } }
            case .directory: try make(target, from: source)
            case .file:
                // What only root may read is nothing to trust.
                guard let contents = try? FileSystem.read(source, limit: 16 << 20) else { continue }
                try Descriptor.open(target, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644).writeAll(contents, subject: target)
            default: continue
            }
        }
    }
}
