import Glibc

/// Content as lines, each with its line end; the last one may have none. What is between two lines of other systems (a lone CR) is not an end.
public struct TextLines: Sendable {
    public let bytes: [UInt8]
    /// Where each line ends, its line end included.
    private let ends: [UInt32]

    /// - Parameter bytes: less than 4 GiB.
    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
        var ends: [UInt32] = []
        bytes.withUnsafeBytes { content in
            guard let start = content.baseAddress else { return }
            var position = 0
            while position < content.count {
                let found = memchr(start + position, 0x0A, content.count - position)
                position = found.map { UnsafeRawPointer($0) - start + 1 } ?? content.count
                ends.append(UInt32(truncatingIfNeeded: position))
            }
        }
        self.ends = ends
    }

    public var count: Int { ends.count }

    /// Where the bytes of lines lie.
    func span(_ lines: Range<Int>) -> Range<Int> { start(lines.lowerBound)..<start(lines.upperBound) }

    private func start(_ line: Int) -> Int { line == 0 ? 0 : Int(ends[line - 1]) }

    /// One line with its end.
    public subscript(_ line: Int) -> ArraySlice<UInt8> { bytes[span(line..<line + 1)] }

    /// Lines with their ends.
    public subscript(_ lines: Range<Int>) -> ArraySlice<UInt8> { bytes[span(lines)] }

    /// Whether the last line has an end. Nothing at all has one.
    public var isTerminated: Bool { bytes.isEmpty || bytes.last == 0x0A }

    /// Whether two lines are the same bytes.
    func equals(_ line: Int, _ other: TextLines, _ otherLine: Int) -> Bool {
        let one = span(line..<line + 1)
        let two = other.span(otherLine..<otherLine + 1)
        guard one.count == two.count else { return false }
        return bytes.withUnsafeBytes { mine in
            other.bytes.withUnsafeBytes { its in
                guard let mine = mine.baseAddress, let its = its.baseAddress else { return true }
                return memcmp(mine + one.lowerBound, its + two.lowerBound, one.count) == 0
            }
        }
    }
}
