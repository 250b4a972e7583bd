/// Decodes gzip, zlib and deflate data (RFC 1952, 1950, 1951) that comes in pieces.
///
/// It decodes what is about to leave, or to come in, so that it can be searched; hence it is strict, and in Swift: every access to the
/// hostile bytes and to the window is checked. Memory is 96 KiB, whatever comes. What grows out of proportion is refused, so that a small
/// message cannot keep the gateway busy for long. Checksums are not compared: the receiver of the data does that.
public final class Inflater {
    private enum State {
        /// Before the first byte, or between two members of gzip data.
        case start
        case gzip(GzipHeader)
        case block
        case storedSize
        case stored(Int)
        case tableSizes
        case codeLengths
        case lengths
        case symbols
        case trailer(Int)
        case ended
    }

    /// What may come out of one byte on average; deflate makes at most 1032 of one.
    static let proportion = 256
    /// What may come out besides.
    static let allowance = 4 << 20

    private static let history = 32 << 10
    private static let room = 96 << 10
    private static let order = [16, 17, 18, 0, 8, 7, 9, 6, 10, 5, 11, 4, 12, 3, 13, 2, 14, 1, 15]

    private let coding: ContentCoding
    private var isZlib = false
    private var state = State.start
    private var isLastBlock = false
    private var bits: UInt64 = 0
    private var bitCount = 0
    /// Up to `history` bytes that may be repeated, then what has not been emitted yet.
    private var window = [UInt8](repeating: 0, count: Inflater.room)
    private var historyStart = 0
    private var emitted = 0
    private var end = 0
    private var consumed = 0
    private var produced = 0
    private var lengths: [UInt8] = []
    private var wanted = (literals: 0, distances: 0, codes: 0)
    private var codeLengthCode: HuffmanCode?
    private var literals: HuffmanCode?
    private var distances: HuffmanCode?

    /// - Parameter coding: `gzip` or `deflate`; others decode nothing.
    public init(_ coding: ContentCoding) { self.coding = coding }

    deinit { window.wipe() }

    /// Takes the next piece.
    ///
    /// - Parameter emit: receives what was decoded, in slices that are valid only during the call.
    /// - Throws: `InflateError`, or what `emit` throws. Nothing can be decoded afterwards.
    public func process(_ piece: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        consumed += piece.count
        var position = 0
        while try step(piece, &position, emit) {}
        try flush(emit)
    }

    /// Takes the end of the data. No data at all is an empty body.
    ///
    /// - Throws: `InflateError` when it is not complete.
    public func finish() throws(InflateError) {
        switch state {
        case .ended: return
        case .start where bitCount == 0: return
        default: throw InflateError("the compressed data is not complete")
        }
    }

    /// One step; false when more bytes are needed.
    private func step(_ input: UnsafeRawBufferPointer, _ position: inout Int, _ emit: (UnsafeRawBufferPointer) throws -> Void) throws
        -> Bool
    {
        switch state {
        case .start: return try begin(input, &position)
        case .gzip(var header):
            guard let byte = take(8, input, &position) else { return false }
            let isComplete = try header.take(UInt8(byte))
            state = isComplete ? .block : .gzip(header)
            return true
        case .block:
            guard let head = take(3, input, &position) else { return false }
            isLastBlock = head & 1 != 0
            switch head >> 1 {
            case 0:
                drop(bitCount % 8)
                state = .storedSize
            case 1:
                literals = try Self.fixedLiterals.get()
                distances = try Self.fixedDistances.get()
                state = .symbols
            case 2: state = .tableSizes
            default: throw InflateError("a block of unknown type")
            }
            return true
        case .storedSize:
            guard let sizes = take(32, input, &position) else { return false }
            guard sizes & 0xFFFF == ~sizes >> 16 & 0xFFFF else { throw InflateError("a stored block with a wrong size") }
            state = .stored(Int(sizes & 0xFFFF))
            return true
        case .stored(let left):
            if left == 0 {
                endBlock()
                return true
            }
            try makeRoom(emit)
            if bitCount > 0, let byte = take(8, input, &position) {
                window[end] = UInt8(byte)
                end += 1
                state = .stored(left - 1)
                return true
            }
            let count = min(left, input.count - position, Self.room - end)
            guard count > 0 else { return false }
            window.replaceSubrange(end..<end + count, with: input[position..<position + count])
            position += count
            end += count
            state = .stored(left - count)
            return true
        case .tableSizes:
            guard let sizes = take(14, input, &position) else { return false }
            wanted = (Int(sizes & 31) + 257, Int(sizes >> 5 & 31) + 1, Int(sizes >> 10) + 4)
            guard wanted.literals <= 286, wanted.distances <= 30 else { throw InflateError("too many symbols") }
            lengths = []
            state = .codeLengths
            return true
        case .codeLengths:
            guard let length = take(3, input, &position) else { return false }
            lengths.append(UInt8(length))
            guard lengths.count == wanted.codes else { return true }
            var ordered = [UInt8](repeating: 0, count: Self.order.count)
            for (place, length) in zip(Self.order, lengths) { ordered[place] = length }
            codeLengthCode = try HuffmanCode(ordered[...], mayBeShort: false)
            lengths = []
            state = .lengths
            return true
        case .lengths: return try readLengths(input, &position)
        case .symbols: return try readSymbols(input, &position, emit)
        case .trailer(let left):
            if left == 0 {
                state = coding == .gzip ? .start : .ended
                return true
            }
            guard take(8, input, &position) != nil else { return false }
            state = .trailer(left - 1)
            return true
        case .ended:
            guard bitCount == 0, position == input.count else { throw InflateError("bytes after the end of the compressed data") }
            return false
        }
    }

    private func begin(_ input: UnsafeRawBufferPointer, _ position: inout Int) throws -> Bool {
        historyStart = end
        if coding == .gzip {
            guard bitCount > 0 || position < input.count else { return false }
            state = .gzip(GzipHeader())
            return true
        }
        refill(input, &position)
        // A single byte can be no complete data of either format.
        guard bitCount >= 16 else { return false }
        isZlib = bits & 15 == 8 && ((bits & 0xFF) << 8 | (bits >> 8 & 0xFF)) % 31 == 0
        if isZlib {
            guard bits >> 13 & 1 == 0 else { throw InflateError("a dictionary that is not there") }
            drop(16)
        }
        state = .block
        return true
    }

    private func endBlock() {
        guard isLastBlock else {
            state = .block
            return
        }
        drop(bitCount % 8)
        state = .trailer(coding == .gzip ? 8 : isZlib ? 4 : 0)
    }

    private func readLengths(_ input: UnsafeRawBufferPointer, _ position: inout Int) throws -> Bool {
        let total = wanted.literals + wanted.distances
        guard lengths.count < total else {
            guard lengths[256] > 0 else { throw InflateError("a block without an end") }
            literals = try HuffmanCode(lengths[..<wanted.literals], mayBeShort: true)
            distances = try HuffmanCode(lengths[wanted.literals...], mayBeShort: true)
            state = .symbols
            return true
        }
        refill(input, &position)
        guard let code = codeLengthCode?.decode(bits, bitCount), code != HuffmanCode.needsMore else { return false }
        guard code >= 0 else { throw InflateError("a code without a symbol") }
        let (symbol, used) = (code >> 4, code & 15)
        guard symbol >= 16 else {
            drop(used)
            lengths.append(UInt8(symbol))
            return true
        }
        let (extra, least) = symbol == 16 ? (2, 3) : symbol == 17 ? (3, 3) : (7, 11)
        guard bitCount >= used + extra else { return false }
        let count = least + Int(bits >> UInt64(used) & (1 << UInt64(extra) - 1))
        guard lengths.count + count <= total, symbol != 16 || !lengths.isEmpty else { throw InflateError("a malformed table") }
        drop(used + extra)
        lengths.append(contentsOf: repeatElement(symbol == 16 ? lengths[lengths.count - 1] : 0, count: count))
        return true
    }

    /// Literals and repetitions up to the end of the block, or of the input.
    private func readSymbols(
        _ input: UnsafeRawBufferPointer, _ position: inout Int, _ emit: (UnsafeRawBufferPointer) throws -> Void
    ) throws -> Bool {
        guard let literals, let distances else { throw InflateError("a block without a table") }
        while true {
            try makeRoom(emit)
            refill(input, &position)
            let code = literals.decode(bits, bitCount)
            if code == HuffmanCode.needsMore { return false }
            guard code >= 0 else { throw InflateError("a code without a symbol") }
            let symbol = code >> 4
            var used = code & 15
            if symbol < 256 {
                window[end] = UInt8(truncatingIfNeeded: symbol)
                end += 1
                drop(used)
                continue
            }
            if symbol == 256 {
                drop(used)
                endBlock()
                return true
            }
            guard symbol < 286 else { throw InflateError("a length that does not exist") }
            let (leastLength, lengthBits) = Self.lengthCodes[symbol - 257]
            let length = Int(leastLength) + Int(bits >> UInt64(used) & (1 << UInt64(lengthBits) - 1))
            used += Int(lengthBits)
            guard used <= bitCount else { return false }
            let second = distances.decode(bits >> UInt64(used), bitCount - used)
            if second == HuffmanCode.needsMore { return false }
            guard second >= 0, second >> 4 < 30 else { throw InflateError("a distance that does not exist") }
            used += second & 15
            let (leastDistance, distanceBits) = Self.distanceCodes[second >> 4]
            let distance = Int(leastDistance) + Int(bits >> UInt64(used) & (1 << UInt64(distanceBits) - 1))
            used += Int(distanceBits)
            guard used <= bitCount else { return false }
            guard distance <= end - historyStart else { throw InflateError("a repetition of what was not there") }
            drop(used)
            for place in end..<end + length { window[place] = window[place - distance] }
            end += length
        }
    }

    /// Makes room for the longest repetition.
    @inline(__always)
    private func makeRoom(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        if end + 258 > Self.room { try slide(emit) }
    }

    private func slide(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        try flush(emit)
        let shift = end - Self.history
        window.withUnsafeMutableBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            base.copyMemory(from: base + shift, byteCount: Self.history)
        }
        historyStart = max(0, historyStart - shift)
        emitted = Self.history
        end = Self.history
    }

    private func flush(_ emit: (UnsafeRawBufferPointer) throws -> Void) throws {
        guard end > emitted else { return }
        produced += end - emitted
        guard produced <= Self.allowance + Self.proportion * consumed else {
            throw InflateError("it is compressed more than \(Self.proportion) times")
        }
        try window.withUnsafeBytes { try emit(UnsafeRawBufferPointer(rebasing: $0[emitted..<end])) }
        emitted = end
    }

    /// As many whole bytes as fit; the longest repetition is of 48 bits.
    @inline(__always)
    private func refill(_ input: UnsafeRawBufferPointer, _ position: inout Int) {
        while bitCount <= 56, position < input.count {
            bits |= UInt64(input[position]) << UInt64(bitCount)
            bitCount += 8
            position += 1
        }
    }

    @inline(__always)
    private func drop(_ count: Int) {
        bits >>= UInt64(count)
        bitCount -= count
    }

    private func take(_ count: Int, _ input: UnsafeRawBufferPointer, _ position: inout Int) -> UInt64? {
        if bitCount < count { refill(input, &position) }
        guard bitCount >= count else { return nil }
        let value = bits & (1 << UInt64(count) - 1)
        drop(count)
        return value
    }

    // MARK: Tables of RFC 1951, section 3.2.5 and 3.2.6

    private static let lengthCodes: [(UInt16, UInt8)] = [
        (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1), (17, 1), (19, 2), (23, 2), (27, 2),
        (31, 2), (35, 3), (43, 3), (51, 3), (59, 3), (67, 4), (83, 4), (99, 4), (115, 4), (131, 5), (163, 5), (195, 5), (227, 5), (258, 0),
    ]

    private static let distanceCodes: [(UInt16, UInt8)] = [
        (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3), (33, 4), (49, 4), (65, 5), (97, 5), (129, 6),
        (193, 6), (257, 7), (385, 7), (513, 8), (769, 8), (1025, 9), (1537, 9), (2049, 10), (3073, 10), (4097, 11), (6145, 11), (8193, 12),
        (12289, 12), (16385, 13), (24577, 13),
    ]

    private static let fixedLiterals = Result<HuffmanCode, InflateError> { () throws(InflateError) in
        let lengths = [(144, 8), (112, 9), (24, 7), (8, 8)].flatMap { [UInt8](repeating: UInt8($0.1), count: $0.0) }
        return try HuffmanCode(lengths[...], mayBeShort: false)
    }

    private static let fixedDistances = Result<HuffmanCode, InflateError> { () throws(InflateError) in
        try HuffmanCode([UInt8](repeating: 5, count: 32)[...], mayBeShort: false)
    }
}
