import GatewayProtocol
import HTTPGateway
import Substitution

/// What one exchange has done to it for the sake of credentials: nothing that is secret leaves unasked, stubs in the body become
/// secrets, requests to AWS are signed anew, and secrets in the response become stubs again.
final class CredentialTransforms: ExchangeTransforms {
    private let original: HTTPGateway.RequestHead
    private let injections: [Injection]
    private let watched: WatchedCredentials
    private let scrubbing: PatternTable?
    private var chunks: AWSChunkSigner?

    /// - Parameter original: the head as the client sent it. Only there a secret is out of place: after the injections it has to be in it.
    init(_ original: HTTPGateway.RequestHead, _ injections: [Injection], _ watched: WatchedCredentials, _ tables: ScrubbingTables) {
        self.original = original
        self.injections = injections
        self.watched = watched
        scrubbing = injections.isEmpty ? nil : tables.table(for: injections)
    }

    var readsResponse: Bool { scrubbing != nil }

    func transformRequestHead(_ head: inout HTTPGateway.RequestHead) throws {
        try scanHead()
        for injection in injections {
            guard case .aws(let keys) = injection.credential else { continue }
            let signer = AWSRequestSigner(keys)
            var signed = head.forSubstitution
            switch try signer.need(signed) {
            case .nothing: continue
            case .head, .chunks:
                chunks = try signer.sign(&signed)
                head.take(signed)
            case .body:
                throw InjectionError(
                    .unsupportedSignature,
                    "the signature covers the body, and no x-amz-content-sha256 field says its digest; such a request cannot be signed anew yet"
                )
            }
        }
    }

    private func scanHead() throws {
        guard let secrets = watched.secrets else { return }
        if let found = SecretScanner.find(in: Array(original.path.utf8), secrets) { throw watched.refusal(found, in: "target") }
        for field in original.headers {
            for text in [field.name, field.value] {
                if let found = SecretScanner.find(in: Array(text.utf8), secrets) { throw watched.refusal(found, in: "head") }
            }
        }
    }

    func requestBody(for head: HTTPGateway.RequestHead) -> (any BodyTransform)? {
        let table = PatternTable.substituting(injections, in: CredentialTransforms.encoding(head.headers.first(name: "content-type") ?? ""))
        let scanner = watched.secrets.map(SecretScanner.init)
        if let chunks { return OutgoingBody(scanner, watched, .sign(chunks)) }
        if !table.isEmpty { return OutgoingBody(scanner, watched, .replace(StreamReplacer(table), keepsLength: table.keepsLength)) }
        return scanner == nil ? nil : OutgoingBody(scanner, watched, .pass)
    }

    /// How text is written in a body of this type (RFC 9110, section 8.3.1).
    private static func encoding(_ type: String) -> TextEncoding {
        let essence = type.lowercased().prefix { $0 != ";" && $0 != " " }
        if essence == "application/json" || essence.hasSuffix("+json") { return .json }
        return essence == "application/x-www-form-urlencoded" ? .form : .raw
    }

    func transformResponseHead(_ head: inout ResponseHead) throws {
        guard let scrubbing else { return }
        var fields = head.headers.map { HeaderField($0.name, $0.value) }
        guard scrubbing.replaceAll(in: &fields) else { return }
        head.headers = .init(fields.map { ($0.name, $0.value) })
    }

    func responseBody(for head: ResponseHead) -> (any BodyTransform)? {
        guard let scrubbing, !scrubbing.isEmpty else { return nil }
        return IncomingBody(StreamReplacer(scrubbing), keepsLength: scrubbing.keepsLength)
    }
}
