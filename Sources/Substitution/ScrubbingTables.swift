import Synchronization

/// Keeps the last few tables for responses: the same credentials are used for request after request, and making a table takes longer
/// than many a response takes to pass through it.
public final class ScrubbingTables: Sendable {
    private struct Entry: Sendable {
        var injections: [Injection]
        var table: PatternTable
    }

    private let entries = Mutex<[Entry]>([])
    private let limit: Int

    /// - Parameter limit: how many tables are kept, each with its secrets.
    public init(limit: Int = 16) { self.limit = limit }

    /// `PatternTable.scrubbing(injections)`, made only if it is not at hand.
    public func table(for injections: [Injection]) -> PatternTable {
        entries.withLock { entries in
            if let index = entries.firstIndex(where: { ScrubbingTables.areSame($0.injections, injections) }) {
                let found = entries.remove(at: index)
                entries.insert(found, at: 0)
                return found.table
            }
            let made = Entry(injections: injections, table: PatternTable.scrubbing(injections))
            entries.insert(made, at: 0)
            if entries.count > limit { entries.removeLast() }
            return made.table
        }
    }

    /// Forgets all of them, and wipes the secrets that nobody else holds: when a grant is taken back.
    public func removeAll() { entries.withLock { $0.removeAll() } }

    /// Whether two lists put the same values in the place of the same stubs.
    private static func areSame(_ left: [Injection], _ right: [Injection]) -> Bool {
        left.count == right.count
            && zip(left, right).allSatisfy { left, right in
                switch (left.credential, right.credential) {
                case (.token(let stub, let secret), .token(let otherStub, let otherSecret)): stub == otherStub && secret == otherSecret
                case (.aws(let keys), .aws(let others)):
                    keys.stubKeyID == others.stubKeyID && keys.stubSecret == others.stubSecret && keys.stubToken == others.stubToken
                        && keys.keyID == others.keyID && keys.secret == others.secret && keys.token == others.token
                default: false
                }
            }
    }
}
