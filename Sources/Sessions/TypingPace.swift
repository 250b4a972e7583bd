/// When a key may follow what was typed before it.
///
/// Programs for terminals take what comes within a moment for one paste, and an Enter in it for a line end: it must not come before the program
/// has read the text and shown it, however late that is. All times are milliseconds of one clock.
struct TypingPace {
    /// How long a key waits after the program has shown something.
    private static let rest: UInt64 = 150
    /// How long a program may be silent that has read it, as one that asks for a password.
    private static let silence: UInt64 = 1000
    /// How long it may take to read; one that is stopped, or reads nothing, gets the keys all the same.
    private static let patience: UInt64 = 10_000

    private let began: UInt64
    private var read: UInt64?
    private var answered: UInt64?

    /// Begins when something is typed.
    init(at now: UInt64) { began = now }

    /// Takes how it is now.
    ///
    /// - Parameters:
    ///   - isRead: whether the program has read everything.
    ///   - shows: whether it has just shown something.
    mutating func observe(isRead: Bool, shows: Bool, at now: UInt64) {
        if isRead, read == nil { read = now }
        if read != nil, shows, answered == nil { answered = now }
    }

    /// When the next key may be typed, as far as it is known now.
    var due: UInt64 {
        if let answered { return answered + TypingPace.rest }
        if let read { return read + TypingPace.silence }
        return began + TypingPace.patience
    }
}
