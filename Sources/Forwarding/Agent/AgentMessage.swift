/// The messages of the ssh-agent protocol (draft-ietf-sshm-ssh-agent) that pass between a sandbox and the user's agent.
public enum AgentMessage {
    /// As in OpenSSH: neither side has more to say.
    public static let sizeLimit = 256 << 10

    static let failure: UInt8 = 5
    static let identitiesRequest: UInt8 = 11
    static let identitiesAnswer: UInt8 = 12
    static let signRequest: UInt8 = 13
    static let signResponse: UInt8 = 14

    /// What a client asks for.
    public enum Request: Equatable, Sendable {
        case identities
        /// A signature; `flags` choose the hash of an RSA key.
        case sign(key: [UInt8], data: [UInt8], flags: UInt32)
        /// Anything else, by its number: keys to be added or removed, locks, smart cards, extensions. None of it is passed on.
        case other(UInt8)
    }

    /// A key as the agent lists it.
    public struct Identity: Equatable, Sendable {
        public var key: [UInt8]
        public var comment: [UInt8]

        public init(key: [UInt8], comment: [UInt8]) {
            self.key = key
            self.comment = comment
        }
    }

    /// - Parameter body: a message without its length.
    public static func request(_ body: [UInt8]) throws(AgentError) -> Request {
        var reader = AgentReader(body)
        switch try reader.byte() {
        case identitiesRequest:
            try reader.end()
            return .identities
        case signRequest:
            let request = Request.sign(key: try reader.string(), data: try reader.string(), flags: try reader.number())
            try reader.end()
            return request
        case let type: return .other(type)
        }
    }

    /// The keys of an agent's answer; nil when it refused.
    public static func identities(_ body: [UInt8]) throws(AgentError) -> [Identity]? {
        var reader = AgentReader(body)
        switch try reader.byte() {
        case identitiesAnswer: break
        case failure: return nil
        default: throw .unexpected
        }
        var result: [Identity] = []
        for _ in 0..<(try reader.number()) { result.append(Identity(key: try reader.string(), comment: try reader.string())) }
        try reader.end()
        return result
    }

    /// The signature of an agent's answer; nil when it refused.
    public static func signature(_ body: [UInt8]) throws(AgentError) -> [UInt8]? {
        var reader = AgentReader(body)
        switch try reader.byte() {
        case signResponse: break
        case failure: return nil
        default: throw .unexpected
        }
        let signature = try reader.string()
        try reader.end()
        return signature
    }

    // Everything that is sent is written anew from what was read, so that nothing unread travels along.

    public static func encode(_ request: Request) -> [UInt8] {
        var writer = AgentWriter()
        switch request {
        case .identities: writer.byte(identitiesRequest)
        case .sign(let key, let data, let flags):
            writer.byte(signRequest)
            writer.string(key)
            writer.string(data)
            writer.number(flags)
        case .other(let type): writer.byte(type)
        }
        return framed(writer.bytes)
    }

    public static func encode(identities: [Identity]) -> [UInt8] {
        var writer = AgentWriter()
        writer.byte(identitiesAnswer)
        writer.number(UInt32(identities.count))
        for identity in identities {
            writer.string(identity.key)
            writer.string(identity.comment)
        }
        return framed(writer.bytes)
    }

    public static func encode(signature: [UInt8]) -> [UInt8] {
        var writer = AgentWriter()
        writer.byte(signResponse)
        writer.string(signature)
        return framed(writer.bytes)
    }

    public static let refusal = framed([failure])

    private static func framed(_ body: [UInt8]) -> [UInt8] {
        var writer = AgentWriter()
        writer.string(body)
        return writer.bytes
    }
}

/// Cuts a stream into messages.
public struct AgentFrames {
    private var bytes: [UInt8] = []
    /// What lies before it was given out.
    private var start = 0

    public init() {}

    public mutating func append(_ more: some Sequence<UInt8>) {
        // Not with each message: many small ones at once would make that the square of their number.
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    /// The next whole message, without its length; nil while it is not all there.
    ///
    /// - Throws: for a length that no message has; the stream is of no use then.
    public mutating func next() throws(AgentError) -> [UInt8]? {
        guard bytes.count - start >= 4 else { return nil }
        let length = bytes[start..<start + 4].reduce(0) { $0 << 8 | Int($1) }
        guard length > 0 else { throw .empty }
        guard length <= AgentMessage.sizeLimit else { throw .tooLong }
        guard bytes.count - start >= 4 + length else { return nil }
        defer { start += 4 + length }
        return Array(bytes[start + 4..<start + 4 + length])
    }
}
