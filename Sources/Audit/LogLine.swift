/// The frame that every line of the log has, whatever it says:
///
/// `{"seq":N` … `,"prev":"<64 digits>","mac":"<64 digits>"}` and a line break.
///
/// `mac` is the HMAC of the exact bytes from `{` to the quotation mark before `,"mac"`; `prev` is the `mac` of the line before.
struct LogLine {
    let sequence: UInt64
    let previous: MessageCode
    let code: MessageCode
    /// How many bytes of the line `code` covers.
    let coveredCount: Int

    private static let seq = Array("{\"seq\":".utf8)
    private static let prev = Array(",\"prev\":\"".utf8)
    private static let mac = Array(",\"mac\":\"".utf8)
    private static let end = Array("\"}".utf8)
    /// Bytes after the covered ones.
    private static let tailCount = mac.count + MessageCode.digits + end.count
    /// Bytes of a line beside its number and its contents, with the line break.
    static let overhead = seq.count + prev.count + MessageCode.digits + 1 + tailCount + 1

    /// Reads the frame of a line; nil when it has none. The code is not checked.
    ///
    /// - Parameter bytes: the line without its line break.
    init?(_ bytes: UnsafeRawBufferPointer) {
        let covered = bytes.count - LogLine.tailCount
        let prevAt = covered - 1 - MessageCode.digits - LogLine.prev.count
        guard prevAt > LogLine.seq.count, LogLine.matches(bytes, 0, LogLine.seq), LogLine.matches(bytes, prevAt, LogLine.prev),
            LogLine.matches(bytes, covered, LogLine.mac), LogLine.matches(bytes, bytes.count - LogLine.end.count, LogLine.end),
            bytes[covered - 1] == UInt8(ascii: "\"")
        else { return nil }
        var number: UInt64 = 0
        var index = LogLine.seq.count
        while index < prevAt, bytes[index] >= 0x30, bytes[index] <= 0x39 {
            // Twenty digits could overflow; no log has that many entries.
            guard index < LogLine.seq.count + 19 else { return nil }
            number = number * 10 + UInt64(bytes[index] - 0x30)
            index += 1
        }
        guard index > LogLine.seq.count, bytes[LogLine.seq.count] != 0x30,
            let previous = MessageCode(hex: UnsafeRawBufferPointer(rebasing: bytes[covered - 1 - MessageCode.digits..<covered - 1])),
            let code = MessageCode(
                hex: UnsafeRawBufferPointer(rebasing: bytes[covered + LogLine.mac.count..<bytes.count - LogLine.end.count]))
        else { return nil }
        sequence = number
        self.previous = previous
        self.code = code
        coveredCount = covered
    }

    private static func matches(_ bytes: UnsafeRawBufferPointer, _ place: Int, _ text: [UInt8]) -> Bool {
        for index in 0..<text.count where bytes[place + index] != text[index] { return false }
        return true
    }

    /// Whether the code is the one of these bytes under this key.
    func isAuthentic(_ bytes: UnsafeRawBufferPointer, key: ChainKey) -> Bool {
        key.code(of: UnsafeRawBufferPointer(rebasing: bytes[0..<coveredCount])) == code
    }

    /// Whether it is the line that comes after a position.
    func follows(_ position: ChainPosition) -> Bool { sequence == position.sequence + 1 && previous == position.code }

    /// Appends a whole line.
    ///
    /// - Parameter body: what `EntryEncoder` wrote.
    /// - Returns: the line's code.
    static func append(
        sequence: UInt64, body: ArraySlice<UInt8>, previous: MessageCode, key: ChainKey, to bytes: inout [UInt8]
    ) -> MessageCode {
        let beginning = bytes.count
        bytes.append(contentsOf: seq)
        bytes.append(contentsOf: String(sequence).utf8)
        bytes.append(contentsOf: body)
        bytes.append(contentsOf: prev)
        previous.append(to: &bytes)
        bytes.append(UInt8(ascii: "\""))
        let code = bytes.withUnsafeBytes { key.code(of: UnsafeRawBufferPointer(rebasing: $0[beginning...])) }
        bytes.append(contentsOf: mac)
        code.append(to: &bytes)
        bytes.append(contentsOf: end)
        bytes.append(UInt8(ascii: "\n"))
        return code
    }
}
