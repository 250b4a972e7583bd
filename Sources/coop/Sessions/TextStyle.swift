import Glibc
import LinuxKernel
import Projects

/// Colours, where a person looks at it and wants them.
struct TextStyle {
    enum Color: String { case red = "31", green = "32", yellow = "33", blue = "34", cyan = "36", dim = "2", bold = "1" }

    let isColored: Bool

    static let none = TextStyle(isColored: false)

    static func ofStandardOutput() -> TextStyle { of(STDOUT_FILENO) }

    static func ofStandardError() -> TextStyle { of(STDERR_FILENO) }

    private static func of(_ descriptor: Int32) -> TextStyle {
        let refuses = environmentVariable("NO_COLOR").map { !$0.isEmpty } ?? false
        return TextStyle(isColored: isatty(descriptor) == 1 && !refuses && environmentVariable("TERM") != "dumb")
    }

    func callAsFunction(_ color: Color?, _ text: String) -> String {
        guard isColored, let color, !text.isEmpty else { return text }
        return "\u{1B}[\(color.rawValue)m\(text)\u{1B}[0m"
    }
}
