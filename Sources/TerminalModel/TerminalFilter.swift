/// Lets through what draws on a terminal and keeps back what does more, whatever a program inside writes. What is not known to
/// be harmless does not pass. Bytes come in pieces of any size; the result is the same however they are cut.
///
/// Kept back are: the clipboard, titles, hyperlinks and every other command to the terminal's program (OSC), answerback and all
/// questions whose answer the terminal would type (ENQ, DA, DSR, DECRQM, DECRQCRA, XTVERSION …), window operations, printing,
/// strings (DCS, APC, PM, SOS), other character encodings, and 8-bit controls, which some terminals take for escapes.
public struct TerminalFilter: Sendable {
    /// What else passes.
    public struct Allowance: OptionSet, Sendable {
        public let rawValue: Int
        public init(rawValue: Int) { self.rawValue = rawValue }
        /// Window and icon titles (OSC 0, 1, 2), as text without controls.
        public static let title = Allowance(rawValue: 1)
        /// Setting the clipboard (OSC 52); reading it never passes.
        public static let clipboard = Allowance(rawValue: 2)
        /// Hyperlinks to http and https addresses (OSC 8).
        public static let hyperlinks = Allowance(rawValue: 4)
    }

    enum State: Sendable {
        case ground
        /// After ESC, and intermediates if there are some.
        case escape
        case control
        /// A control sequence that is too long.
        case ignoredControl
        /// OSC.
        case command
        /// DCS, APC, PM, SOS.
        case string
        /// ESC within `command` or `string`.
        case commandEscape, stringEscape
    }

    /// A control sequence that is longer than this is none.
    private static let longestControl = 256
    /// Nor is a string: after so many bytes the text goes on, so that one lost terminator does not hide everything.
    private static let longestString = 1 << 20
    /// A command that is allowed and longer than this does not pass.
    static let longestCommand = 1 << 16

    private let allowance: Allowance
    private let textOnly: Bool
    private var state = State.ground
    /// The sequence so far, without ESC.
    private var pending: [UInt8] = []
    private var stringLength = 0
    private var characters = UTF8Repair()

    /// For a terminal.
    public init(allowing allowance: Allowance = []) {
        self.allowance = allowance
        textOnly = false
    }

    private init(textOnly: Bool) {
        allowance = []
        self.textOnly = textOnly
    }

    /// For a file or pipe: text, tabs and line ends alone; CR before LF is left out.
    public static let text = TerminalFilter(textOnly: true)

    /// What passes of `bytes`.
    public mutating func filter(_ bytes: some Collection<UInt8>) -> [UInt8] {
        var output: [UInt8] = []
        output.reserveCapacity(bytes.count)
        for byte in bytes { take(byte, into: &output) }
        return output
    }

    /// What is still held back at the end of the stream: a character that was cut off.
    public mutating func finish() -> [UInt8] {
        var output: [UInt8] = []
        characters.end(into: &output)
        state = .ground
        pending = []
        return output
    }

    private mutating func take(_ byte: UInt8, into output: inout [UInt8]) {
        switch state {
        case .ground:
            if byte >= 0x20, byte != 0x7F {
                characters.take(byte, into: &output)
                return
            }
            characters.end(into: &output)
            if byte == 0x1B { begin(.escape) } else { control(byte, into: &output) }
        case .escape, .control, .ignoredControl:
            if isInterrupted(by: byte, into: &output) { return }
            if state == .escape { escape(byte, into: &output) } else { sequence(byte, into: &output) }
        case .command, .string: string(byte, into: &output)
        case .commandEscape, .stringEscape:
            if byte == UInt8(ascii: "\\") {
                if state == .commandEscape { command(into: &output) }
                begin(.ground)
            } else {
                // The string is given up, and this is an escape sequence of its own.
                begin(.escape)
                take(byte, into: &output)
            }
        }
    }

    private mutating func begin(_ next: State) {
        state = next
        pending.removeAll(keepingCapacity: true)
        stringLength = 0
    }

    /// C0 controls: bell, backspace, tab, line ends and shifts pass.
    private func control(_ byte: UInt8, into output: inout [UInt8]) {
        switch byte {
        case 0x09, 0x0A: output.append(byte)
        case 0x0D where textOnly: break
        case 0x07, 0x08, 0x0B, 0x0C, 0x0D, 0x0E, 0x0F: if !textOnly { output.append(byte) }
        default: break
        }
    }

    /// A control inside a sequence acts at once, as in a terminal; CAN, SUB and ESC end the sequence.
    private mutating func isInterrupted(by byte: UInt8, into output: inout [UInt8]) -> Bool {
        guard byte < 0x20 || byte >= 0x7F else { return false }
        switch byte {
        case 0x1B: begin(.escape)
        case 0x18, 0x1A: begin(.ground)
        case 0x80...:
            // A sequence has ASCII only: it is given up, and the character stands for itself.
            begin(.ground)
            take(byte, into: &output)
        default: control(byte, into: &output)
        }
        return true
    }

    private mutating func escape(_ byte: UInt8, into output: inout [UInt8]) {
        switch byte {
        case 0x20...0x2F:
            pending.append(byte)
            if pending.count > 4 { begin(.ignoredControl) }
        case UInt8(ascii: "[") where pending.isEmpty: begin(.control)
        case UInt8(ascii: "]") where pending.isEmpty: begin(.command)
        case UInt8(ascii: "P"), UInt8(ascii: "X"), UInt8(ascii: "^"), UInt8(ascii: "_"):
            if pending.isEmpty { begin(.string) } else { begin(.ground) }
        default:
            pending.append(byte)
            if !textOnly, EscapeRules.allows(escape: pending) { output += [0x1B] + pending }
            begin(.ground)
        }
    }

    private mutating func sequence(_ byte: UInt8, into output: inout [UInt8]) {
        if byte < 0x40 {
            if state == .control { pending.append(byte) }
            if pending.count > TerminalFilter.longestControl { begin(.ignoredControl) }
            return
        }
        if state == .control, !textOnly, let allowed = EscapeRules.allowed(control: pending, final: byte) {
            output += [0x1B, UInt8(ascii: "[")] + allowed + [byte]
        }
        begin(.ground)
    }

    private mutating func string(_ byte: UInt8, into output: inout [UInt8]) {
        switch byte {
        case 0x1B: state = state == .command ? .commandEscape : .stringEscape
        case 0x18, 0x1A: begin(.ground)
        case 0x07 where state == .command:
            command(into: &output)
            begin(.ground)
        default:
            stringLength += 1
            if state == .command, pending.count <= TerminalFilter.longestCommand { pending.append(byte) }
            if stringLength > TerminalFilter.longestString { begin(.ground) }
        }
    }

    private func command(into output: inout [UInt8]) {
        guard !textOnly, let allowed = EscapeRules.allowed(command: pending, by: allowance) else { return }
        output += [0x1B, UInt8(ascii: "]")] + allowed + [0x1B, UInt8(ascii: "\\")]
    }
}
