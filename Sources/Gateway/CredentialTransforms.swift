import GatewayProtocol
import HTTPGateway
import NIOCore
import NIOHTTP1
import Substitution

/// What one exchange has done to it for the sake of credentials: nothing that is secret leaves unasked, stubs in the body become
/// secrets, requests to AWS are signed anew, and secrets in the response become stubs again.
final class CredentialTransforms: ExchangeTransforms {
    private let original: HTTPGateway.RequestHead
    private let injections: [Injection]
    private let watched: WatchedCredentials
    private let scrubbing: PatternTable?
    private var chunks: AWSChunkSigner?
    /// Signs the head once the body is known.
    private var signer: AWSRequestSigner?

    /// - Parameter original: the head as the client sent it. Only there a secret is out of place: after the injections it has to be in it.
    init(_ original: HTTPGateway.RequestHead, _ injections: [Injection], _ watched: WatchedCredentials, _ tables: ScrubbingTables) {
        self.original = original
        self.injections = injections
        self.watched = watched
        scrubbing = injections.isEmpty ? nil : tables.table(for: injections)
    }

    var readsResponse: Bool { scrubbing != nil }

    /// How remote procedure calls say that each message in a body is compressed by itself; and what they accept of it.
    private static let messageCodings = ["grpc-encoding", "connect-content-encoding"]
    private static let acceptedMessageCodings = ["grpc-accept-encoding", "connect-accept-encoding"]

    private static func hasCompressedMessages(_ fields: HTTPHeaders) -> Bool {
        messageCodings.contains { name in ContentCoding(fields[name]) != .identity }
    }

    func transformRequestHead(_ head: inout HTTPGateway.RequestHead) throws {
        try scanHead()
        if readsResponse { for name in CredentialTransforms.acceptedMessageCodings { head.headers.remove(name: name) } }
        for injection in injections {
            guard case .aws(let keys) = injection.credential else { continue }
            let signer = AWSRequestSigner(keys)
            switch try signer.need(head.forSubstitution) {
            case .nothing: continue
            case .head, .chunks: chunks = try CredentialTransforms.sign(&head, signer)
            case .body: self.signer = signer
            }
        }
    }

    var signsBody: Bool { signer != nil }

    func signBody(_ body: ByteBuffer, _ head: inout HTTPGateway.RequestHead) throws {
        guard let signer else { return }
        _ = try CredentialTransforms.sign(&head, signer, bodyDigest: body.withUnsafeReadableBytes { AWSRequestSigner.digest($0) })
    }

    /// The length is not among the fields here, and yet some clients sign it.
    private static func sign(
        _ head: inout HTTPGateway.RequestHead, _ signer: AWSRequestSigner, bodyDigest: String? = nil
    ) throws -> AWSChunkSigner? {
        var signed = head.forSubstitution
        if let length = head.contentLength { signed.fields.append(HeaderField("content-length", "\(length)")) }
        let chunks = try signer.sign(&signed, bodyDigest: bodyDigest)
        signed.fields.removeAll { $0.isNamed("content-length") }
        head.take(signed)
        return chunks
    }

    private func scanHead() throws {
        guard let secrets = watched.secrets else { return }
        if let found = SecretScanner.find(in: Array(original.path.utf8), secrets) { throw watched.refusal(found, in: "target") }
        try scan(original.headers, in: "head", secrets)
    }

    private func scan(_ fields: HTTPHeaders, in place: String, _ secrets: SecretScanner.Index) throws {
        for field in fields {
            for text in [field.name, field.value] {
                if let found = SecretScanner.find(in: Array(text.utf8), secrets) { throw watched.refusal(found, in: place) }
            }
        }
    }

    func checkRequestTrailers(_ trailers: HTTPHeaders) throws {
        if let secrets = watched.secrets { try scan(trailers, in: "trailers", secrets) }
    }

    func requestBody(for head: HTTPGateway.RequestHead) throws -> (any BodyTransform)? {
        let table = PatternTable.substituting(injections, in: CredentialTransforms.encoding(head.headers.first(name: "content-type") ?? ""))
        let scanner = watched.secrets.map(SecretScanner.init)
        let (coding, isFramed) = ContentCoding.request(head.headers["content-encoding"])
        if scanner != nil || !table.isEmpty, CredentialTransforms.hasCompressedMessages(head.headers) {
            throw CompressedBody.refusal("the messages of the body are compressed one by one, and cannot be searched")
        }
        if coding != .identity, chunks != nil || scanner != nil || !table.isEmpty {
            return try CompressedBody(coding, isFramed: isFramed, signer: chunks, watched, stubs: table)
        }
        let frames = isFramed ? watched.secrets.map(SecretScanner.init) : nil
        if let chunks { return OutgoingBody(scanner, watched, .sign(chunks), frames: frames) }
        if !table.isEmpty {
            return OutgoingBody(scanner, watched, .replace(StreamReplacer(table), keepsLength: table.keepsLength), frames: frames)
        }
        return scanner == nil ? nil : OutgoingBody(scanner, watched, .pass, frames: frames)
    }

    /// How text is written in a body of this type (RFC 9110, section 8.3.1).
    private static func encoding(_ type: String) -> TextEncoding {
        let essence = type.lowercased().prefix { $0 != ";" && $0 != " " }
        if essence == "application/json" || essence.hasSuffix("+json") { return .json }
        return essence == "application/x-www-form-urlencoded" ? .form : .raw
    }

    func transformResponseHead(_ head: inout ResponseHead) throws {
        guard let scrubbing else { return }
        if CredentialTransforms.hasCompressedMessages(head.headers) {
            throw CompressedBody.refusal("the messages of the response are compressed one by one, and cannot be searched")
        }
        CredentialTransforms.scrub(&head.headers, scrubbing)
        if let reason = scrubbing.replacing(in: head.reason) { head.reason = reason }
    }

    func transformResponseTrailers(_ trailers: inout HTTPHeaders) {
        if let scrubbing { CredentialTransforms.scrub(&trailers, scrubbing) }
    }

    private static func scrub(_ headers: inout HTTPHeaders, _ table: PatternTable) {
        var fields = headers.map { HeaderField($0.name, $0.value) }
        guard table.replaceAll(in: &fields) else { return }
        headers = .init(fields.map { ($0.name, $0.value) })
    }

    func responseBody(for head: ResponseHead) -> (any BodyTransform)? {
        guard let scrubbing, !scrubbing.isEmpty else { return nil }
        return IncomingBody(StreamReplacer(scrubbing), keepsLength: scrubbing.keepsLength)
    }

    var readsMessages: Bool { scrubbing != nil || watched.secrets != nil }

    func outgoingMessages() -> any BodyTransform {
        OutgoingBody(watched.secrets.map(SecretScanner.init), watched, .pass, place: "WebSocket message")
    }

    func incomingMessages() -> any BodyTransform {
        let table = scrubbing ?? PatternTable([])
        return IncomingBody(StreamReplacer(table), keepsLength: table.keepsLength)
    }
}
