/// Signs the chunks of a streamed body anew (`aws-chunked`, STREAMING-AWS4-HMAC-SHA256-PAYLOAD and -TRAILER): each chunk's signature
/// covers the one before it. A chunk is kept until it is whole, since its signature stands before it. The length stays as it was.
public final class AWSChunkSigner {
    struct Chain {
        var key: AWSSigningKey
        var previous: String
    }

    private enum State { case size, data(Int), trailer, end }

    private var stub: Chain
    private var real: Chain
    private let timestamp: String
    private let scope: String
    private let hasTrailer: Bool
    private let limit: Int
    private var state = State.size
    private var held: [UInt8] = []
    private var trailer: [UInt8] = []
    private static let emptyDigest = AWSRequestSigner.digest([])
    private static let lineLimit = 8192

    init(stub: Chain, real: Chain, timestamp: String, scope: String, hasTrailer: Bool, limit: Int) {
        self.stub = stub
        self.real = real
        self.timestamp = timestamp
        self.scope = scope
        self.hasTrailer = hasTrailer
        self.limit = limit
    }

    /// Takes the next piece of the body.
    ///
    /// - Throws: `InjectionError`; the request must then be broken off.
    public func process(_ piece: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) -> Void) throws(InjectionError) {
        held.append(contentsOf: piece)
        while try step(emit) {}
    }

    /// Takes the end of the body, which must come after the last chunk.
    public func finish() throws(InjectionError) {
        guard case .end = state, held.isEmpty else { throw InjectionError(.malformed, "the signed body ends in the middle of a chunk") }
    }

    /// - Returns: whether there may be more to do.
    private func step(_ emit: (UnsafeRawBufferPointer) -> Void) throws(InjectionError) -> Bool {
        switch state {
        case .size:
            guard let line = try line() else { return false }
            let parts = line.split(separator: UInt8(ascii: ";"), maxSplits: 1, omittingEmptySubsequences: false)
            let prefix = Array("chunk-signature=".utf8)
            guard parts.count == 2, !parts[0].isEmpty, parts[0].count <= 8, parts[1].starts(with: prefix),
                let size = Int(String(decoding: parts[0], as: UTF8.self), radix: 16), size >= 0
            else { throw InjectionError(.malformed, "the head of a signed chunk cannot be read") }
            guard size <= limit else { throw InjectionError(.bodyTooLarge, "a signed chunk is larger than \(limit) bytes") }
            held.removeFirst(line.count + 2)
            given = String(decoding: parts[1].dropFirst(prefix.count), as: UTF8.self)
            sizeText = Array(parts[0])
            state = .data(size)
            return true
        case .data(let size):
            // With trailers the last, empty chunk has no line end of its own.
            let end = size == 0 && hasTrailer ? 0 : 2
            guard held.count >= size + end else { return false }
            let data = Array(held.prefix(size))
            guard end == 0 || held[size..<size + 2].elementsEqual([13, 10]) else {
                throw InjectionError(.malformed, "a signed chunk is longer than it says")
            }
            let digest = AWSRequestSigner.digest(data)
            try advance { "AWS4-HMAC-SHA256-PAYLOAD\n\(timestamp)\n\(scope)\n\($0)\n\(AWSChunkSigner.emptyDigest)\n\(digest)" }
            send(sizeText + Array(";chunk-signature=\(real.previous)\r\n".utf8), emit)
            send(Array(held.prefix(size + end)), emit)
            held.removeFirst(size + end)
            state = size > 0 ? .size : hasTrailer ? .trailer : .end
            return true
        case .trailer:
            guard let line = try line() else { return false }
            held.removeFirst(line.count + 2)
            let name = Array("x-amz-trailer-signature:".utf8)
            if line.isEmpty {
                throw InjectionError(.malformed, "the trailer of the signed body has no signature")
            } else if line.starts(with: name) {
                given = String(decoding: line.dropFirst(name.count), as: UTF8.self)
                let digest = AWSRequestSigner.digest(trailer)
                try advance { "AWS4-HMAC-SHA256-TRAILER\n\(timestamp)\n\(scope)\n\($0)\n\(digest)" }
                send(name + Array("\(real.previous)\r\n".utf8), emit)
                state = .end
            } else {
                trailer += line + [10]
                guard trailer.count <= AWSChunkSigner.lineLimit else { throw InjectionError(.malformed, "the trailer is too long") }
                send(line + [13, 10], emit)
            }
            return true
        case .end:
            if hasTrailer, held.starts(with: [13, 10]) {
                send([13, 10], emit)
                held.removeFirst(2)
            }
            if held.isEmpty || (hasTrailer && held == [13]) { return false }
            throw InjectionError(.malformed, "the signed body goes on after its last chunk")
        }
    }

    private var given = ""
    private var sizeText: [UInt8] = []

    /// Checks the stub's signature and makes the real one.
    private func advance(_ text: (String) -> String) throws(InjectionError) {
        guard stub.key.sign(text(stub.previous)) == given else {
            throw InjectionError(.wrongSignature, "the signature of a chunk was not made with the keys that this sandbox was given")
        }
        stub.previous = given
        real.previous = real.key.sign(text(real.previous))
    }

    private func line() throws(InjectionError) -> [UInt8]? {
        guard let end = held.firstIndex(of: 10) else {
            if held.count > AWSChunkSigner.lineLimit { throw InjectionError(.malformed, "a line of the signed body is too long") }
            return nil
        }
        guard end > 0, held[end - 1] == 13, end <= AWSChunkSigner.lineLimit else {
            throw InjectionError(.malformed, "a line of the signed body cannot be read")
        }
        return Array(held[..<(end - 1)])
    }

    private func send(_ bytes: [UInt8], _ emit: (UnsafeRawBufferPointer) -> Void) { bytes.withUnsafeBytes(emit) }
}
