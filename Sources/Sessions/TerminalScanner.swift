/// Follows what a program writes to its terminal as far as coop has to know it: bells and notifications, and whether pasted text is to be
/// marked. It keeps no screen, and what it reads is hostile: a state of a few bytes, whatever comes.
public struct TerminalScanner: Sendable {
    /// What the program wants a person to know.
    public enum Signal: Sendable, Equatable {
        case bell
        /// The text of a notification (OSC 9 of iTerm2, OSC 777 of rxvt), not yet safe to print.
        case notification(String)
        /// The program asks the terminal something (DA, DSR, DECRQM), and may wait for the answer.
        case question
    }

    private enum State: Sendable {
        case ground, escape, control, command, commandEscape, string, stringEscape
    }

    /// A notification is cut off after so many bytes.
    private static let longest = 512

    /// Whether the program has asked for the marks of a bracketed paste.
    public private(set) var bracketsPastes = false
    /// Whether any text was written.
    private(set) var hasText = false
    /// Whether the bytes so far end within an escape or control sequence.
    var isInSequence: Bool { state == .escape || state == .control }
    private var state = State.ground
    private var pending: [UInt8] = []

    public init() {}

    /// Takes bytes, cut anywhere.
    public mutating func scan(_ bytes: some Collection<UInt8>) -> [Signal] {
        var signals: [Signal] = []
        for byte in bytes {
            switch state {
            case .ground:
                if byte == 0x1B { begin(.escape) } else if byte == 0x07 { signals.append(.bell) }
                if byte > 0x20, byte != 0x7F { hasText = true }
            case .escape:
                switch byte {
                case UInt8(ascii: "["): begin(.control)
                case UInt8(ascii: "]"): begin(.command)
                case UInt8(ascii: "P"), UInt8(ascii: "_"), UInt8(ascii: "^"), UInt8(ascii: "X"): begin(.string)
                case 0x1B: break
                default: if byte >= 0x30 { begin(.ground) }
                }
            case .control:
                if byte == 0x1B {
                    begin(.escape)
                } else if byte >= 0x40, byte < 0x7F {
                    control(byte, &signals)
                    begin(.ground)
                } else {
                    keep(byte)
                }
            case .command, .string:
                switch byte {
                case 0x07:
                    if state == .command, let signal = notification { signals.append(signal) }
                    begin(.ground)
                case 0x18, 0x1A: begin(.ground)
                case 0x1B: state = state == .command ? .commandEscape : .stringEscape
                default: keep(byte)
                }
            case .commandEscape, .stringEscape:
                if byte == UInt8(ascii: "\\") {
                    if state == .commandEscape, let signal = notification { signals.append(signal) }
                    begin(.ground)
                } else {
                    begin(byte == UInt8(ascii: "]") ? .command : byte == UInt8(ascii: "[") ? .control : .ground)
                }
            }
        }
        return signals
    }

    private mutating func begin(_ next: State) {
        state = next
        pending.removeAll(keepingCapacity: true)
    }

    private mutating func keep(_ byte: UInt8) {
        if pending.count < TerminalScanner.longest { pending.append(byte) }
    }

    private mutating func control(_ final: UInt8, _ signals: inout [Signal]) {
        switch final {
        case UInt8(ascii: "c"), UInt8(ascii: "n"): signals.append(.question)
        case UInt8(ascii: "p") where pending.last == UInt8(ascii: "$"): signals.append(.question)
        default: break
        }
        guard pending.first == UInt8(ascii: "?"), final == UInt8(ascii: "h") || final == UInt8(ascii: "l") else { return }
        for mode in pending.dropFirst().split(separator: UInt8(ascii: ";")) where mode.elementsEqual("2004".utf8) {
            bracketsPastes = final == UInt8(ascii: "h")
        }
    }

    private var notification: Signal? {
        let parts = pending.split(separator: UInt8(ascii: ";"), maxSplits: 3, omittingEmptySubsequences: false)
        func text(_ parts: some Sequence<ArraySlice<UInt8>>) -> String {
            String(decoding: Array(parts.joined(separator: Array(": ".utf8))), as: UTF8.self)
        }
        guard let number = parts.first else { return nil }
        // OSC 9;4 is a progress bar.
        if number.elementsEqual("9".utf8), parts.count > 1, !(parts[1].elementsEqual("4".utf8) && parts.count > 2) {
            return .notification(text(parts.dropFirst()))
        }
        if number.elementsEqual("777".utf8), parts.count > 2, parts[1].elementsEqual("notify".utf8) {
            return .notification(text(parts.dropFirst(2)))
        }
        return nil
    }
}
