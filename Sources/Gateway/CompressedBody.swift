import HTTPGateway
import NIOCore
import Substitution

/// A compressed request body: it passes as it is, but for new signatures of its chunks, while what it decodes to is searched.
final class CompressedBody: BodyTransform {
    let preservesLength = true
    private let watched: WatchedCredentials
    private let inflater: Inflater
    /// Nil where the compressed bytes are not in chunks of their own.
    private var frames: AWSChunkReader?
    private let signer: AWSChunkSigner?
    /// The compressed bytes as such may hold a secret as well: in a block that is stored, in the name of a file.
    private let outside: SecretScanner?
    private let inside: SecretScanner?
    /// Finds stubs that would have to be replaced.
    private let stubs: StreamReplacer

    /// - Parameters:
    ///   - isFramed: whether the compressed bytes are in chunks (`aws-chunked`).
    ///   - signer: signs these chunks anew.
    ///   - stubs: what would be replaced in a plain body.
    /// - Throws: `TransformRefusal` for a coding that is not read.
    init(_ coding: ContentCoding, isFramed: Bool, signer: AWSChunkSigner?, _ watched: WatchedCredentials, stubs: PatternTable) throws {
        guard coding != .other else {
            throw CompressedBody.refusal("the body is encoded in a way that cannot be searched; gzip and deflate can be, each by itself")
        }
        self.watched = watched
        inflater = Inflater(coding)
        frames = isFramed ? AWSChunkReader() : nil
        self.signer = signer
        outside = watched.secrets.map(SecretScanner.init)
        inside = watched.secrets.map(SecretScanner.init)
        self.stubs = StreamReplacer(stubs)
    }

    func feed(_ bytes: ByteBuffer, into output: inout ByteBuffer) throws {
        try bytes.withUnsafeReadableBytes { piece in
            if let found = outside?.scan(piece) { throw watched.refusal(found, in: "body") }
            do {
                if frames != nil { try frames?.process(piece) { try search($0) } } else { try search(piece) }
                try checkStubs()
                if let signer { try signer.process(piece) { output.writeBytes($0) } } else { output.writeBytes(piece) }
            } catch let error as InflateError {
                throw CompressedBody.undecodable(error)
            } catch let error as InjectionError {
                throw CompressedBody.refusal(error.detail)
            }
        }
    }

    private func search(_ piece: UnsafeRawBufferPointer) throws {
        try inflater.process(piece) { plain in
            if let found = inside?.scan(plain) { throw watched.refusal(found, in: "compressed body") }
            stubs.process(plain) { _ in }
        }
    }

    func finish(into output: inout ByteBuffer) throws {
        do { try inflater.finish() } catch { throw CompressedBody.undecodable(error) }
        do {
            try frames?.finish()
            try signer?.finish()
        } catch { throw CompressedBody.refusal(error.detail) }
        stubs.finish { _ in }
        try checkStubs()
    }

    private func checkStubs() throws {
        guard stubs.replacements > 0 else { return }
        throw TransformRefusal(
            kind: .stub,
            denial: Denial(rule: "grant", reason: "the body is compressed, and its credential cannot be put in; send it uncompressed"))
    }

    private static func undecodable(_ error: InflateError) -> TransformRefusal {
        refusal("the compressed body cannot be searched: \(error.detail)")
    }

    static func refusal(_ reason: String) -> TransformRefusal {
        TransformRefusal(kind: .malformed, denial: Denial(rule: "secrets", reason: reason))
    }
}
