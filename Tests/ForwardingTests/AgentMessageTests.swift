import Testing

@testable import Forwarding

@Suite struct AgentMessageTests {
    private static let key: [UInt8] = AgentMessageTests.strings(Array("ssh-ed25519".utf8), [UInt8](repeating: 7, count: 32))

    private static func strings(_ parts: [UInt8]...) -> [UInt8] {
        var writer = AgentWriter()
        for part in parts { writer.string(part) }
        return writer.bytes
    }

    private static func text(_ text: String) -> [UInt8] { Array(text.utf8) }

    @Test("requests and answers survive the way")
    func round() throws {
        var frames = AgentFrames()
        let requests: [AgentMessage.Request] = [.identities, .sign(key: Self.key, data: [1, 2], flags: 4), .other(27)]
        for request in requests { frames.append(AgentMessage.encode(request)) }
        for request in requests { #expect(try frames.next().map(AgentMessage.request) == request) }
        #expect(try frames.next() == nil)
        let identities = [AgentMessage.Identity(key: Self.key, comment: Self.text("a@b")), .init(key: [], comment: [])]
        frames.append(AgentMessage.encode(identities: identities))
        frames.append(AgentMessage.encode(signature: [9, 9]))
        frames.append(AgentMessage.refusal)
        #expect(try frames.next().flatMap(AgentMessage.identities) == identities)
        #expect(try frames.next().flatMap(AgentMessage.signature) == [9, 9])
        #expect(try frames.next().map(AgentMessage.signature) == .some(nil))
    }

    @Test("a message arrives in any pieces; a length that none has ends the stream")
    func frames() throws {
        let bytes = AgentMessage.encode(.sign(key: Self.key, data: [1], flags: 0))
        for cut in 0..<bytes.count {
            var frames = AgentFrames()
            frames.append(bytes[..<cut])
            #expect(try frames.next() == nil)
            frames.append(bytes[cut...])
            #expect(try frames.next() == Array(bytes[4...]))
        }
        var empty = AgentFrames()
        empty.append([0, 0, 0, 0])
        #expect(throws: AgentError.empty) { try empty.next() }
        var long = AgentFrames()
        long.append([0, 4, 0, 1])
        #expect(throws: AgentError.tooLong) { try long.next() }
    }

    @Test("a message that is cut short, or has something behind it, is none")
    func strict() throws {
        let bodies = [
            Array(AgentMessage.encode(.sign(key: Self.key, data: [1, 2, 3], flags: 2))[4...]),
            Array(AgentMessage.encode(.identities)[4...]),
        ]
        for body in bodies {
            for cut in 0..<body.count { #expect(throws: AgentError.self) { try AgentMessage.request(Array(body[..<cut])) } }
            #expect(throws: AgentError.trailing) { try AgentMessage.request(body + [0]) }
        }
        // A list that claims more than it holds does not make room for it first.
        #expect(throws: AgentError.short) { try AgentMessage.identities([12, 255, 255, 255, 255]) }
        #expect(throws: AgentError.unexpected) { try AgentMessage.signature([6]) }
    }

    @Test("random messages are read or refused, and what is read means the same when it is written again")
    func fuzz() throws {
        var generator = SystemRandomNumberGenerator()
        let seeds = [
            Array(AgentMessage.encode(.sign(key: Self.key, data: Self.login("git"), flags: 2))[4...]),
            Array(AgentMessage.encode(identities: [.init(key: Self.key, comment: [65])])[4...]),
        ]
        for _ in 0..<20_000 {
            var body = seeds.randomElement(using: &generator) ?? []
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                switch Int.random(in: 0...2, using: &generator) {
                case 0 where !body.isEmpty:
                    body[Int.random(in: 0..<body.count, using: &generator)] = .random(in: 0...255, using: &generator)
                case 1 where !body.isEmpty: body.remove(at: Int.random(in: 0..<body.count, using: &generator))
                default: body.insert(.random(in: 0...255, using: &generator), at: Int.random(in: 0...body.count, using: &generator))
                }
            }
            if let request = try? AgentMessage.request(body) {
                if case .other = request { continue }
                #expect(Array(AgentMessage.encode(request)[4...]) == body)
                if case .sign(let key, let data, _) = request { _ = SignaturePurpose(of: data, key: key) }
            }
            if let identities = try? AgentMessage.identities(body) {
                #expect(Array(AgentMessage.encode(identities: identities)[4...]) == body)
            }
            _ = try? AgentMessage.signature(body)
        }
    }

    // MARK: - What is signed

    private static func login(_ user: String, key: [UInt8] = key, method: String = "publickey") -> [UInt8] {
        var result = strings([UInt8](repeating: 3, count: 32)) + [50]
        result += strings(text(user), text("ssh-connection"), text(method)) + [1]
        result += strings(text("ssh-ed25519"), key)
        if method != "publickey" { result += strings([1, 2, 3]) }
        return result
    }

    @Test("logins and signed files are told from everything else")
    func purposes() {
        func purpose(_ data: [UInt8]) -> SignaturePurpose { SignaturePurpose(of: data, key: Self.key) }
        #expect(purpose(Self.login("git")) == .login(user: "git"))
        #expect(purpose(Self.login("git", method: "publickey-hostbound-v00@openssh.com")) == .login(user: "git"))
        let other = Self.login("git", key: [1])
        #expect(purpose(other) == .unknown(bytes: other.count), "another key than the one that signs")
        #expect(purpose(Self.login("git") + [0]).isKnown == false)
        #expect(purpose(Self.login("git", method: "password")).isKnown == false)
        let file = Self.text("SSHSIG") + Self.strings(Self.text("git"), [], Self.text("sha512"), [UInt8](repeating: 1, count: 64))
        #expect(purpose(file) == .signature(namespace: "git"))
        #expect(purpose(Array(file.dropLast())).isKnown == false)
        #expect(purpose([]) == .unknown(bytes: 0))
    }

    @Test("what the rules allow, ask and refuse")
    func rules() {
        let (a, b) = (AgentRules.fingerprint(of: [1]), AgentRules.fingerprint(of: [2]))
        // printf '\1' | sha256sum | xxd -r -p | base64
        #expect(a == "SHA256:S/USLzRFVMU73i67jNK349FgCtYxw4Wl18ziPHeFRZo")
        let (login, odd) = (SignaturePurpose.login(user: "git"), SignaturePurpose.unknown(bytes: 9))
        let none = AgentRules(keys: [])
        #expect(none.listing(isAttended: true) == .ask && none.listing(isAttended: false) == .refuse && none.isListed(a))
        #expect(none.signing(a, login, isAttended: true) == .ask && none.signing(a, login, isAttended: false) == .refuse)
        let some = AgentRules(keys: [.init(fingerprint: a, confirms: false)])
        #expect(some.listing(isAttended: false) == .allow && some.isListed(a) && !some.isListed(b))
        #expect(some.signing(a, login, isAttended: false) == .allow && some.signing(b, login, isAttended: true) == .refuse)
        #expect(some.signing(a, odd, isAttended: false) == .refuse && some.signing(a, odd, isAttended: true) == .ask)
        let asking = AgentRules(keys: [.init(fingerprint: a, confirms: true)])
        #expect(asking.signing(a, login, isAttended: true) == .ask && asking.signing(a, login, isAttended: false) == .refuse)
    }
}
