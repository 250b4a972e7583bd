import LinuxKernel
import Review

/// A diff for whoever reads it: for a terminal with colours and nothing that a terminal would obey, for a program byte by byte.
struct DiffText {
    let style: TextStyle
    /// Whether a terminal shows it.
    let isShown: Bool
    let context: Int

    /// The text of one file's difference.
    func text(_ diff: FileDiff) -> [UInt8] {
        var result: [UInt8] = []
        UnifiedDiff.write(diff, context: context) { kind, line in
            if isShown {
                result += shown(line, kind).utf8
            } else {
                result += line
            }
            result.append(0x0A)
        }
        return result
    }

    /// One line as a terminal shows it.
    func shown(_ line: [UInt8], _ kind: UnifiedDiff.LineKind) -> String { style(color(kind), visible(line, kind)) }

    private func color(_ kind: UnifiedDiff.LineKind) -> TextStyle.Color? {
        switch kind {
        case .header: .bold
        case .hunk: .cyan
        case .removed: .red
        case .added: .green
        case .note: .yellow
        case .context: nil
        }
    }

    /// Tabs stay. The CR of another system's line end is only shown where lines are told apart by it.
    private func visible(_ line: [UInt8], _ kind: UnifiedDiff.LineKind) -> String {
        var line = line[...]
        if kind == .context, line.last == 0x0D { line.removeLast() }
        // By bytes: a tab is one character with whatever combines with it.
        let parts = line.split(separator: 0x09, omittingEmptySubsequences: false)
        var result = ""
        for (index, part) in parts.enumerated() {
            if index > 0 { result += "\t" }
            result += String(osBytes: part).printable
        }
        return result
    }
}
