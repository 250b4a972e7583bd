import Glibc
import LinuxKernel

/// Reads whole files in one go: the size is known from fstat(2), so that nothing is copied or grown on the way.
package enum FileBytes {
    /// - Parameter limit: more bytes than this fail with `EFBIG`.
    static func read(_ file: Descriptor, limit: Int, subject: String) throws(SystemError) -> [UInt8] {
        var status = stat()
        try check("fstat", subject) { fstat(file.number, &status) }
        guard FileKind(mode: status.st_mode) == .file else { return try file.readAll(limit: limit, subject: subject) }
        if status.st_size > limit { throw SystemError("read", subject, errno: EFBIG) }
        return try read(file, count: Int(status.st_size), subject: subject)
    }

    /// The first `count` bytes, fewer when the file is shorter.
    static func read(_ file: Descriptor, count length: Int, subject: String) throws(SystemError) -> [UInt8] {
        var failure: SystemError?
        let bytes = [UInt8](unsafeUninitializedCapacity: max(1, length)) { buffer, count in
            do throws(SystemError) {
                while count < length {
                    let got = try check("pread", subject) {
                        pread(file.number, buffer.baseAddress.map { $0 + count }, length - count, count)
                    }
                    if got == 0 { break }
                    count += got
                }
            } catch {
                failure = error
            }
        }
        if let failure { throw failure }
        return bytes
    }

    /// A file's bytes, nil when there is none. A pipe or device in its place, for which coop could wait for ever, is an error (`EINVAL`).
    package static func contents(_ path: String, limit: Int = 64 << 20) throws(SystemError) -> [UInt8]? {
        do {
            return try read(try FileSystem.openPlain(path), limit: limit, subject: path)
        } catch  where error.errno == ENOENT || error.errno == ENOTDIR {
            return nil
        }
    }
}
