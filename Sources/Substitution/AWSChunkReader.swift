/// Takes the frames of `aws-chunked` off a body: `SIZE[;EXTENSION]`, the bytes, and at the end an empty chunk and trailers. Nothing is held but
/// a line.
public struct AWSChunkReader {
    private enum State { case size, data(Int), lineEnd(Int), trailers }

    private var state = State.size
    private var line: [UInt8] = []
    private static let lineLimit = 8192

    public init() {}

    /// Takes the next piece of the body, and hands on what is in the chunks.
    ///
    /// - Throws: `InjectionError` for what is no such framing; whatever `emit` throws.
    public mutating func process(_ piece: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        var rest = piece[...]
        while let byte = rest.first {
            switch state {
            case .size:
                rest.removeFirst()
                guard line.count < AWSChunkReader.lineLimit else { throw AWSChunkReader.malformed("a line is too long") }
                line.append(byte)
                if byte == 10 {
                    let size = try AWSChunkReader.size(line)
                    line.removeAll(keepingCapacity: true)
                    state = size == 0 ? .trailers : .data(size)
                }
            case .data(let left):
                let count = min(left, rest.count)
                try emit(UnsafeRawBufferPointer(rebasing: rest.prefix(count)))
                rest.removeFirst(count)
                state = count == left ? .lineEnd(13) : .data(left - count)
            case .lineEnd(let wanted):
                rest.removeFirst()
                guard byte == wanted else { throw AWSChunkReader.malformed("a chunk is longer than it says") }
                state = wanted == 13 ? .lineEnd(10) : .size
            case .trailers:
                // Checksums and signatures, in lines: read by whoever reads the bytes as they are.
                guard line.count + rest.count <= AWSChunkReader.lineLimit else {
                    throw AWSChunkReader.malformed("the trailers are too long")
                }
                line.append(contentsOf: rest)
                return
            }
        }
    }

    /// Takes the end of the body.
    public func finish() throws(InjectionError) {
        guard case .trailers = state else { throw AWSChunkReader.malformed("it ends in the middle of a chunk") }
    }

    private static func size(_ line: [UInt8]) throws(InjectionError) -> Int {
        let digits = line.prefix { $0 != UInt8(ascii: ";") && $0 != 13 }
        guard line.suffix(2).elementsEqual([13, 10]), (1...8).contains(digits.count),
            digits.allSatisfy({ (0x30...0x39).contains($0) || (0x41...0x46).contains($0 & 0xDF) }),
            let size = Int(String(decoding: digits, as: UTF8.self), radix: 16)
        else { throw malformed("the head of a chunk cannot be read") }
        return size
    }

    private static func malformed(_ why: String) -> InjectionError {
        InjectionError(.malformed, "the body is not in chunks of AWS: \(why)")
    }
}
