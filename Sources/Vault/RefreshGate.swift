import CoopErrors
import Synchronization

/// Lets one login at a time be refreshed in this process, and lets the process end only between two refreshes: tokens that a server has
/// given out and nobody has written down would end the login.
public final class RefreshGate: Sendable {
    private let isClosed = Mutex(false)

    public init() {}

    /// - Throws: `failed` once the gate is closed.
    func pass<Success: Sendable>(_ body: () throws(CoopError) -> Success) throws(CoopError) -> Success {
        let result: Result<Success, CoopError> = isClosed.withLock { isClosed in
            if isClosed { return .failure(CoopError(.failed, "cannot refresh a login", "the sandbox is ending", next: "coop ps")) }
            do throws(CoopError) { return .success(try body()) } catch { return .failure(error) }
        }
        return try result.get()
    }

    /// Waits for the refresh that is under way, and lets no other one begin.
    public func close() { isClosed.withLock { $0 = true } }
}
