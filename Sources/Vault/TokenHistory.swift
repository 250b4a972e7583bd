import Synchronization

/// The tokens that one login has had in the life of a sandbox. An old one can still come back in an answer, and must still not leave.
final class TokenHistory: Sendable {
    private struct State: Sendable {
        var tokens: [OAuthTokens]
        var revision = 0
    }

    /// How many are kept: a server that gives out a new token for each request must not fill the memory.
    private static let limit = 8

    private let state: Mutex<State>

    init(_ tokens: OAuthTokens) { state = Mutex(State(tokens: [tokens])) }

    /// Takes note of the tokens that are in use now.
    func note(_ tokens: OAuthTokens) {
        state.withLock { state in
            if state.tokens.last == tokens { return }
            state.tokens.removeAll { $0 == tokens }
            state.tokens.append(tokens)
            if state.tokens.count > TokenHistory.limit { state.tokens.removeFirst() }
            state.revision += 1
        }
    }

    /// All that are known, the newest last.
    var all: [OAuthTokens] { state.withLock { $0.tokens } }

    /// Grows with every change.
    var revision: Int { state.withLock { $0.revision } }
}
