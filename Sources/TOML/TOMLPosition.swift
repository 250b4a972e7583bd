/// Where something stands in a document: its first character, and the bytes it covers.
public struct TOMLPosition: Sendable, Hashable {
    // 32 bits each: a document is at most 1 MiB, and every key and value carries one of these.
    private var storedLine: UInt32
    private var storedColumn: UInt32
    private var start: UInt32
    private var end: UInt32

    public init(line: Int, column: Int, range: Range<Int>) {
        storedLine = UInt32(clamping: line)
        storedColumn = UInt32(clamping: column)
        start = UInt32(clamping: range.lowerBound)
        end = UInt32(clamping: range.upperBound)
    }

    /// The line, from 1.
    public var line: Int { Int(storedLine) }
    /// The column, from 1, counted in characters (Unicode scalars), as editors count.
    public var column: Int { Int(storedColumn) }
    /// The bytes covered, from 0.
    public var range: Range<Int> { Int(start)..<Int(end) }

    /// The same place, covering everything up to byte `end`.
    func extended(to end: Int) -> TOMLPosition {
        var result = self
        result.end = UInt32(clamping: max(end, Int(start)))
        return result
    }

    /// The first character of a document.
    static let start = TOMLPosition(line: 1, column: 1, range: 0..<0)
}

extension TOMLPosition: CustomStringConvertible {
    /// `line:column`.
    public var description: String { "\(line):\(column)" }
}
