import Testing

@testable import Substitution

@Suite struct ScrubbingTablesTests {
    static func injection(_ secret: String, stub: String = "stub-stub-stub") -> Injection {
        Injection(grant: "g", credential: .token(stub: Array(stub.utf8), secret: SecretBytes(copying: secret.utf8)), places: [])
    }

    @Test func theSameCredentialsShareATable() {
        let tables = ScrubbingTables(limit: 2)
        let first = tables.table(for: [Self.injection("secret-one")])
        #expect(tables.table(for: [Self.injection("secret-one")]) === first)
        #expect(tables.table(for: [Self.injection("secret-two")]) !== first)
        #expect(tables.table(for: [Self.injection("secret-one", stub: "another-stub")]) !== first)
        #expect(tables.table(for: [Self.injection("secret-one"), Self.injection("secret-two")]) !== first)
        // By now it has been pushed out by the two that came later.
        #expect(tables.table(for: [Self.injection("secret-one")]) !== first)
    }

    @Test func aRotatedSecretIsReplacedAtOnce() {
        let tables = ScrubbingTables()
        #expect(tables.table(for: [Self.injection("secret-old")]).replacing(in: "x secret-old y") == "x stub-stub-stub y")
        #expect(tables.table(for: [Self.injection("secret-new")]).replacing(in: "x secret-new y") == "x stub-stub-stub y")
        tables.removeAll()
        #expect(tables.table(for: [Self.injection("secret-new")]).replacing(in: "secret-new") == "stub-stub-stub")
    }

    @Test func awsKeysAreScrubbedToo() {
        let keys = AWSCredential(
            stubKeyID: "AKIASTUB", stubSecret: Array("stubsecretstubsecret".utf8), keyID: SecretBytes(copying: "AKIAREALREAL".utf8),
            secret: SecretBytes(copying: "real/secret/real/secret".utf8), token: SecretBytes(copying: "session-token".utf8))
        let table = ScrubbingTables().table(for: [Injection(grant: "aws", credential: .aws(keys), places: [])])
        #expect(
            table.replacing(in: "AKIAREALREAL real%2Fsecret%2Freal%2Fsecret session-token")
                == "AKIASTUB stubsecretstubsecret coop-session-token")
    }
}
