import HTTPGateway
import NIOCore
import Substitution

/// A request's body on its way out: searched for secrets first, then changed.
final class OutgoingBody: BodyTransform {
    enum Change {
        case pass
        case replace(StreamReplacer, keepsLength: Bool)
        case sign(AWSChunkSigner)
    }

    private let scanner: SecretScanner?
    private let watched: WatchedCredentials
    private let change: Change
    private let place: String
    /// What is in the chunks of a body is searched as well: a secret may begin in one and end in the next.
    private var frames: (reader: AWSChunkReader, scanner: SecretScanner)?

    /// - Parameters:
    ///   - place: what the record calls it.
    ///   - frames: finds secrets in the chunks of `aws-chunked`; nil for a body without them.
    init(
        _ scanner: SecretScanner?, _ watched: WatchedCredentials, _ change: Change, place: String = "body", frames: SecretScanner? = nil
    ) {
        self.frames = frames.map { (AWSChunkReader(), $0) }
        self.scanner = scanner
        self.watched = watched
        self.change = change
        self.place = place
    }

    var preservesLength: Bool {
        if case .replace(_, let keepsLength) = change { return keepsLength }
        return true
    }

    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
        try bytes.withUnsafeReadableBytes { piece in
            if let found = scanner?.scan(piece) { throw watched.refusal(found, in: place) }
            let inner = frames?.scanner
            do {
                try frames?.reader.process(piece) { plain in
                    if let found = inner?.scan(plain) { throw watched.refusal(found, in: place) }
                }
            } catch let error as InjectionError { throw OutgoingBody.refusal(error) }
            switch change {
            case .pass: output.writeBytes(piece)
            case .replace(let replacer, _): replacer.process(piece) { output.writeBytes($0) }
            case .sign(let signer):
                do { try signer.process(piece) { output.writeBytes($0) } } catch { throw OutgoingBody.refusal(error) }
            }
        }
    }

    func finish(into output: inout ByteBuffer) throws {
        do { try frames?.reader.finish() } catch { throw OutgoingBody.refusal(error) }
        switch change {
        case .pass: break
        case .replace(let replacer, _): replacer.finish { output.writeBytes($0) }
        case .sign(let signer): do { try signer.finish() } catch { throw OutgoingBody.refusal(error) }
        }
    }

    private static func refusal(_ error: any Error) -> TransformRefusal {
        let reason = (error as? InjectionError)?.detail ?? "the signed body could not be read"
        return TransformRefusal(kind: .malformed, denial: Denial(rule: "grant", reason: reason))
    }
}

/// A response's body on its way in: secrets become stubs.
final class IncomingBody: BodyTransform {
    let preservesLength: Bool
    private let replacer: StreamReplacer

    init(_ replacer: StreamReplacer, keepsLength: Bool) {
        self.replacer = replacer
        preservesLength = keepsLength
    }

    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
        bytes.withUnsafeReadableBytes { piece in replacer.process(piece) { output.writeBytes($0) } }
    }

    func finish(into output: inout ByteBuffer) throws { replacer.finish { output.writeBytes($0) } }
}
