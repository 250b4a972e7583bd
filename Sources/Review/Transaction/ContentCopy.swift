import CLinux
import Glibc
import LinuxKernel

/// Copies the content of a file: by sharing its blocks where the file system can, else in the kernel, else by a small buffer. Holes stay
/// holes. The copy is always a file of its own, so that nobody who holds the source, or a hard link to it, can change it.
enum ContentCopy {
    /// A writer that never stops must not keep a landing for ever.
    private static let attempts = 5

    /// Copies all of `source` to the empty file `target`; again, when the source changes meanwhile.
    ///
    /// - Throws: `SystemError` with `EBUSY` when it is being written all the time.
    static func copy(_ open: () throws -> Descriptor, to target: Descriptor, subject: String) throws {
        for _ in 0..<attempts {
            let source = try open()
            let before = try status(source, subject)
            if coop_clone_file(target.number, source.number) != 0 {
                try check("ftruncate", subject) { ftruncate(target.number, 0) }
                try transfer(source, to: target, size: Int64(before.st_size), subject: subject)
            }
            let after = try status(source, subject)
            if Fingerprint(before) == Fingerprint(after) { return }
        }
        throw SystemError("read", subject, errno: EBUSY)
    }

    private static func status(_ file: Descriptor, _ subject: String) throws(SystemError) -> stat {
        var status = stat()
        try check("fstat", subject) { fstat(file.number, &status) }
        return status
    }

    private static func transfer(_ source: Descriptor, to target: Descriptor, size: Int64, subject: String) throws(SystemError) {
        var place: Int64 = 0
        while place < size {
            let start = lseek(source.number, off_t(place), Int32(COOP_SEEK_DATA))
            // ENXIO: only a hole is left (lseek(2)).
            if start < 0 && errno == ENXIO { break }
            let begin = start < 0 ? place : Int64(start)
            let hole = start < 0 ? -1 : lseek(source.number, off_t(begin), Int32(COOP_SEEK_HOLE))
            let end = hole > 0 ? min(Int64(hole), size) : size
            place = try range(source, to: target, from: begin, until: end, subject: subject)
            // Shorter than it was: the caller sees that it changed.
            if place < end { break }
        }
        try check("ftruncate", subject) { ftruncate(target.number, off_t(size)) }
    }

    /// Copies one stretch, and returns how far it got.
    private static func range(
        _ source: Descriptor, to target: Descriptor, from begin: Int64, until end: Int64, subject: String
    ) throws(SystemError) -> Int64 {
        var read = begin
        var written = begin
        while read < end {
            let count = coop_copy_range(source.number, &read, target.number, &written, Int(min(end - read, 1 << 30)))
            if count > 0 || (count < 0 && errno == EINTR) { continue }
            if count == 0 { return read }
            switch errno {
            // Not between these two (copy_file_range(2)).
            case EXDEV, EINVAL, EOPNOTSUPP, ENOSYS, EBADF, ETXTBSY:
                return try buffered(source, to: target, from: read, until: end, subject: subject)
            default: throw SystemError("copy_file_range", subject)
            }
        }
        return read
    }

    private static func buffered(
        _ source: Descriptor, to target: Descriptor, from begin: Int64, until end: Int64, subject: String
    ) throws(SystemError) -> Int64 {
        var place = begin
        var buffer = [UInt8](repeating: 0, count: 1 << 18)
        while place < end {
            let wanted = Int(min(end - place, Int64(buffer.count)))
            let count = try check("pread", subject) { pread(source.number, &buffer, wanted, off_t(place)) }
            if count == 0 { break }
            var done = 0
            while done < count {
                done += try check("pwrite", subject) {
                    buffer.withUnsafeBytes { raw in
                        pwrite(target.number, raw.baseAddress.map { $0 + done }, count - done, off_t(place) + off_t(done))
                    }
                }
            }
            place += Int64(count)
        }
        return place
    }
}
