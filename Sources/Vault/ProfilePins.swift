import CoopErrors

/// Which profile of each agent a project uses, where the user has said so. Kept beside the project's other state, never in the repository.
public struct ProfilePins: Sendable {
    private let directory: String

    /// - Parameter directory: of the project's own, `auth/profiles`.
    public init(directory: String) { self.directory = directory }

    /// The pinned profile; nil for none.
    public func pin(of agent: String) throws(CoopError) -> ProfileName? {
        guard let place = try PrivateDirectory.open(directory), let bytes = try place.read(agent, limit: 64) else { return nil }
        return try ProfileName(String(decoding: bytes, as: UTF8.self))
    }

    public func set(_ name: ProfileName, of agent: String) throws(CoopError) {
        let place = try PrivateDirectory.make(directory)
        try place.locked { () throws(CoopError) in try place.replace(agent, with: Array(name.text.utf8)) }
    }

    /// - Returns: whether there was a pin.
    @discardableResult
    public func remove(of agent: String) throws(CoopError) -> Bool {
        guard let place = try PrivateDirectory.open(directory) else { return false }
        return try place.locked { () throws(CoopError) in try place.remove(agent) }
    }
}
