import Testing

@testable import Substitution

@Suite struct HeadInjectorTests {
    static let stub = "sk-coopstub0123456789"
    static let real = "sk-real/9876543210+x=="

    static func injection(_ places: [InjectionPlace], secret: String = real) -> Injection {
        Injection(
            grant: "g", credential: .token(stub: Array(stub.utf8), secret: SecretBytes(copying: secret.utf8)), places: places)
    }

    static func head(_ target: String = "/v1", _ fields: [(String, String)] = []) -> RequestHead {
        RequestHead(method: "GET", target: target, authority: "api.example.com", fields: fields.map { HeaderField($0.0, $0.1) })
    }

    static func apply(_ places: [InjectionPlace], _ head: RequestHead, secret: String = real) throws -> (RequestHead, [String]) {
        var head = head
        let used = try HeadInjector([injection(places, secret: secret)]).apply(to: &head)
        return (head, used)
    }

    @Test func bearerRawAndTwice() throws {
        let places = [InjectionPlace(.header("Authorization")), InjectionPlace(.header("x-api-key"))]
        let (head, used) = try Self.apply(places, Self.head("/", [("AUTHORIZATION", "Bearer \(Self.stub)"), ("x-api-key", Self.stub)]))
        #expect(head.value("authorization") == "Bearer \(Self.real)")
        #expect(head.value("x-api-key") == Self.real)
        #expect(used == ["g"])
    }

    @Test func aStubInAnotherPlaceStaysAStub() throws {
        let given = Self.head("/\(Self.stub)?key=\(Self.stub)", [("x-other", Self.stub), ("cookie", "a=\(Self.stub)")])
        let (head, used) = try Self.apply([InjectionPlace(.header("authorization"))], given)
        #expect(head == given)
        #expect(used.isEmpty)
    }

    @Test func basicIsDecodedAndEncodedAgain() throws {
        for user in ["x-access-token:\(Self.stub)", "\(Self.stub):x-oauth-basic", "\(Self.stub):"] {
            let encoded = String(decoding: Base64.encode(user.utf8), as: UTF8.self)
            let (head, _) = try Self.apply([InjectionPlace(.basic)], Self.head("/", [("Authorization", "basic \(encoded)")]))
            let value = try #require(head.value("authorization"))
            #expect(value.hasPrefix("Basic "))
            let decoded = try #require(Base64.decode(value.dropFirst(6).utf8))
            let wanted = user.split(separator: ":", omittingEmptySubsequences: false).map { $0 == Self.stub ? Self.real : String($0) }
            #expect(String(decoding: decoded, as: UTF8.self) == wanted.joined(separator: ":"))
        }
        #expect(throws: InjectionError.self) {
            try Self.apply([InjectionPlace(.basic)], Self.head("/", [("Authorization", "Basic *")]))
        }
    }

    @Test func queryValuesAreEncodedAndOthersKeepTheirBytes() throws {
        let (head, _) = try Self.apply([InjectionPlace(.query("key"))], Self.head("/v1?a=%7e&key=\(Self.stub)&b"))
        #expect(head.target == "/v1?a=%7e&key=sk-real%2F9876543210%2Bx%3D%3D&b")
        let (other, used) = try Self.apply([InjectionPlace(.query("key"))], Self.head("/v1?notkey=\(Self.stub)"))
        #expect(other.target == "/v1?notkey=\(Self.stub)")
        #expect(used.isEmpty)
    }

    @Test func cookiesByName() throws {
        let (head, _) = try Self.apply(
            [InjectionPlace(.cookie("session"))], Self.head("/", [("Cookie", "a=\(Self.stub); session=\(Self.stub);b=c")]))
        #expect(head.value("cookie") == "a=\(Self.stub); session=\(Self.real);b=c")
        #expect(throws: InjectionError.self) {
            try Self.apply([InjectionPlace(.cookie("s"))], Self.head("/", [("Cookie", "s=\(Self.stub)")]), secret: "with;semicolon")
        }
    }

    @Test func pathIsPercentEncoded() throws {
        let (head, _) = try Self.apply([InjectionPlace(.path)], Self.head("/bot\(Self.stub)/send?key=\(Self.stub)"))
        #expect(head.target == "/botsk-real%2F9876543210%2Bx%3D%3D/send?key=\(Self.stub)")
    }

    @Test func whatIsAbsentIsPutInWhereTheGrantSaysSo() throws {
        var (head, _) = try Self.apply([InjectionPlace(.header("authorization"), whenAbsent: "Bearer {value}")], Self.head())
        #expect(head.value("authorization") == "Bearer \(Self.real)")
        (head, _) = try Self.apply([InjectionPlace(.basic, whenAbsent: "me:{value}")], Self.head())
        #expect(head.value("authorization") == "Basic " + String(decoding: Base64.encode("me:\(Self.real)".utf8), as: UTF8.self))
        (head, _) = try Self.apply([InjectionPlace(.query("key"), whenAbsent: "{value}")], Self.head("/v1"))
        #expect(head.target == "/v1?key=sk-real%2F9876543210%2Bx%3D%3D")
        (head, _) = try Self.apply([InjectionPlace(.query("key"), whenAbsent: "{value}")], Self.head("/v1?a=b"))
        #expect(head.target == "/v1?a=b&key=sk-real%2F9876543210%2Bx%3D%3D")
        (head, _) = try Self.apply([InjectionPlace(.cookie("s"), whenAbsent: "{value}")], Self.head())
        #expect(head.value("cookie") == "s=\(Self.real)")
    }

    @Test(arguments: ["a\r\nX-Evil: 1", "a\nb", "a\0b", "a\u{7F}b"]) func aSecretThatWouldBreakTheHeadIsRefused(secret: String) {
        #expect(throws: InjectionError.self) {
            try Self.apply([InjectionPlace(.header("authorization"))], Self.head("/", [("authorization", Self.stub)]), secret: secret)
        }
        #expect(throws: InjectionError.self) {
            try Self.apply([InjectionPlace(.header("authorization"), whenAbsent: "{value}")], Self.head(), secret: secret)
        }
    }

    @Test func whatWasPutInComesBackAsTheStub() throws {
        let secret = "s3cr/et \"with\" ümläuts+1"
        let injection = Self.injection([InjectionPlace(.body)], secret: secret)
        let table = PatternTable.scrubbing([injection])
        for encoding in TextEncoding.allCases {
            let body = Array("<".utf8) + encoding.encode(secret.utf8) + Array(">".utf8)
            #expect(table.replacing(in: body) == Array("<\(Self.stub)>".utf8))
        }
        for before in 0..<3 {
            for alphabet in Base64.Alphabet.allCases {
                let prefix = [UInt8](repeating: 0x41, count: before)
                let body = Base64.encode(prefix + Array(secret.utf8) + Array("tail".utf8), alphabet)
                let scrubbed = try #require(table.replacing(in: body))
                #expect(scrubbed.count == body.count)
                let decoded = try #require(Base64.decode(scrubbed))
                let middle = Array(secret.utf8.dropFirst(3).dropLast(3))
                #expect(!decoded.indices.contains { decoded[$0...].starts(with: middle.prefix(4)) })
            }
        }
    }

    @Test func bodiesGetTheSecretAsTheirKindWritesIt() {
        let secret = "a\"b\\c d&e"
        let injections = [Self.injection([InjectionPlace(.body)], secret: secret), Self.injection([InjectionPlace(.path)], secret: "zzz")]
        let json = PatternTable.substituting(injections, in: .json)
        #expect(json.replacing(in: "{\"k\":\"\(Self.stub)\"}") == "{\"k\":\"a\\\"b\\\\c d&e\"}")
        #expect(PatternTable.substituting(injections, in: .form).replacing(in: "k=\(Self.stub)") == "k=a%22b%5Cc+d%26e")
        #expect(PatternTable.substituting([Self.injection([InjectionPlace(.path)])], in: .json).isEmpty)
    }
}
