import CoopErrors
import Glibc
import Synchronization

/// Gets new tokens for those that a server has refused although they had not ended: it has revoked them, or its clock is another.
final class TokenRenewal: Sendable {
    private let history: TokenHistory
    /// Seconds since 1970.
    private let now: @Sendable () -> Int64
    /// When a server was last asked for others.
    private let asked = Mutex<Int64?>(nil)

    /// Seconds between two requests of one sandbox for new tokens: a server that refuses all of them must not wear out the account.
    static let pause: Int64 = 30

    init(_ history: TokenHistory, now: @escaping @Sendable () -> Int64) {
        self.history = history
        self.now = now
    }

    /// - Parameters:
    ///   - revision: of the history, when the refused tokens were in use.
    ///   - held: the tokens as they are written down.
    ///   - refresh: gets others in the place of those with this access token, unless there are others already.
    /// - Returns: whether there are others now.
    func renew(
        _ revision: Int, held: () throws(CoopError) -> OAuthTokens, refresh: (String) throws(CoopError) -> OAuthTokens
    ) throws(CoopError) -> Bool {
        // Whoever is refused at the same time waits here, and then finds the new ones.
        let result: Result<Bool, CoopError> = asked.withLock { asked in
            do throws(CoopError) {
                var tokens = try held()
                guard let refused = history.tokens(at: revision), refused.access == tokens.access else {
                    history.note(tokens)
                    return .success(true)
                }
                let time = now()
                if let last = asked, time >= last, time - last < TokenRenewal.pause { return .success(false) }
                asked = time
                tokens = try refresh(refused.access)
                history.note(tokens)
                return .success(tokens.access != refused.access)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }
}
