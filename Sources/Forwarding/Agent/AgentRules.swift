import Crypto
import Substitution

/// Which keys of the user's ssh-agent a sandbox may use, and on what condition.
public struct AgentRules: Sendable {
    public struct Key: Sendable, Equatable {
        /// `SHA256:` and 43 characters of Base64, as ssh-keygen(1) prints it.
        public var fingerprint: String
        /// Whether a person is asked each time.
        public var confirms: Bool

        public init(fingerprint: String, confirms: Bool) {
            self.fingerprint = fingerprint
            self.confirms = confirms
        }
    }

    /// What happens to a request.
    public enum Verdict: Equatable, Sendable { case allow, ask, refuse }

    /// Empty: a person decides about each key, and without one there is none.
    public var keys: [Key]

    public init(keys: [Key]) { self.keys = keys }

    /// Whether the keys may be listed. Only those of `keys` are, where there are any.
    public func listing(isAttended: Bool) -> Verdict { keys.isEmpty ? (isAttended ? .ask : .refuse) : .allow }

    public func isListed(_ fingerprint: String) -> Bool { keys.isEmpty || keys.contains { $0.fingerprint == fingerprint } }

    /// What is for neither a login nor a signed file or commit is never signed without a person.
    public func signing(_ fingerprint: String, _ purpose: SignaturePurpose, isAttended: Bool) -> Verdict {
        let key = keys.first { $0.fingerprint == fingerprint }
        if key == nil, !keys.isEmpty { return .refuse }
        if let key, !key.confirms, purpose.isKnown { return .allow }
        return isAttended ? .ask : .refuse
    }

    public static func fingerprint(of key: [UInt8]) -> String {
        "SHA256:" + String(decoding: Base64.encode(SHA256.hash(data: key), padding: false), as: UTF8.self)
    }
}
