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

    private var journal: TokenJournal { TokenJournal(for: path) }

    /// The whole file, with the tokens that an earlier refresh could not write into it any more.
    public func document() throws(CoopError) -> JSONValue {
        var document = try written()
        guard journal.exists else { return document }
        // Whoever holds the lock is at it, and does the rest.
        guard let lock = try? lock(waits: false) else {
            if let entry = outstanding(document) { put(entry.tokens, into: &document, entry.time) }
            return document
        }
        defer { withExtendedLifetime(lock) {} }
        document = try written()
        guard let entry = outstanding(document) else {
            journal.remove()
            return document
        }
        put(entry.tokens, into: &document, entry.time)
        // What cannot be written stays where it is, and is good from there.
        do throws(CoopError) {
            try replace(document)
            journal.remove()
        } catch {}
        return document
    }

    /// The tokens that have taken the place of those in the file, and are not in it.
    private func outstanding(_ document: JSONValue) -> TokenJournal.Entry? {
        guard let entry = journal.read(), let refresh = document.at(service.refreshToken)?.string,
            entry.used == TokenDigest(refresh), document.at(service.accessToken)?.string != entry.tokens.access
        else { return nil }
        return entry
    }

    /// The file as it is.
    private func written() throws(CoopError) -> JSONValue {
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

    /// Gets new tokens and writes them into the file as it is then, in one step, keeping its mode and everything else in it. At whatever
    /// point the process is killed once it has them, the next reader finds them. The lock is held.
    ///
    /// - Parameters:
    ///   - refresh: the refresh token that is used up.
    ///   - now: seconds since 1970.
    ///   - ask: gets the tokens; nil when the file holds others by now.
    func exchange(_ refresh: String, now: () -> Int64, _ ask: () throws(CoopError) -> OAuthTokens?) throws(CoopError) -> OAuthTokens {
        let before = try written()
        if let entry = outstanding(before) {
            var document = before
            put(entry.tokens, into: &document, entry.time)
            try replace(document)
        }
        try journal.prepare()
        let answer: OAuthTokens?
        do throws(CoopError) {
            answer = try ask()
        } catch {
            journal.remove()
            throw error
        }
        guard let tokens = answer else {
            journal.remove()
            return try self.tokens(in: try written())
        }
        let time = now()
        do throws(CoopError) {
            try journal.record(TokenJournal.Entry(used: refresh, tokens, time: time))
            #if COOP_TEST_HOOKS
                TestInterruption.reached("journal")
            #endif
        } catch {
            // There is one place left for them.
            try write(tokens, now: time)
            return tokens
        }
        do throws(CoopError) {
            let document = try written()
            // Who has logged in anew meanwhile keeps that login.
            if let other = document.at(service.refreshToken)?.string, other != refresh {
                journal.remove()
                return try self.tokens(in: document)
            }
            try write(tokens, now: time)
        } catch {
            // Where the file is gone the user has logged out. Otherwise they are good from the journal, until they can be written.
            guard exists else {
                journal.remove()
                throw error
            }
            return tokens
        }
        #if COOP_TEST_HOOKS
            TestInterruption.reached("file")
        #endif
        journal.remove()
        return tokens
    }

    /// Writes tokens into the file as it is now, in one step, keeping its mode and everything else in it.
    ///
    /// - Parameter now: seconds since 1970.
    func write(_ tokens: OAuthTokens, now: Int64) throws(CoopError) {
        var document = try written()
        put(tokens, into: &document, now)
        try replace(document)
    }

    private func put(_ tokens: OAuthTokens, into document: inout JSONValue, _ now: Int64) {
        document.set(service.accessToken, .string(tokens.access))
        if let refresh = tokens.refresh { document.set(service.refreshToken, .string(refresh)) }
        if let path = service.idToken, let id = tokens.id { document.set(path, .string(id)) }
        if let path = service.expiry, let expiry = tokens.expiresAt { document.set(path, .number(String(expiry))) }
        if let path = service.refreshTime { document.set(path, .string(Timestamp.text(now))) }
    }

    private func replace(_ document: JSONValue) throws(CoopError) {
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
            lock = try self.lock(waits: true)
        } catch {
            throw CoopError(.failed, "cannot lock the login of \(service.name)", "\(error)", next: "ls -l \(path.printable)")
        }
        return try withExtendedLifetime(lock) { () throws(CoopError) in try body() }
    }

    private func lock(waits: Bool) throws(SystemError) -> Descriptor {
        let lock = try Descriptor.open(path + ".coop-lock", O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        while flock(lock.number, LOCK_EX | (waits ? 0 : LOCK_NB)) != 0 {
            guard errno == EINTR else { throw SystemError("flock", path) }
        }
        return lock
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
