/// What of a person's keys is meant for coop: Ctrl-A D detaches, Ctrl-A Ctrl-A types one Ctrl-A. Everything else passes as it is.
public struct KeyFilter: Sendable {
    private enum State: Sendable {
        case ground
        /// After Ctrl-A: it is kept back until the next key shows what it was for.
        case prefix
    }

    private static let prefix: UInt8 = 0x01
    /// Ctrl-A as terminals write it for programs that want to tell keys apart (kitty's keyboard protocol, xterm's modifyOtherKeys).
    private static let longPrefixes = ["\u{1B}[97;5u", "\u{1B}[27;5;97~"].map { Array($0.utf8) }
    private static let detachKeys = ["d", "D", "\u{04}", "\u{1B}[100u", "\u{1B}[100;5u", "\u{1B}[27;5;100~"].map { Array($0.utf8) }

    private var state = State.ground
    /// How Ctrl-A was written.
    private var held: [UInt8] = []

    public init() {}

    /// - Returns: what is for the program, and whether the person wants to leave; keys after that are dropped.
    public mutating func take(_ bytes: some Collection<UInt8>) -> (keys: [UInt8], detaches: Bool) {
        var keys: [UInt8] = []
        keys.reserveCapacity(bytes.count)
        var rest = Array(bytes)[...]
        while let byte = rest.first {
            if state == .prefix {
                state = .ground
                if KeyFilter.detachKeys.contains(where: { rest.starts(with: $0) }) { return (keys, true) }
                if let again = KeyFilter.prefix(of: rest) {
                    keys += held
                    rest = rest.dropFirst(again.count)
                } else {
                    // A key that means nothing to coop is the program's, with the Ctrl-A before it.
                    keys += held
                }
                continue
            }
            if let found = KeyFilter.prefix(of: rest) {
                held = found
                state = .prefix
                rest = rest.dropFirst(found.count)
                continue
            }
            keys.append(byte)
            rest = rest.dropFirst()
        }
        return (keys, false)
    }

    private static func prefix(of bytes: ArraySlice<UInt8>) -> [UInt8]? {
        if bytes.first == prefix { return [prefix] }
        return longPrefixes.first { bytes.starts(with: $0) }
    }
}
