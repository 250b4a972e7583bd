import CoopErrors
import Substitution

/// A grant in one sandbox: the stubs that it was given, and the way to the real value.
public struct GrantedCredential: Sendable {
    /// The grant's name.
    public var name: String
    public var kind: Provider.Kind
    public var rules: [Provider.Rule]
    /// For `token` the stub; for `aws` the key's id and the secret key.
    public var stubs: [String]
    /// The real value now. Called on the supervisor's side for each request that is to use it.
    public var value: @Sendable () throws(CoopError) -> SecretBytes
    /// The real value as it is known now, without a request to anybody: for what is looked for in traffic.
    public var held: @Sendable () throws(CoopError) -> SecretBytes
    /// Whether asking for the value can take long: a program, a keyring, a server.
    public var mayWait: Bool
    /// Further secrets that belong to it, which never leave, with the stubs that stand for them in answers.
    public var further: @Sendable () -> [(secret: SecretBytes, stub: [UInt8])]
    /// Grows when the value or a further secret has become another one.
    public var revision: @Sendable () -> Int
    /// Gets another value for that of a revision, which a server has refused although it had not ended; says whether there is one now.
    /// Nil where the user alone can do that.
    public var renew: (@Sendable (_ revision: Int) throws(CoopError) -> Bool)?

    public init(
        name: String, kind: Provider.Kind = .token, rules: [Provider.Rule], stubs: [String],
        mayWait: Bool = false, further: @escaping @Sendable () -> [(secret: SecretBytes, stub: [UInt8])] = { [] },
        revision: @escaping @Sendable () -> Int = { 0 }, renew: (@Sendable (_ revision: Int) throws(CoopError) -> Bool)? = nil,
        held: (@Sendable () throws(CoopError) -> SecretBytes)? = nil,
        value: @escaping @Sendable () throws(CoopError) -> SecretBytes
    ) {
        self.name = name
        self.kind = kind
        self.rules = rules
        self.stubs = stubs
        self.value = value
        self.held = held ?? value
        self.mayWait = mayWait
        self.further = further
        self.revision = revision
        self.renew = renew
    }

    /// The grant with stubs of this sandbox.
    public init(_ grant: Grant, stubs maker: StubMaker, resolver: SecretResolver) {
        let cache = ValueCache(seconds: grant.source.cacheSeconds) { () throws(CoopError) in try resolver.value(grant.source) }
        let stubs: [String]
        switch grant.kind {
        case .token: stubs = [maker.stub(grant.name, grant.shape)]
        case .aws:
            stubs = [
                maker.stub(grant.name, grant.shape), maker.stub(grant.name + "/secret", StubShape(length: 40, alphabet: .alphanumeric)),
            ]
        }
        self.init(name: grant.name, kind: grant.kind, rules: grant.rules, stubs: stubs, mayWait: grant.source.mayWait) {
            () throws(CoopError) in try cache.value()
        }
    }

    /// What a request gets that may use it: the credential, and what must become stubs in the answer although it is put nowhere.
    func injections(places: [InjectionPlace]) throws(CoopError) -> [Injection] {
        var main = try injection(try value(), places: places)
        if renew != nil { main.revision = UInt64(clamping: revision()) }
        return [main]
            + further().compactMap { pair in
                if case .token(_, let secret) = main.credential, secret == pair.secret { return nil }
                return Injection(grant: name, credential: .token(stub: pair.stub, secret: pair.secret), places: [])
            }
    }

    /// - Parameter value: the real one.
    func injection(_ value: SecretBytes, places: [InjectionPlace]) throws(CoopError) -> Injection {
        switch kind {
        case .token:
            return Injection(
                grant: name, credential: .token(stub: Array((stubs.first ?? "").utf8), secret: value), places: places)
        case .aws:
            guard stubs.count == 2 else {
                throw CoopError(.failed, "the grant `\(name)` is incomplete", "it has no stub of a secret key", next: "coop grant list")
            }
            return Injection(
                grant: name, credential: .aws(try AWSKeys.read(value).credential(stubKeyID: stubs[0], stubSecret: stubs[1])), places: [])
        }
    }
}

extension SecretSource {
    /// Whether asking for a value can take long.
    var mayWait: Bool {
        switch self {
        case .stored, .environment, .file: false
        case .command, .secretService: true
        }
    }

    /// How long a value may be used before it is asked for again: programs and keyrings are slow, and some ask the user.
    var cacheSeconds: Int {
        switch self {
        case .stored, .environment, .file: 1
        case .command, .secretService: 300
        }
    }
}
