import CoopErrors
import LinuxKernel
import Substitution

/// The logins of one agent that coop keeps, by profile: for each the agent's own credential file, readable by the user alone.
public struct ProfileStore: Sendable {
    private let directory: String
    private static let suffix = ".json"
    static let sizeLimit = 1 << 20
    /// A member of the file that coop adds.
    private static let own = "coop"

    /// - Parameter directory: `$COOP_HOME/global/auth/agents/NAME`.
    public init(directory: String) { self.directory = directory }

    /// The profiles, in order; one without a login included.
    public func names() throws(CoopError) -> [ProfileName] {
        guard let place = try PrivateDirectory.open(directory) else { return [] }
        return try place.names().filter { $0.hasSuffix(ProfileStore.suffix) }
            .compactMap { try? ProfileName(String($0.dropLast(ProfileStore.suffix.count))) }
    }

    public func contains(_ name: ProfileName) throws(CoopError) -> Bool { try names().contains(name) }

    /// Where the login of a profile lies.
    public func path(_ name: ProfileName) -> String { FileSystem.join(directory, name.text + ProfileStore.suffix) }

    /// Whether there is a login; a profile that was only named has none.
    public func holdsLogin(_ name: ProfileName) throws(CoopError) -> Bool {
        guard let place = try PrivateDirectory.open(directory),
            var bytes = try place.read(name.text + ProfileStore.suffix, limit: ProfileStore.sizeLimit)
        else { return false }
        defer { bytes.wipe() }
        return !bytes.isEmpty
    }

    /// Makes a profile without a login.
    ///
    /// - Returns: whether it is new.
    @discardableResult
    public func add(_ name: ProfileName) throws(CoopError) -> Bool {
        let place = try PrivateDirectory.make(directory)
        return try place.locked { () throws(CoopError) in
            if try place.names().contains(name.text + ProfileStore.suffix) { return false }
            try place.replace(name.text + ProfileStore.suffix, with: [])
            return true
        }
    }

    /// Keeps a credential file as the agent wrote it.
    ///
    /// - Parameter account: whose it is, for a person.
    /// - Throws: `failed` when it holds no login of the service's.
    public func set(_ name: ProfileName, _ service: OAuthService, contents: [UInt8], account: String?) throws(CoopError) {
        guard var document = JSONValue.parsed(contents), service.holdsLogin(document) else {
            throw CoopError(
                .failed, "cannot keep the login of \(service.name)", "what it left in \(service.path) holds no login",
                next: "coop auth login --agent \(service.name)")
        }
        if let account { document.set([ProfileStore.own, "account"], .string(account)) }
        var bytes = Array(document.text(indented: true).utf8)
        defer { bytes.wipe() }
        let place = try PrivateDirectory.make(directory)
        try place.locked { () throws(CoopError) in try place.replace(name.text + ProfileStore.suffix, with: bytes) }
    }

    /// - Returns: whether there was such a profile.
    @discardableResult
    public func remove(_ name: ProfileName) throws(CoopError) -> Bool {
        guard let place = try PrivateDirectory.open(directory) else { return false }
        return try place.locked { () throws(CoopError) in
            let isThere = try place.remove(name.text + ProfileStore.suffix)
            // What a refresh locks.
            _ = try place.remove(name.text + ProfileStore.suffix + ".coop-lock")
            return isThere
        }
    }

    /// Whose login a credential file is, where it says so: what coop has noted, or the address in its third token.
    public static func account(of document: JSONValue, _ service: OAuthService) -> String? {
        if let noted = document.at([own, "account"])?.string { return noted }
        for path in [service.idToken, service.accessToken] {
            guard let token = path.flatMap({ document.at($0)?.string }), let claims = JSONWebToken.claims(token) else { continue }
            if let email = claims["email"]?.string, !email.isEmpty { return email }
        }
        return nil
    }
}

extension OAuthService {
    /// Whether a credential file holds tokens, or a key in their place.
    public func holdsLogin(_ document: JSONValue) -> Bool {
        [accessToken, key?.path].contains { path in path.flatMap { document.at($0)?.string }.map { !$0.isEmpty } ?? false }
    }
}
