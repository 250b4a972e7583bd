/// Replaces patterns in a stream that comes in pieces.
///
/// The result is the same however the stream is cut: at each place the longest pattern that stands there is replaced, from left to
/// right, and what was put in is not searched again. Held back is only what may be the beginning of a pattern, so an event of a
/// stream of events passes at once. Memory is bounded by the longest pattern and the piece at hand.
public final class StreamReplacer {
    private let table: PatternTable
    private var held: [UInt8] = []
    /// How many patterns were replaced so far.
    public private(set) var replacements = 0

    public init(_ table: PatternTable) { self.table = table }

    deinit { held.wipe() }

    /// How many bytes wait for what follows them.
    public var heldCount: Int { held.count }

    /// The bytes that wait for what follows them: the beginning of a pattern.
    public var heldBytes: [UInt8] { held }

    /// Takes the next piece.
    ///
    /// - Parameter emit: receives the output so far, in slices that are valid only during the call. A piece without a pattern is
    ///   passed on as it is, not copied.
    public func process(_ piece: UnsafeRawBufferPointer, emit: (UnsafeRawBufferPointer) -> Void) {
        guard !piece.isEmpty else { return }
        if held.isEmpty {
            let done = scan(piece, isLast: false, emit)
            if done < piece.count { held = Array(piece[done...]) }
            return
        }
        var joined: [UInt8] = []
        joined.reserveCapacity(held.count + piece.count)
        joined.append(contentsOf: held)
        joined.append(contentsOf: piece)
        held.wipe()
        held = joined.withUnsafeBytes { whole in Array(whole[scan(whole, isLast: false, emit)...]) }
        joined.wipe()
    }

    /// Takes the end of the stream: what was held back is decided. The replacer can then be used for another stream.
    public func finish(emit: (UnsafeRawBufferPointer) -> Void) {
        guard !held.isEmpty else { return }
        held.withUnsafeBytes { _ = scan($0, isLast: true, emit) }
        held.wipe()
    }

    /// - Returns: how many bytes are done with.
    private func scan(_ buffer: UnsafeRawBufferPointer, isLast: Bool, _ emit: (UnsafeRawBufferPointer) -> Void) -> Int {
        func pass(_ range: Range<Int>) {
            if !range.isEmpty { emit(UnsafeRawBufferPointer(rebasing: buffer[range])) }
        }
        guard !table.isEmpty else {
            pass(0..<buffer.count)
            return buffer.count
        }
        var passed = 0
        var position = 0
        while let found = table.candidate(in: buffer, from: position) {
            if !isLast, found + table.longest > buffer.count, table.mayContinue(buffer, at: found) {
                pass(passed..<found)
                return found
            }
            if let entry = table.match(in: buffer, at: found) {
                pass(passed..<found)
                table.withReplacement(entry) { if !$0.isEmpty { emit($0) } }
                replacements += 1
                position = found + entry.pattern.count
                passed = position
            } else {
                position = found + 1
            }
        }
        if !isLast {
            for place in max(position, buffer.count - table.shortest + 1)..<max(position, buffer.count)
            where table.mayContinue(buffer, at: place) {
                pass(passed..<place)
                return place
            }
        }
        pass(passed..<buffer.count)
        return buffer.count
    }
}
