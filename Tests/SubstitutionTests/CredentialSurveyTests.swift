import Testing

@testable import Substitution

@Suite struct CredentialSurveyTests {
    static let survey = CredentialSurvey(
        stubs: [Array("stub-one-000000".utf8), Array("stub-two-111111".utf8)], places: [.header("X-Custom"), .query("apitok")])

    static func see(_ target: String, _ fields: [(String, String)]) -> [CredentialSurvey.Sighting] {
        survey.sightings(in: RequestHead(method: "GET", target: target, authority: "h", fields: fields.map { HeaderField($0.0, $0.1) }))
    }

    @Test func stubsAndForeignCredentialsAreToldApart() {
        #expect(
            Self.see("/", [("Authorization", "Bearer stub-one-000000")]) == [
                .init(kind: .header("authorization"), stubs: [0], isWhole: true)
            ])
        #expect(
            Self.see("/", [("Authorization", "Bearer sk-foreign")]) == [.init(kind: .header("authorization"), stubs: [], isWhole: false)])
        #expect(
            Self.see("/", [("authorization", "Bearer stub-one-000000, Bearer sk-foreign")]) == [
                .init(kind: .header("authorization"), stubs: [0], isWhole: false)
            ])
        #expect(
            Self.see("/", [("x-api-key", "stub-two-111111"), ("x-api-key", "other")]) == [
                .init(kind: .header("x-api-key"), stubs: [1], isWhole: true), .init(kind: .header("x-api-key"), stubs: [], isWhole: false),
            ])
        #expect(Self.see("/", [("x-custom", "abc")]) == [.init(kind: .header("x-custom"), stubs: [], isWhole: false)])
        #expect(Self.see("/", [("accept", "*/*"), ("x-request-id", "1")]).isEmpty)
    }

    @Test func basicIsReadInside() {
        let own = String(decoding: Base64.encode("x-access-token:stub-one-000000".utf8), as: UTF8.self)
        let foreign = String(decoding: Base64.encode("me:ghp_foreign".utf8), as: UTF8.self)
        let mixed = String(decoding: Base64.encode("stub-one-000000ghp_foreign:x".utf8), as: UTF8.self)
        #expect(Self.see("/", [("authorization", "Basic \(own)")]) == [.init(kind: .basic, stubs: [0], isWhole: true)])
        #expect(Self.see("/", [("authorization", "basic \(foreign)")]) == [.init(kind: .basic, stubs: [], isWhole: false)])
        #expect(Self.see("/", [("authorization", "Basic \(mixed)")]).first?.isWhole == false)
        #expect(Self.see("/", [("authorization", "Basic !")]) == [.init(kind: .basic, stubs: [], isWhole: false)])
    }

    @Test func queryCookieAndPath() {
        #expect(Self.see("/?key=stub%2Done-000000", []) == [.init(kind: .query("key"), stubs: [0], isWhole: true)])
        #expect(Self.see("/?API_KEY=x&q=1&apitok=2", []).map(\.kind) == [.query("API_KEY"), .query("apitok")])
        #expect(Self.see("/?q=stub-two-111111", []) == [.init(kind: .query("q"), stubs: [1], isWhole: true)])
        #expect(Self.see("/?a=%zz", []).map(\.kind) == [.query("a")])
        #expect(Self.see("/", [("cookie", "a=1; b=stub-one-000000")]).map(\.stubs) == [[], [0]])
        #expect(Self.see("/botstub-one-000000/x", []) == [.init(kind: .path, stubs: [0], isWhole: false)])
    }

    @Test func aForgedMarkIsNoStub() {
        #expect(Self.see("/?key=%FF%80%80%80%80", []).allSatisfy { $0.stubs.isEmpty })
        #expect(Self.see("/?key=stub-one-000000%FF%80%80%80%80", []).allSatisfy { !$0.isWhole })
    }
}
