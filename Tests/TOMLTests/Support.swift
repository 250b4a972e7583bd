import Glibc
import TOML

func parse(_ text: String) throws(TOMLError) -> TOMLDocument { try TOMLDocument(parsing: Array(text.utf8), name: "t.toml") }

/// The place and reason of the error that `bytes` cause; nil when they are fine.
func failure(_ bytes: [UInt8]) -> TOMLError? {
    do {
        _ = try TOMLDocument(parsing: bytes, name: "t.toml")
        return nil
    } catch { return error }
}

func failure(_ text: String) -> TOMLError? { failure(Array(text.utf8)) }

/// How often a fuzz test runs: `COOP_FUZZ_ITERATIONS`, else a number that takes about a second.
func fuzzIterations(_ usual: Int) -> Int {
    getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? usual
}

/// One unambiguous line for a value; the script of the oracle test writes the same for Python's.
func canonical(_ value: TOMLValue) -> String {
    switch value {
    case .string(let text): return "s" + hex(Array(text.utf8))
    case .integer(let number): return "i\(number)"
    case .float(let number): return number.isNaN ? "fnan" : "f" + String(number.bitPattern, radix: 16)
    case .boolean(let flag): return flag ? "true" : "false"
    case .dateTime(let dateTime): return "d" + canonical(dateTime)
    case .array(let elements): return "[" + elements.map { canonical($0.value) }.joined(separator: ",") + "]"
    case .table(let table):
        let pairs = table.entries.map { (hex(Array($0.key.utf8)), canonical($0.node.value)) }.sorted { $0.0 < $1.0 }
        return "{" + pairs.map { "\($0.0):\($0.1)" }.joined(separator: ",") + "}"
    }
}

/// As Python's `isoformat` writes it, with the fraction cut to microseconds.
private func canonical(_ dateTime: TOMLDateTime) -> String {
    var text = Array(dateTime.text.uppercased())
    if text.count > 10, text[10] == " " { text[10] = "T" }
    if text.last == "Z" { text.replaceSubrange(text.count - 1..<text.count, with: Array("+00:00")) }
    guard let dot = text.firstIndex(of: ".") else { return String(text).replacingZeroOffset }
    var end = dot + 1
    while end < text.count, text[end].isNumber { end += 1 }
    var fraction = String(text[dot + 1..<min(end, dot + 7)])
    while fraction.count < 6 { fraction += "0" }
    let kept = fraction == "000000" ? "" : "." + fraction
    return (String(text[..<dot]) + kept + String(text[end...])).replacingZeroOffset
}

extension String {
    fileprivate var replacingZeroOffset: String { hasSuffix("-00:00") ? String(dropLast(6)) + "+00:00" : self }
}

func hex(_ bytes: [UInt8]) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
