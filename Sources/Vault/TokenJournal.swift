import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// New tokens between the server that has given them out and the credential file: written down first, because the old ones are worth
/// nothing any more. A file beside the credential file, for the user alone, that is gone once they are in there.
///
/// Whoever writes it holds the lock of the credential file.
struct TokenJournal: Sendable {
    /// The credential file's.
    let subject: String
    private let path: String
    /// Room that is kept free before a server is asked: a full disk must be noticed by then.
    private static let size = 64 << 10

    init(for credentialFile: String) {
        subject = credentialFile
        path = credentialFile + ".coop-tokens"
    }

    /// Which tokens have taken the place of which.
    struct Entry: Equatable {
        /// The digest of the refresh token that was used for them.
        var used: TokenDigest
        var tokens: OAuthTokens
        /// Seconds since 1970.
        var time: Int64

        init(used refresh: String, _ tokens: OAuthTokens, time: Int64) {
            used = TokenDigest(refresh)
            self.tokens = tokens
            self.time = time
        }

        fileprivate init?(_ value: JSONValue) {
            guard let used = value["used"]?.string.flatMap(TokenDigest.init(digits:)), let access = value["access"]?.string,
                let time = value["time"]?.integer
            else { return nil }
            self.used = used
            self.time = time
            tokens = OAuthTokens(
                access: access, refresh: value["refresh"]?.string, id: value["id"]?.string, expiresAt: value["expires_at"]?.integer)
        }

        fileprivate var json: JSONValue {
            var value = JSONValue(["used": .string("\(used)"), "access": .string(tokens.access), "time": .number(String(time))])
            value["refresh"] = tokens.refresh.map { .string($0) }
            value["id"] = tokens.id.map { .string($0) }
            value["expires_at"] = tokens.expiresAt.map { .number(String($0)) }
            return value
        }
    }

    /// Makes room, durably.
    ///
    /// - Throws: `failed` when that cannot be had; then no server may be asked.
    func prepare() throws(CoopError) {
        do {
            let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
            try check("fchmod", path) { fchmod(file.number, 0o600) }
            let code = posix_fallocate(file.number, 0, off_t(TokenJournal.size))
            guard code == 0 else { throw SystemError("posix_fallocate", path, errno: code) }
            try check("fsync", path) { fsync(file.number) }
            let directory = try Descriptor.open(FileSystem.parent(of: path), O_RDONLY | O_DIRECTORY)
            try check("fsync", path) { fsync(directory.number) }
        } catch {
            remove()
            throw failure(error)
        }
    }

    /// Writes tokens down, durably.
    func record(_ entry: Entry) throws(CoopError) {
        var bytes = Array(entry.json.text().utf8)
        defer { bytes.wipe() }
        do {
            let file = try Descriptor.open(path, O_WRONLY | O_NOFOLLOW)
            try file.writeAll(bytes, subject: path)
            try check("fdatasync", path) { fdatasync(file.number) }
        } catch {
            throw failure(error)
        }
    }

    /// What is written down; nil when there is nothing, or not all of it.
    func read() -> Entry? {
        guard var bytes = try? SecretRead.file(path, limit: 1 << 20) else { return nil }
        defer { bytes.wipe() }
        // Up to the room that was not needed.
        guard let end = bytes.firstIndex(of: 0), var text = Optional(Array(bytes[..<end])) else {
            return (try? JSONValue.parse(bytes)).flatMap(Entry.init)
        }
        defer { text.wipe() }
        return (try? JSONValue.parse(text)).flatMap(Entry.init)
    }

    /// Whether there is one at all.
    var exists: Bool { FileSystem.kind(path) != nil }

    func remove() { path.withOSBytes { _ = unlink($0) } }

    private func failure(_ error: any Error) -> CoopError {
        CoopError(
            .failed, "cannot write down new tokens", "\(error)", next: "ls -ld \(FileSystem.parent(of: path).printable)")
    }
}
