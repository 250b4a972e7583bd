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
        if flags & O_CREAT != 0 { WriteStep.pass() }
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
        var result: [UInt8] = []
        var size = stat()
        var chunk = 4096
        if fstat(number, &size) == 0, size.st_size > 0 { chunk = min(Int(size.st_size) + 1, 1 << 20) }
        while true {
            if result.count > limit { throw SystemError("read", subject, errno: EFBIG) }
            var failure: Int32 = 0
            let piece = [UInt8](unsafeUninitializedCapacity: chunk) { buffer, filled in
                var count = 0
                repeat { count = Glibc.read(number, buffer.baseAddress, chunk) } while count < 0 && errno == EINTR
                if count < 0 { failure = errno }
                filled = max(0, count)
            }
            if failure != 0 { throw SystemError("read", subject, errno: failure) }
            if piece.isEmpty { return result }
            result.append(contentsOf: piece)
            chunk = max(chunk, 65536)
        }
    }

    /// Writes all of `bytes`.
    public func writeAll(_ bytes: some Sequence<UInt8>, subject: String = "") throws(SystemError) {
        let data = ContiguousArray(bytes)
        WriteStep.pass()
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
