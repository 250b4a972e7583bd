import TestSupport
import Testing

@testable import Substitution

/// The examples of AWS's documentation of chunked uploads, signed with its example keys.
@Suite struct AWSChunkSignerTests {
    static func example(trailer: Bool) -> (head: RequestHead, body: [UInt8]) {
        let names =
            trailer
            ? "content-encoding;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class;x-amz-trailer"
            : "content-encoding;content-length;host;x-amz-content-sha256;x-amz-date;x-amz-decoded-content-length;x-amz-storage-class"
        let seed =
            trailer
            ? "106e2a8a18243abcf37539882f36619c00e2dfc72633413f02d3b74544bfeb8e"
            : "4f232c4386841ef735655705268965c44a0e4690baa4adea153f7db9fa80a0a9"
        var fields = [
            ("host", "s3.amazonaws.com"), ("x-amz-date", "20130524T000000Z"), ("x-amz-storage-class", "REDUCED_REDUNDANCY"),
            ("content-encoding", "aws-chunked"), ("x-amz-decoded-content-length", "66560"),
            ("x-amz-content-sha256", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + (trailer ? "-TRAILER" : "")),
        ]
        fields.append(trailer ? ("x-amz-trailer", "x-amz-checksum-crc32c") : ("content-length", "66824"))
        fields.append(
            (
                "authorization",
                "AWS4-HMAC-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request,SignedHeaders=\(names),Signature=\(seed)"
            ))
        let signatures =
            trailer
            ? [
                "b474d8862b1487a5145d686f57f013e54db672cee1c953b3010fb58501ef5aa2",
                "1c1344b170168f8e65b41376b44b20fe354e373826ccbbe2c1d40a8cae51e5c7",
                "2ca2aba2005185cf7159c6277faf83795951dd77a3a99e6e65d5c9f85863f992",
            ]
            : [
                "ad80c730a21e5b8d04586a2213dd63b9a0e99e0e2307b0ade35a65485a288648",
                "0055627c9e194cb4542bae2aa5492e3c1575bbb81b612b7d234b86a503ef5497",
                "b6c6ea8a5354eaf15b3cb7646744f4275b71ea724fed81ceb9323e279d449df9",
            ]
        var body: [UInt8] = []
        for (size, signature) in zip([65536, 1024, 0], signatures) {
            body += Array((String(size, radix: 16) + ";chunk-signature=" + signature + "\r\n").utf8)
            body += [UInt8](repeating: UInt8(ascii: "a"), count: size)
            if size > 0 || !trailer { body += [13, 10] }
        }
        if trailer {
            body += Array("x-amz-checksum-crc32c:sOO8/Q==\r\n".utf8)
            body += Array(
                "x-amz-trailer-signature:d81f82fc3505edab99d459891051a732e8730629a2e4a59689829ca17fe2e435\r\n".utf8)
        }
        return (
            RequestHead(
                method: "PUT", target: "/examplebucket/chunkObject.txt", authority: "s3.amazonaws.com",
                fields: fields.map { HeaderField($0.0, $0.1) }), body
        )
    }

    static func sign(_ head: inout RequestHead, _ pieces: [[UInt8]], real: Bool) throws -> [UInt8] {
        let example = AWSRequestSignerTests.published[0]
        let signer = AWSRequestSigner(AWSRequestSignerTests.credential(example, real: real))
        #expect(try signer.need(head) == .chunks)
        let chunks = try #require(try signer.sign(&head))
        var result: [UInt8] = []
        for piece in pieces { try piece.withUnsafeBytes { try chunks.process($0) { result.append(contentsOf: $0) } } }
        try chunks.finish()
        return result
    }

    @Test(arguments: [false, true]) func thereAndBackAgainInPiecesOfAnySize(trailer: Bool) throws {
        var generator = SeededGenerator(8)
        let (given, body) = Self.example(trailer: trailer)
        var head = given
        let there = try Self.sign(&head, generator.pieces(body, longest: 3000), real: false)
        #expect(there.count == body.count)
        #expect(there != body)
        let back = try Self.sign(&head, generator.pieces(there, longest: 50_000), real: true)
        #expect(back == body)
    }

    @Test func everyChangeOfABodyIsRefused() throws {
        var generator = SeededGenerator(9)
        let (given, body) = Self.example(trailer: true)
        for _ in 0..<60 {
            var changed = body
            // One of the last bytes half of the time, where the structure is.
            let place =
                Bool.random(using: &generator)
                ? Int.random(in: 0..<body.count, using: &generator) : body.count - Int.random(in: 3...300, using: &generator)
            changed[place] ^= 0x02
            var head = given
            #expect(throws: InjectionError.self, "byte \(place)") { try Self.sign(&head, [changed], real: false) }
        }
        var head = given
        #expect(throws: InjectionError.self) { try Self.sign(&head, [Array(body.dropLast(40))], real: false) }
        head = given
        #expect(throws: InjectionError.self) { try Self.sign(&head, [body, Array("more".utf8)], real: false) }
    }

    @Test func aChunkLargerThanTheLimitIsRefused() throws {
        var (head, body) = Self.example(trailer: false)
        let signer = AWSRequestSigner(AWSRequestSignerTests.credential(AWSRequestSignerTests.published[0], real: false))
        let chunks = try #require(try signer.sign(&head, chunkLimit: 1000))
        #expect(throws: InjectionError(.bodyTooLarge, "a signed chunk is larger than 1000 bytes")) {
            try body.withUnsafeBytes { try chunks.process($0) { _ in } }
        }
        body.removeAll()
    }
}
