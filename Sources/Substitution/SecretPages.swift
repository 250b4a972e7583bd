import Glibc
import Synchronization

/// Memory for secrets: out of core dumps and forked children, and locked where the limit allows.
///
/// A few single pages are kept, wiped, for the next secret. A request with a credential needs some in the supervisor and in the gateway, and
/// mapping them each time costs more than judging the request.
enum SecretPages {
    private struct Kept: @unchecked Sendable { var pages: [UnsafeMutableRawPointer] = [] }

    static let size = Int(sysconf(Int32(_SC_PAGESIZE)))
    private static let kept = Mutex(Kept())
    private static let limit = 64

    /// Zeroed memory.
    ///
    /// - Parameter length: a multiple of `size`.
    static func take(_ length: Int) -> UnsafeMutableRawPointer {
        if length == size, let page = kept.withLock({ $0.pages.popLast() }) { return page }
        let address = mmap(nil, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
        // The process ends, as it does at any allocation of Swift's that fails: a secret in other memory would be worse. A sandbox can bring
        // this about only in its own worker and supervisor, and what ends with them is its own traffic.
        guard let address, address != MAP_FAILED else { fatalError("no memory for a secret") }
        _ = madvise(address, length, Int32(MADV_DONTDUMP))
        _ = madvise(address, length, Int32(MADV_WIPEONFORK))
        // Beyond RLIMIT_MEMLOCK this fails: the secret may then be swapped, which the user's own shell history is as well.
        _ = mlock(address, length)
        return address
    }

    /// Wipes memory of `take` and takes it back.
    static func giveBack(_ address: UnsafeMutableRawPointer, _ length: Int) {
        explicit_bzero(address, length)
        let isKept =
            length == size
            && kept.withLock { kept in
                guard kept.pages.count < limit else { return false }
                kept.pages.append(address)
                return true
            }
        if !isKept { munmap(address, length) }
    }
}
