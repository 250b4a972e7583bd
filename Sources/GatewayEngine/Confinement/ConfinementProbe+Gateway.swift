import CLinux
import Glibc
import WorkerConfinement

extension ConfinementProbe {
    /// What the gateway must still be able to do.
    static func gatewayNeeds() -> [Attempt] {
        var results: [Attempt] = []
        func attempt(_ name: String, _ body: () -> Bool) { results.append(Attempt(name, errno: body() ? 0 : max(1, errno))) }
        attempt("random") { UInt64.random(in: .min ... .max) != UInt64.random(in: .min ... .max) }
        attempt("memory") {
            let block = [UInt8](repeating: 1, count: 32 << 20)
            return block.last == 1
        }
        attempt("pipe") {
            var ends: [Int32] = [-1, -1]
            guard coop_splice_pipe(&ends, 65536) > 0 else { return false }
            return close(ends[0]) == 0 && close(ends[1]) == 0
        }
        attempt("clock") { monotonicMilliseconds() > 0 }
        attempt("only-four-descriptors") {
            (0..<4).allSatisfy { fcntl($0, F_GETFD) >= 0 } && (4..<64).allSatisfy { fcntl($0, F_GETFD) < 0 }
        }
        return results
    }
}
