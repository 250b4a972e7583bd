import Glibc
import LinuxKernel
import Substitution

/// Reads what may hold a secret into memory that is not copied while it fills, so that wiping the result leaves nothing behind.
public enum SecretRead {
    /// Everything from the current offset to the end. Who asks for it wipes it.
    ///
    /// - Throws: `EFBIG` for more than `limit` bytes.
    public static func all(of descriptor: Descriptor, limit: Int, subject: String) throws(SystemError) -> [UInt8] {
        var failure: Int32 = 0
        var result = [UInt8](unsafeUninitializedCapacity: limit + 1) { buffer, filled in
            while filled < buffer.count {
                let count = read(descriptor.number, buffer.baseAddress.map { $0 + filled }, buffer.count - filled)
                if count < 0, errno == EINTR { continue }
                if count < 0 { failure = errno }
                if count <= 0 { break }
                filled += count
            }
        }
        if result.count > limit { failure = EFBIG }
        guard failure == 0 else {
            result.wipe()
            throw SystemError("read", subject, errno: failure)
        }
        return result
    }

    /// Everything in a file. Who asks for it wipes it.
    public static func file(_ path: String, limit: Int) throws(SystemError) -> [UInt8] {
        try all(of: try Descriptor.open(path, O_RDONLY), limit: limit, subject: path)
    }
}
