import Testing

@testable import Substitution

/// The examples of AWS's own documentation serve as the stub's side, then as the real side: signing anew must lead from one published
/// signature to what a client with the real keys makes, and to the published one on the way back.
@Suite struct AWSRequestSignerTests {
    struct Example: Sendable, CustomTestStringConvertible {
        var name: String
        var head: RequestHead
        var secret: String
        var keyID: String
        var body: [UInt8]?
        var testDescription: String { name }
    }

    static func s3(_ name: String, _ method: String, _ target: String, _ fields: [(String, String)], _ signed: String, _ signature: String)
        -> Example
    {
        let all =
            [("Host", "examplebucket.s3.amazonaws.com"), ("x-amz-date", "20130524T000000Z")] + fields + [
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=\(signed),Signature=\(signature)"
                )
            ]
        return Example(
            name: name,
            head: RequestHead(
                method: method, target: target, authority: "examplebucket.s3.amazonaws.com", fields: all.map { HeaderField($0.0, $0.1) }),
            secret: "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY", keyID: "AKIAIOSFODNN7EXAMPLE", body: nil)
    }

    static func suite(
        _ name: String, _ method: String, _ target: String, _ signature: String, fields: [(String, String)] = [],
        signed: String = "host;x-amz-date", body: String = ""
    ) -> Example {
        let all =
            [("Host", "example.amazonaws.com"), ("X-Amz-Date", "20150830T123600Z")] + fields + [
                (
                    "Authorization",
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=\(signed), Signature=\(signature)"
                )
            ]
        return Example(
            name: name,
            head: RequestHead(
                method: method, target: target, authority: "example.amazonaws.com", fields: all.map { HeaderField($0.0, $0.1) }),
            secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", keyID: "AKIDEXAMPLE", body: Array(body.utf8))
    }

    static let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    static let published = [
        s3(
            "get object", "GET", "/test.txt", [("Range", "bytes=0-9"), ("x-amz-content-sha256", empty)],
            "host;range;x-amz-content-sha256;x-amz-date", "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41"),
        s3(
            "put object", "PUT", "/test%24file.text",
            [
                ("Date", "Fri, 24 May 2013 00:00:00 GMT"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
                ("x-amz-content-sha256", "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072"),
            ],
            "date;host;x-amz-content-sha256;x-amz-date;x-amz-storage-class",
            "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd"),
        s3(
            "lifecycle", "GET", "/?lifecycle", [("x-amz-content-sha256", empty)], "host;x-amz-content-sha256;x-amz-date",
            "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543"),
        s3(
            "list objects", "GET", "/?max-keys=2&prefix=J", [("x-amz-content-sha256", empty)], "host;x-amz-content-sha256;x-amz-date",
            "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7"),
        suite("get-vanilla", "GET", "/", "5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31"),
        suite(
            "get-vanilla-query-order-key-case", "GET", "/?Param2=value2&Param1=value1",
            "b97d918cfa904a5beff61c982a1b6f458b799221646efd99d3219ec94cdf2500"),
        suite("post-vanilla", "POST", "/", "5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"),
    ]

    static func credential(_ example: Example, real: Bool, token: String? = nil) -> AWSCredential {
        let other = (id: "AKIAREALREALREALREAL", secret: "realrealrealrealrealrealrealrealrealreal")
        let example = (id: example.keyID, secret: example.secret)
        let (stub, actual) = real ? (other, example) : (example, other)
        return AWSCredential(
            stubKeyID: stub.id, stubSecret: Array(stub.secret.utf8), stubToken: token.map { Array("stub-\($0)".utf8) },
            keyID: SecretBytes(copying: actual.id.utf8), secret: SecretBytes(copying: actual.secret.utf8),
            token: token.map { SecretBytes(copying: $0.utf8) })
    }

    static func signature(_ head: RequestHead) -> Substring? { head.value("authorization")?.split(separator: "=").last }

    @Test(arguments: published) func thereAndBackAgain(_ example: Example) throws {
        var head = example.head
        let there = AWSRequestSigner(Self.credential(example, real: false))
        #expect(try there.need(head) == (example.body == nil ? .head : .body))
        let digest = example.body.map { AWSRequestSigner.digest($0) }
        #expect(try there.sign(&head, bodyDigest: digest) == nil)
        #expect(head.value("authorization")?.contains("Credential=AKIAREALREALREALREAL/") == true)
        #expect(Self.signature(head) != Self.signature(example.head))
        // Now the published request is what must come out.
        let back = AWSRequestSigner(Self.credential(example, real: true))
        _ = try back.sign(&head, bodyDigest: digest)
        #expect(Self.signature(head) == Self.signature(example.head))
    }

    @Test(arguments: published) func aChangedRequestIsRefused(_ example: Example) {
        let signer = AWSRequestSigner(Self.credential(example, real: false))
        let digest = example.body.map { AWSRequestSigner.digest($0) }
        var changed = example.head
        changed.target += changed.target.contains("?") ? "&x=1" : "?x=1"
        #expect(throws: InjectionError(.wrongSignature, "the AWS signature was not made with the keys that this sandbox was given")) {
            try signer.sign(&changed, bodyDigest: digest)
        }
        changed = example.head
        changed.method = "DELETE"
        #expect(throws: InjectionError.self) { try signer.sign(&changed, bodyDigest: digest) }
        guard example.body != nil else { return }
        changed = example.head
        #expect(throws: InjectionError.self) { try signer.sign(&changed, bodyDigest: String(repeating: "0", count: 64)) }
        changed = example.head
        #expect(throws: InjectionError.self) { try signer.sign(&changed) }
    }

    @Test func presignedAddress() throws {
        let example = Self.published[0]
        let query =
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=AKIAIOSFODNN7EXAMPLE%2F20130524%2Fus-east-1%2Fs3%2Faws4_request"
            + "&X-Amz-Date=20130524T000000Z&X-Amz-Expires=86400&X-Amz-SignedHeaders=host"
            + "&X-Amz-Signature=aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404"
        let given = RequestHead(method: "GET", target: "/test.txt?" + query, authority: "examplebucket.s3.amazonaws.com", fields: [])
        var head = given
        #expect(try AWSRequestSigner(Self.credential(example, real: false)).sign(&head) == nil)
        #expect(head.target.contains("X-Amz-Credential=AKIAREALREALREALREAL%2F20130524%2F"))
        #expect(!head.target.contains("aeeed9bb"))
        _ = try AWSRequestSigner(Self.credential(example, real: true)).sign(&head)
        #expect(head == given)
    }

    @Test func sessionTokensChangePlaces() throws {
        let example = Self.published[0]
        // No stub token, but a real one: it is added and signed; and back.
        var keys = Self.credential(example, real: false, token: "real-session-token")
        keys.stubToken = nil
        var head = example.head
        _ = try AWSRequestSigner(keys).sign(&head)
        #expect(head.value("x-amz-security-token") == "real-session-token")
        #expect(head.value("authorization")?.contains("x-amz-date;x-amz-security-token") == true)
        var back = Self.credential(example, real: true)
        back.stubToken = Array("real-session-token".utf8)
        let signed = head
        _ = try AWSRequestSigner(back).sign(&head)
        #expect(head.value("x-amz-security-token") == nil)
        #expect(Self.signature(head) == Self.signature(example.head))
        head = signed
        back.stubToken = Array("another".utf8)
        #expect(throws: InjectionError.self) { try AWSRequestSigner(back).sign(&head) }
    }

    @Test func otherSignaturesAreRefusedOrLeftAlone() throws {
        let signer = AWSRequestSigner(Self.credential(Self.published[0], real: false))
        func head(_ authorization: String, _ target: String = "/") -> RequestHead {
            RequestHead(
                method: "GET", target: target, authority: "h",
                fields: [HeaderField("authorization", authorization), HeaderField("x-amz-date", "20130524T000000Z")])
        }
        #expect(try signer.need(head("Bearer abc")) == .nothing)
        #expect(
            try signer.need(head("AWS4-HMAC-SHA256 Credential=AKIAFOREIGN/20130524/r/s3/aws4_request, SignedHeaders=host, Signature=0"))
                == .nothing)
        for other in [
            "AWS AKIAIOSFODNN7EXAMPLE:sig", "AWS4-ECDSA-P256-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/x",
            "AWS4-HMAC-SHA256 AKIAIOSFODNN7EXAMPLE",
            "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130525/r/s3/aws4_request, SignedHeaders=host, Signature=0",
        ] {
            #expect(throws: InjectionError.self) { try signer.need(head(other)) }
        }
        #expect(throws: InjectionError.self) { try signer.need(head("x", "/?AWSAccessKeyId=AKIAIOSFODNN7EXAMPLE&Signature=x")) }
    }
}
