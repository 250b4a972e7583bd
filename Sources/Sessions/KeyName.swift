import CoopErrors

/// The keys that `coop send` knows by name, as xterm writes them (ctlseqs).
public enum KeyName {
    private static let escape: UInt8 = 0x1B

    private static let named: [(String, String)] = [
        ("enter", "\r"), ("return", "\r"), ("tab", "\t"), ("escape", "\u{1B}"), ("esc", "\u{1B}"), ("space", " "), ("backspace", "\u{7F}"),
        ("delete", "\u{1B}[3~"), ("insert", "\u{1B}[2~"), ("up", "\u{1B}[A"), ("down", "\u{1B}[B"), ("right", "\u{1B}[C"),
        ("left", "\u{1B}[D"),
        ("home", "\u{1B}[H"), ("end", "\u{1B}[F"), ("page-up", "\u{1B}[5~"), ("page-down", "\u{1B}[6~"), ("shift-tab", "\u{1B}[Z"),
        ("f1", "\u{1B}OP"), ("f2", "\u{1B}OQ"), ("f3", "\u{1B}OR"), ("f4", "\u{1B}OS"), ("f5", "\u{1B}[15~"), ("f6", "\u{1B}[17~"),
        ("f7", "\u{1B}[18~"), ("f8", "\u{1B}[19~"), ("f9", "\u{1B}[20~"), ("f10", "\u{1B}[21~"), ("f11", "\u{1B}[23~"),
        ("f12", "\u{1B}[24~"),
    ]

    /// The bytes of a key.
    ///
    /// - Throws: `usage` for an unknown name, with the nearest one.
    public static func bytes(_ name: String) throws(CoopError) -> [UInt8] {
        let lower = name.lowercased()
        if let found = named.first(where: { $0.0 == lower }) { return Array(found.1.utf8) }
        if lower.hasPrefix("alt-"), lower.utf8.count > 4 { return [escape] + (try bytes(String(lower.dropFirst(4)))) }
        if lower.hasPrefix("ctrl-"), let letter = lower.utf8.dropFirst(5).first, lower.utf8.count == 6, (0x61...0x7A).contains(letter) {
            return [letter - 0x60]
        }
        if name.utf8.count == 1, let byte = name.utf8.first, byte > 0x20, byte < 0x7F { return [byte] }
        let near = NearestName.find(lower, among: named.map(\.0)).map { "; did you mean `\($0)`?" } ?? ""
        throw CoopError(.usage, "`\(name.printable)` is not a key", "no key has that name\(near)", next: "coop send --help")
    }
}
