import CoopErrors
import Substitution
import Testing

@testable import Vault

@Suite struct CompiledGrantsTests {
    static func secret(_ text: String) -> SecretBytes { SecretBytes(copying: text.utf8) }

    static let maker = StubMaker(seed: SecretBytes(copying: [UInt8](repeating: 9, count: 32)))

    static func member(_ name: String, _ value: String) throws -> GrantedCredential {
        let provider = try ProviderCatalog.find(name)
        let grant = Grant(name: name, provider: provider, source: .stored(name))
        let stubs =
            provider.kind == .aws
            ? [maker.stub(name, provider.shape), maker.stub(name + "/secret", StubShape())] : [maker.stub(name, provider.shape)]
        return GrantedCredential(name: grant.name, kind: grant.kind, rules: grant.rules, stubs: stubs) { secret(value) }
    }

    static func grants() throws -> CompiledGrants {
        CompiledGrants([
            try member("openai", "sk-real-openai"), try member("github", "ghp_real"),
            try member("aws", "AKIAREAL:realsecretrealsecret:tok"),
            try member("telegram", "1:real"), try member("tavily", "tvly-real"),
            GrantedCredential(
                name: "custom",
                rules: [
                    .init(
                        domains: [try GrantDomain("api.example.com")],
                        places: [InjectionPlace(.header("x-key"), whenAbsent: "Token {value}")], paths: [])
                ],
                stubs: [maker.stub("custom", StubShape())]
            ) { secret("custom-real") },
        ])
    }

    static func decide(_ grants: CompiledGrants, _ host: String, _ target: String, _ fields: [(String, String)] = [], port: Int = 443)
        -> GrantDecision
    {
        let head = RequestHead(method: "GET", target: target, authority: host, fields: fields.map { HeaderField($0.0, $0.1) })
        return grants.decide(host: host, port: port, path: String(head.path), sightings: grants.survey.sightings(in: head))
    }

    static func names(_ decision: GrantDecision) -> [String]? {
        guard case .inject(let injections, _) = decision else { return nil }
        return injections.map(\.grant)
    }

    static func foreign(_ decision: GrantDecision) -> String? { if case .foreign(let place) = decision { place } else { nil } }

    @Test func theStubIsForItsOwnHostAndPlace() throws {
        let grants = try Self.grants()
        let stub = String(decoding: grants.stubs[0], as: UTF8.self)
        let own = Self.decide(grants, "api.openai.com", "/v1", [("Authorization", "Bearer \(stub)")])
        #expect(Self.names(own) == ["openai"])
        guard case .inject(let injections, let misplaced) = own, case .token(let given, let value) = injections[0].credential else {
            Issue.record("no token")
            return
        }
        #expect(given == grants.stubs[0])
        #expect(value == Self.secret("sk-real-openai"))
        #expect(misplaced.isEmpty)

        guard case .none(let elsewhere) = Self.decide(grants, "evil.example", "/?q=\(stub)", [("Authorization", "Bearer \(stub)")]) else {
            Issue.record("injected on a host without a grant")
            return
        }
        #expect(elsewhere == ["openai"])
        // On another grant's host it stays a stub, and no injection of its own host's credential happens.
        guard case .inject(let other, let wrong) = Self.decide(grants, "api.github.com", "/", [("Authorization", "Bearer \(stub)")]) else {
            Issue.record("refused")
            return
        }
        #expect(other.isEmpty)
        #expect(wrong == ["openai"])
    }

    @Test(arguments: [
        [("Authorization", "Bearer sk-attacker")], [("authorization", "Basic YTpi")], [("x-api-key", "attacker")],
        [("Cookie", "session=attacker")],
        [("api-key", "x")], [("proxy-authorization", "Basic YTpi")],
    ]) func aForeignCredentialOnAPinnedHostIsRefused(_ fields: [(String, String)]) throws {
        let grants = try Self.grants()
        let stub = String(decoding: grants.stubs[0], as: UTF8.self)
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1", fields)) != nil)
        // Also beside the right one, in whichever order, and mixed with it in one value.
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1", fields + [("Authorization", "Bearer \(stub)")])) != nil)
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1", [("Authorization", "Bearer \(stub)")] + fields)) != nil)
        let mixed = fields.map { ($0.0, $0.1 + " " + stub) }
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1", mixed)) != nil)
        // On a host without a grant it is nobody's business here.
        guard case .none = Self.decide(grants, "elsewhere.example", "/", fields) else {
            Issue.record("judged a host without a grant")
            return
        }
    }

    @Test func queriesAndHarmlessCookies() throws {
        let grants = try Self.grants()
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1?api_key=attacker")) == "query api_key")
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1?ACCESS%5FTOKEN=attacker")) != nil)
        #expect(Self.names(Self.decide(grants, "api.openai.com", "/v1?model=x", [("cookie", "__cf_bm=abc; _cfuvid=d")])) == [])
        #expect(Self.foreign(Self.decide(grants, "api.openai.com", "/v1", [("cookie", "__cf_bm=abc; sid=d")])) == "cookie sid")
    }

    @Test func pathsDecideWhereSomethingIsAdded() throws {
        let grants = try Self.grants()
        #expect(Self.names(Self.decide(grants, "github.com", "/me/repo/info/refs?service=git-upload-pack")) == ["github"])
        #expect(Self.names(Self.decide(grants, "github.com", "/me/repo.git/git-receive-pack")) == ["github"])
        #expect(Self.names(Self.decide(grants, "github.com", "/login")) == [])
        #expect(Self.names(Self.decide(grants, "github.com", "/x/info/refs/../../login")) == [])
        #expect(Self.names(Self.decide(grants, "github.com", "/x/info%2Frefs")) == ["github"])
        #expect(Self.foreign(Self.decide(grants, "github.com", "/login", [("authorization", "Bearer x")])) != nil)
        #expect(Self.names(Self.decide(grants, "api.example.com", "/")) == ["custom"])
        #expect(
            Self.names(Self.decide(grants, "api.telegram.org", "/bot\(String(decoding: grants.stubs[4], as: UTF8.self))/getMe")) == [
                "telegram"
            ])
    }

    @Test func aPathWithAnotherCredentialIsRefused() throws {
        let grants = try Self.grants()
        let stub = String(decoding: grants.stubs[4], as: UTF8.self)
        #expect(Self.foreign(Self.decide(grants, "api.telegram.org", "/bot99:attacker/sendDocument")) == "path")
        #expect(Self.foreign(Self.decide(grants, "api.telegram.org", "/bot99:attacker/\(stub)/x")) == "path")
        #expect(Self.foreign(Self.decide(grants, "api.telegram.org", "/bot\(stub)/../bot99:attacker/x")) == "path")
        #expect(Self.names(Self.decide(grants, "api.telegram.org", "/file/bot\(stub)/photo.jpg")) == ["telegram"])
    }

    @Test func addressesThatTheServiceGaveOutPass() throws {
        let grants = try Self.grants()
        #expect(Self.names(Self.decide(grants, "raw.githubusercontent.com", "/me/r/main/f?token=ABC")) == [])
        #expect(Self.foreign(Self.decide(grants, "raw.githubusercontent.com", "/f?access_token=ABC")) != nil)
        #expect(Self.foreign(Self.decide(grants, "api.github.com", "/user?token=ABC")) != nil)
    }

    @Test func portsAndPinning() throws {
        let grants = try Self.grants()
        #expect(grants.isPinned("api.openai.com", port: 443))
        #expect(!grants.isPinned("api.openai.com", port: 80))
        #expect(grants.isPinned("s3.eu-west-1.amazonaws.com", port: 443))
        #expect(!grants.isPinned("amazonaws.com", port: 443))
        #expect(!grants.isPinned("api.openai.com.evil.example", port: 443))
    }

    @Test func awsIsRecognisedByItsKeyID() throws {
        let grants = try Self.grants()
        let keyID = String(decoding: grants.stubs[2], as: UTF8.self)
        let field = "AWS4-HMAC-SHA256 Credential=\(keyID)/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
        guard case .inject(let injections, _) = Self.decide(grants, "s3.amazonaws.com", "/", [("authorization", field)]),
            case .aws(let keys)? = injections.first?.credential
        else {
            Issue.record("no AWS keys")
            return
        }
        #expect(keys.keyID == Self.secret("AKIAREAL"))
        #expect(keys.token == Self.secret("tok"))
        let foreign = "AWS4-HMAC-SHA256 Credential=AKIAATTACKER/20130524/us-east-1/s3/aws4_request, SignedHeaders=host, Signature=00"
        #expect(Self.foreign(Self.decide(grants, "s3.amazonaws.com", "/", [("authorization", foreign)])) != nil)
        #expect(Self.foreign(Self.decide(grants, "s3.amazonaws.com", "/?X-Amz-Credential=AKIAATTACKER%2Fx&X-Amz-Signature=0")) != nil)
        #expect(Self.names(Self.decide(grants, "s3.amazonaws.com", "/?X-Amz-Credential=\(keyID)%2Fx&X-Amz-Signature=0")) == ["aws"])
    }

    @Test func aCredentialThatCannotBeHadStopsTheRequest() throws {
        let grants = CompiledGrants([
            GrantedCredential(
                name: "g",
                rules: [
                    .init(domains: [try GrantDomain("a.example")], places: [InjectionPlace(.basic, whenAbsent: "u:{value}")], paths: [])
                ],
                stubs: ["stub-stub-stub"]
            ) { () throws(CoopError) in throw CoopError(.notReady, "no", "none", next: "x") }
        ])
        guard case .unavailable = Self.decide(grants, "a.example", "/") else {
            Issue.record("sent without its credential")
            return
        }
        let error = #expect(throws: CoopError.self) { try grants.verify() }
        #expect(error?.message.contains("`g`") == true)
    }

    @Test func whatTheSandboxGets() throws {
        var given = SandboxCredentials()
        for name in ["github", "aws", "pypi"] {
            let grant = Grant(name: name, provider: try ProviderCatalog.find(name), source: .stored("X"))
            try given.add(grant, try Self.member(name, "A:B"))
        }
        #expect(given.variables["GH_TOKEN"] == given.variables["GITHUB_TOKEN"])
        #expect(given.variables["GH_TOKEN"]?.hasPrefix("ghp_CoopStub") == true)
        #expect(given.variables["AWS_ACCESS_KEY_ID"]?.hasPrefix("AKIACOOPSTUB") == true)
        #expect(given.variables["AWS_SECRET_ACCESS_KEY"] != given.variables["AWS_ACCESS_KEY_ID"])
        #expect(given.variables["AWS_SESSION_TOKEN"] == nil)
        #expect(given.variables["TWINE_USERNAME"] == "__token__")
        let second = Grant(name: "other", provider: try ProviderCatalog.find("github"), source: .stored("Y"))
        let credential = GrantedCredential(name: "other", rules: second.rules, stubs: ["different"]) { Self.secret("x") }
        #expect(throws: CoopError.self) { try given.add(second, credential) }
    }

    @Test func keysOfAWSInBothForms() throws {
        let json = try AWSKeys.read(Self.secret(#" {"Version":1,"AccessKeyId":"A","SecretAccessKey":"s/k+","SessionToken":"t:t"}"#))
        #expect(json.keyID == Self.secret("A") && json.secret == Self.secret("s/k+") && json.token == Self.secret("t:t"))
        let plain = try AWSKeys.read(Self.secret("A:s/k+:t:t"))
        #expect(plain.keyID == Self.secret("A") && plain.secret == Self.secret("s/k+") && plain.token == Self.secret("t:t"))
        for bad in ["", "A", "A:", ":s", "A:s\n", "{}", #"{"AccessKeyId":"A"}"#] {
            #expect(throws: CoopError.self) { try AWSKeys.read(Self.secret(bad)) }
        }
    }
}
