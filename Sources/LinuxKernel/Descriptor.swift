import Glibc

/// An open file descriptor that is closed when its last owner lets go of it.
public final class Descriptor: Sendable {
    /// The number, valid as long as this object lives.
    public let number: Int32

    /// Takes over an open descriptor.
    public init(owning number: Int32) { self.number = number }

    deinit { Glibc.close(number) }

    /// A second descriptor for the same open file, close-on-exec.
    public func duplicate() throws(SystemError) -> Descriptor {
        Descriptor(owning: try check("fcntl(F_DUPFD_CLOEXEC)") { fcntl(number, F_DUPFD_CLOEXEC, 3) })
    }

    /// Opens a path close-on-exec (open(2)).
    public static func open(_ path: String, _ flags: Int32, mode: mode_t = 0) throws(SystemError) -> Descriptor {
        let result: Int32 = path.withOSBytes { name in
            while true {
                let number = Glibc.open(name, flags | O_CLOEXEC, mode)
                if number >= 0 || errno != EINTR { return number }
            }
        }
        guard result >= 0 else { throw SystemError("open", path) }
        return Descriptor(owning: result)
    }

    /// Everything from the current offset to the end of the file.
    ///
    /// - Parameter limit: more bytes than this fail with `EFBIG`, so that a hostile file cannot exhaust memory.
    public func readAll(limit: Int = 64 << 20, subject: String = "") throws(SystemError) -> [UInt8] {
        var size = stat()
        // Files of /proc have no size; most fit into one page or two.
        var capacity = 8192
        if fstat(number, &size) == 0, size.st_size > 0 { capacity = min(Int(size.st_size) + 1, 1 << 20) }
        var done: [UInt8] = []
        var failure: Int32 = 0
        while true {
            var ended = false
            let chunk = [UInt8](unsafeUninitializedCapacity: capacity) { buffer, filled in
                while filled < buffer.count {
                    let count = Glibc.read(number, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
                    if count < 0, errno == EINTR { continue }
                    if count < 0 { failure = errno }
                    ended = count <= 0
                    if ended { return }
                    filled += count
                }
            }
            if failure != 0 { throw SystemError("read", subject, errno: failure) }
            if done.isEmpty { done = chunk } else { done += chunk }
            if done.count > limit { throw SystemError("read", subject, errno: EFBIG) }
            if ended { return done }
            capacity = min(capacity * 4, 1 << 20)
        }
    }

    /// Writes all of `bytes`.
    public func writeAll(_ bytes: some Sequence<UInt8>, subject: String = "") throws(SystemError) {
        let data = ContiguousArray(bytes)
        var done = 0
        while done < data.count {
            let count = data.withUnsafeBytes { Glibc.write(number, $0.baseAddress.map { $0 + done }, data.count - done) }
            if count < 0 {
                if errno == EINTR { continue }
                throw SystemError("write", subject)
            }
            done += count
        }
    }
}
