import CLinux
import Glibc
import LinuxKernel
import Sandbox
import WardenProtocol

/// Stands between a sandbox and the user's ssh-agent: lets it list and use the keys that the rules allow, with a person's consent where they
/// say so, and nothing else.
///
/// It reads what the sandbox sends in the supervisor itself. The whole grammar is a length, a type and three fields; every access is checked,
/// what is passed on is written anew, and a process of its own would need the same socket to the agent, and so the same power.
public final class AgentProxy {
    /// A use of the agent, for the record.
    public struct Use: Sendable, Equatable {
        /// `list` or `sign`.
        public var action: String
        /// Empty for a list.
        public var fingerprint: String
        public var purpose: SignaturePurpose?
        /// How it was decided: `rule`, `once`, `session`, `no`, `none`.
        public var answer: String
        public var isAllowed: Bool
    }

    private static let connectionLimit = 32
    /// Uses of one session; more are refused, so that the record stays one.
    private static let useLimit = 10_000

    private let listener: Descriptor
    private let agent: String
    private let rules: AgentRules
    private let loop: EventLoop
    private var connections: [ObjectIdentifier: AgentConnection] = [:]
    private var uses = 0
    private var isUnrecordedSaid = false
    /// What a person has said for the whole session: fingerprints, and an empty text for the list.
    private var consented: Set<String> = []
    /// The comments of the keys that were listed, by fingerprint.
    private var comments: [String: String] = [:]

    /// Whether a person can be asked.
    public var isAttended: () -> Bool = { false }
    /// Asks a person: what is wanted, as the end of "… wants to".
    public var ask: (String, @escaping (Consent) -> Void) -> Void = { $1(.absent) }
    /// Records a use before it takes effect; what cannot be recorded does not happen.
    public var record: (Use) throws -> Void = { _ in }
    /// Called once, with the first reason why a use could not be recorded: the sandbox is told nothing but no.
    public var unrecorded: (any Error) -> Void = { _ in }

    /// Why a use is refused that nothing else is wrong with.
    public enum Excess: Error, CustomStringConvertible {
        case uses

        public var description: String { "it has been used \(AgentProxy.useLimit) times" }
    }

    /// - Parameters:
    ///   - listener: the socket that the sandbox connects to.
    ///   - agent: the path of the user's agent's socket.
    public init(listener: Descriptor, agent: String, rules: AgentRules, loop: EventLoop) {
        self.listener = listener
        self.agent = agent
        self.rules = rules
        self.loop = loop
        loop.watch(listener.number) { [unowned self] _ in self.accept() }
    }

    /// Takes no more connections and ends those that are open.
    public func stop() {
        loop.unwatch(listener.number)
        for connection in connections.values { connection.close() }
    }

    private func accept() {
        guard let socket = UserConnection.accept(listener), connections.count < AgentProxy.connectionLimit else { return }
        let connection = AgentConnection(socket, loop: loop)
        connections[ObjectIdentifier(connection)] = connection
        connection.received = { [unowned self, unowned connection] body in self.handle(body, connection) }
        connection.closed = { [unowned self, unowned connection] in self.connections[ObjectIdentifier(connection)] = nil }
        connection.resume()
    }

    private func handle(_ body: [UInt8], _ connection: AgentConnection) {
        switch try? AgentMessage.request(body) {
        case .identities: list(connection)
        case .sign(let key, let data, let flags): sign(key, data, flags, connection)
        case .other: answer(AgentMessage.refusal, connection)
        // A message that is cut short or has something behind it.
        case nil: connection.close()
        }
    }

    private func answer(_ bytes: [UInt8], _ connection: AgentConnection) {
        connection.send(bytes)
        connection.resume()
    }

    // MARK: - Listing

    private func list(_ connection: AgentConnection) {
        let verdict = consented.contains("") ? .allow : rules.listing(isAttended: isAttended())
        decide(verdict, Use(action: "list", fingerprint: "", answer: "rule", isAllowed: true), "see the keys of your ssh-agent", connection)
        {
            [unowned self] isAllowed in
            guard isAllowed else { return self.answer(AgentMessage.encode(identities: []), connection) }
            self.forward(.identities, connection) { [unowned self] body in
                let all = try AgentMessage.identities(body) ?? []
                let shown = all.filter { self.rules.isListed(AgentRules.fingerprint(of: $0.key)) }
                for identity in shown { self.comments[AgentRules.fingerprint(of: identity.key)] = String(osBytes: identity.comment) }
                return AgentMessage.encode(identities: shown)
            }
        }
    }

    // MARK: - Signing

    private func sign(_ key: [UInt8], _ data: [UInt8], _ flags: UInt32, _ connection: AgentConnection) {
        let fingerprint = AgentRules.fingerprint(of: key)
        let purpose = SignaturePurpose(of: data, key: key)
        // SSH_AGENT_RSA_SHA2_256 and _512.
        guard flags & ~6 == 0 else { return answer(AgentMessage.refusal, connection) }
        let isConsented = consented.contains(fingerprint) && purpose.isKnown
        let verdict = isConsented ? .allow : rules.signing(fingerprint, purpose, isAttended: isAttended())
        let use = Use(action: "sign", fingerprint: fingerprint, purpose: purpose, answer: isConsented ? "session" : "rule", isAllowed: true)
        decide(verdict, use, question(fingerprint, purpose), connection) { [unowned self] isAllowed in
            guard isAllowed else { return self.answer(AgentMessage.refusal, connection) }
            self.forward(.sign(key: key, data: data, flags: flags), connection) { body in
                try AgentMessage.signature(body).map { AgentMessage.encode(signature: $0) } ?? AgentMessage.refusal
            }
        }
    }

    private func question(_ fingerprint: String, _ purpose: SignaturePurpose) -> String {
        let name = comments[fingerprint].map { " \(AgentProxy.short($0))" } ?? ""
        let what =
            switch purpose {
            case .login(let user): "log in somewhere as \(AgentProxy.short(user))"
            case .signature(let namespace): "sign something (\(AgentProxy.short(namespace)))"
            case .unknown(let bytes): "sign \(bytes) bytes that are neither a login nor a file"
            }
        return "use your SSH key\(name) (\(fingerprint)) to \(what)"
    }

    private static func short(_ text: String) -> String { (text.count > 60 ? text.prefix(60) + "…" : text).printable }

    // MARK: - Both

    /// Finds out whether something may happen, and records it before it does.
    private func decide(
        _ verdict: AgentRules.Verdict, _ use: Use, _ question: String, _ connection: AgentConnection, _ then: @escaping (Bool) -> Void
    ) {
        func settle(_ isAllowed: Bool, _ answer: String) {
            var use = use
            use.isAllowed = isAllowed
            use.answer = answer
            uses += 1
            then(isRecorded(use) && isAllowed)
        }
        switch verdict {
        case .allow: settle(true, use.answer)
        case .refuse: settle(false, rules.keys.isEmpty || rules.isListed(use.fingerprint) ? "none" : "rule")
        case .ask:
            ask(question) { [weak self] consent in
                guard let self, !connection.isClosed else { return }
                // What could be anything is never agreed to beforehand.
                if consent == .session || consent == .always, use.purpose?.isKnown != false { self.consented.insert(use.fingerprint) }
                switch consent {
                case .no: settle(false, "no")
                case .absent: settle(false, "none")
                case .once: settle(true, "once")
                case .session, .always: settle(true, "session")
                }
            }
        }
    }

    private func isRecorded(_ use: Use) -> Bool {
        do {
            guard uses <= AgentProxy.useLimit else { throw Excess.uses }
            try record(use)
            return true
        } catch {
            if !isUnrecordedSaid { unrecorded(error) }
            isUnrecordedSaid = true
            return false
        }
    }

    /// Passes a request on to the agent, and what `read` makes of its answer back.
    private func forward(
        _ request: AgentMessage.Request, _ connection: AgentConnection, _ read: @escaping ([UInt8]) throws -> [UInt8]
    ) {
        let number = agent.withOSBytes { coop_unix_socket($0, 0) }
        guard number >= 0 else { return answer(AgentMessage.refusal, connection) }
        let socket = Descriptor(owning: number)
        _ = fcntl(number, F_SETFL, O_NONBLOCK)
        let host = AgentConnection(socket, loop: loop)
        connections[ObjectIdentifier(host)] = host
        var isAnswered = false
        func finish(_ bytes: [UInt8]) {
            guard !isAnswered else { return }
            isAnswered = true
            answer(bytes, connection)
        }
        host.received = { [unowned host] body in
            finish((try? read(body)) ?? AgentMessage.refusal)
            host.close()
        }
        host.closed = { [unowned self, unowned host] in
            finish(AgentMessage.refusal)
            self.connections[ObjectIdentifier(host)] = nil
        }
        host.send(AgentMessage.encode(request))
        host.resume()
    }
}
