import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// An agent's credential file on the host. The agent itself writes it as well, so it is read anew each time, and whatever is not known
/// in it stays.
public struct OAuthCredentialFile: Sendable {
    public let service: OAuthService
    /// Every link on the way resolved, so that a replacement does not put a file in the place of a link.
    public let path: String

    /// - Parameter path: instead of the service's own below `userHome`.
    public init(_ service: OAuthService, userHome: String, path: String? = nil) {
        self.service = service
        let written = path ?? FileSystem.join(userHome, service.path)
        self.path = FileSystem.realPath(written) ?? written
    }

    /// Whether there is such a file.
    public var exists: Bool { FileSystem.kind(path) == .file }

    /// The tokens.
    ///
    /// - Throws: `notReady` when the user is not logged in, or the file cannot be read.
    public func tokens() throws(CoopError) -> OAuthTokens { try tokens(in: try document()) }

    /// The whole file.
    func document() throws(CoopError) -> JSONValue {
        var bytes: [UInt8]
        do {
            bytes = try SecretRead.file(path, limit: 1 << 20)
        } catch {
            throw CoopError(.notReady, "\(service.name) is not logged in", "\(error)", next: service.loginCommand)
        }
        defer { bytes.wipe() }
        guard let value = try? JSONValue.parse(bytes) else {
            throw CoopError(
                .notReady, "cannot read the login of \(service.name)", "\(path.printable) is not JSON", next: service.loginCommand)
        }
        return value
    }

    func tokens(in document: JSONValue) throws(CoopError) -> OAuthTokens {
        guard let access = document.at(service.accessToken)?.string, !access.isEmpty else {
            throw CoopError(
                .notReady, "\(service.name) is not logged in by OAuth",
                "\(path.printable) has no \(service.accessToken.joined(separator: "."))",
                next: service.loginCommand)
        }
        let expiry = service.expiry.flatMap { document.at($0)?.integer } ?? JSONWebToken.claims(access)?["exp"]?.integer.map { $0 * 1000 }
        return OAuthTokens(
            access: access, refresh: document.at(service.refreshToken)?.string, id: service.idToken.flatMap { document.at($0)?.string },
            expiresAt: expiry)
    }

    /// Writes new tokens into the file as it is now, in one step, keeping its mode and everything else in it.
    ///
    /// - Parameter now: seconds since 1970.
    func write(_ tokens: OAuthTokens, now: Int64) throws(CoopError) {
        var document = try document()
        document.set(service.accessToken, .string(tokens.access))
        if let refresh = tokens.refresh { document.set(service.refreshToken, .string(refresh)) }
        if let path = service.idToken, let id = tokens.id { document.set(path, .string(id)) }
        if let path = service.expiry, let expiry = tokens.expiresAt { document.set(path, .number(String(expiry))) }
        if let path = service.refreshTime { document.set(path, .string(Timestamp.text(now))) }
        var bytes = Array(document.text(indented: true).utf8)
        defer { bytes.wipe() }
        do {
            let mode = try FileSystem.status(path).map { $0.st_mode & 0o777 } ?? 0o600
            try FileSystem.replace(path, with: bytes, mode: mode)
        } catch {
            throw CoopError(.failed, "cannot write the login of \(service.name)", "\(error)", next: "ls -l \(path.printable)")
        }
    }

    /// Lets one process at a time refresh (flock(2)), by a file beside it that stays empty.
    func locked<Result>(_ body: () throws(CoopError) -> Result) throws(CoopError) -> Result {
        let lock: Descriptor
        do {
            lock = try Descriptor.open(path + ".coop-lock", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
            try check("flock", path) { flock(lock.number, LOCK_EX) }
        } catch {
            throw CoopError(.failed, "cannot lock the login of \(service.name)", "\(error)", next: "ls -l \(path.printable)")
        }
        return try withExtendedLifetime(lock) { () throws(CoopError) in try body() }
    }
}

extension JSONValue {
    /// Sets the value at a path of names, making objects on the way.
    public mutating func set(_ path: [String], _ value: JSONValue) {
        guard let first = path.first else {
            self = value
            return
        }
        var inner = self[first] ?? .object([])
        inner.set(Array(path.dropFirst()), value)
        self[first] = inner
    }
}
