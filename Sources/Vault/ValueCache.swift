import CoopErrors
import Glibc
import Substitution
import Synchronization

/// A value that is asked for again only after a while. Two requests at once ask only once.
final class ValueCache: Sendable {
    private struct Held {
        var value: SecretBytes
        var until: Int
    }

    private let seconds: Int
    private let load: @Sendable () throws(CoopError) -> SecretBytes
    private let held = Mutex<Held?>(nil)

    init(seconds: Int, _ load: @escaping @Sendable () throws(CoopError) -> SecretBytes) {
        self.seconds = seconds
        self.load = load
    }

    func value() throws(CoopError) -> SecretBytes {
        var now = timespec()
        clock_gettime(CLOCK_MONOTONIC, &now)
        let result: Result<SecretBytes, CoopError> = held.withLock { held in
            if let held, held.until > now.tv_sec { return .success(held.value) }
            do throws(CoopError) {
                let value = try load()
                held = Held(value: value, until: now.tv_sec + seconds)
                return .success(value)
            } catch {
                held = nil
                return .failure(error)
            }
        }
        return try result.get()
    }
}
