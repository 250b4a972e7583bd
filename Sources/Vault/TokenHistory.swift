import Synchronization

/// The tokens that one login has had in the life of a sandbox. An old one can still come back in an answer, and must still not leave.
final class TokenHistory: Sendable {
    private struct State: Sendable {
        var entries: [(tokens: OAuthTokens, revision: Int)]
        var revision = 0
    }

    /// How many are kept: a server that gives out a new token for each request must not fill the memory.
    private static let limit = 8

    private let state: Mutex<State>

    init(_ tokens: OAuthTokens) { state = Mutex(State(entries: [(tokens, 0)])) }

    /// Takes note of the tokens that are in use now.
    func note(_ tokens: OAuthTokens) {
        state.withLock { state in
            if state.entries.last?.tokens == tokens { return }
            state.revision += 1
            state.entries.removeAll { $0.tokens == tokens }
            state.entries.append((tokens, state.revision))
            if state.entries.count > TokenHistory.limit { state.entries.removeFirst() }
        }
    }

    /// All that are known, the newest last.
    var all: [OAuthTokens] { state.withLock { $0.entries.map(\.tokens) } }

    /// Grows with every change.
    var revision: Int { state.withLock { $0.revision } }

    /// The tokens that were in use at a revision; nil when they have been forgotten.
    func tokens(at revision: Int) -> OAuthTokens? { state.withLock { $0.entries.first { $0.revision == revision }?.tokens } }
}
