import CLinux
import Glibc
import LinuxKernel
import Workspaces

/// A file that contents are appended to, and read from by where they begin and how long they are.
struct StoredContents: Sendable {
    let path: String

    /// Where a content lies.
    struct Place: Sendable, Equatable {
        var offset: UInt64
        var length: UInt64
    }

    /// Appends everything from `source`, which must be `length` bytes long.
    func append(_ source: Descriptor, length: UInt64, to file: Descriptor) throws(SystemError) -> Place {
        let end = lseek(file.number, 0, SEEK_END)
        guard end >= 0 else { throw SystemError("lseek", path) }
        try Contents.copy(source, from: 0, count: length, to: file, path)
        return Place(offset: UInt64(end), length: length)
    }

    func openForWriting() throws(SystemError) -> Descriptor { try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600) }

    /// A content as a file of its own, in memory.
    func open(_ place: Place) throws(SystemError) -> Descriptor {
        let file = try Descriptor.open(path, O_RDONLY | O_NOFOLLOW)
        let memory = try Descriptor.memory()
        try Contents.copy(file, from: place.offset, count: place.length, to: memory, path)
        try memory.rewind()
        return memory
    }
}

/// Contents of files, by descriptors.
enum Contents {
    /// Copies exactly `count` bytes to where `target` ends and stands. Holes stay holes: a session makes a file of terabytes for nothing.
    ///
    /// - Throws: `ESTALE` when the source is shorter than it was when it was looked at.
    static func copy(_ source: Descriptor, from offset: UInt64, count: UInt64, to target: Descriptor, _ subject: String) throws(SystemError)
    {
        let start = off_t(clamping: offset)
        let (end, isTooLong) = start.addingReportingOverflow(off_t(clamping: count))
        let base = try check("lseek", subject) { lseek(target.number, 0, SEEK_CUR) }
        let (last, isTooFar) = base.addingReportingOverflow(end - start)
        guard !isTooLong, !isTooFar else { throw SystemError("lseek", subject, errno: EFBIG) }
        var place = start
        while true {
            place = nextData(source, place, end)
            if place >= end { break }
            // Not every file system knows where its holes are.
            let hole = lseek(source.number, place, Int32(COOP_SEEK_HOLE))
            let next = hole > place ? min(hole, end) : end
            try check("lseek", subject) { lseek(target.number, base + (place - start), SEEK_SET) }
            var read = Int64(place)
            while read < next {
                let copied = coop_sendfile(target.number, source.number, &read, Int(min(Int64(next) - read, 1 << 30)))
                if copied < 0, errno == EINTR { continue }
                guard copied > 0 else { throw SystemError("sendfile", subject, errno: copied == 0 ? ESTALE : errno) }
            }
            place = next
        }
        var status = stat()
        try check("fstat", subject) { fstat(source.number, &status) }
        guard status.st_size >= end else { throw SystemError("sendfile", subject, errno: ESTALE) }
        try check("ftruncate", subject) { ftruncate(target.number, last) }
        try check("lseek", subject) { lseek(target.number, last, SEEK_SET) }
    }

    /// Where the next bytes are that are no hole; `end` when there are none before it.
    private static func nextData(_ file: Descriptor, _ place: off_t, _ end: off_t) -> off_t {
        let found = lseek(file.number, place, Int32(COOP_SEEK_DATA))
        if found >= 0 { return min(found, end) }
        // ENXIO: only a hole is left (lseek(2)).
        return errno == ENXIO ? end : place
    }

    /// Whether two files have the same bytes.
    static func areEqual(_ left: Descriptor, _ right: Descriptor) throws(SystemError) -> Bool {
        let size = 1 << 16
        var (status, other) = (stat(), stat())
        try check("fstat") { fstat(left.number, &status) }
        try check("fstat") { fstat(right.number, &other) }
        guard status.st_size == other.st_size else { return false }
        let end = status.st_size
        var failure: SystemError?
        let result = withUnsafeTemporaryAllocation(byteCount: 2 * size, alignment: 16) { buffer -> Bool in
            guard let first = buffer.baseAddress else { return false }
            var offset: off_t = 0
            do throws(SystemError) {
                while true {
                    // Where both have a hole there is nothing to read.
                    offset = max(offset, min(nextData(left, offset, end), nextData(right, offset, end)))
                    let one = try fill(left, first, size, offset)
                    let two = try fill(right, first + size, size, offset)
                    guard one == two, memcmp(first, first + size, one) == 0 else { return false }
                    if one < size { return true }
                    offset += off_t(one)
                }
            } catch {
                failure = error
                return false
            }
        }
        if let failure { throw failure }
        return result
    }

    /// A number that equal contents share, and that others hardly ever do.
    static func digest(_ file: Descriptor) throws(SystemError) -> UInt64 {
        let size = 1 << 16
        var failure: SystemError?
        let result = withUnsafeTemporaryAllocation(byteCount: size, alignment: 16) { buffer -> UInt64 in
            guard let base = buffer.baseAddress else { return 0 }
            var sum: UInt64 = 0x9E37_79B9_7F4A_7C15
            var offset: off_t = 0
            do throws(SystemError) {
                while true {
                    let count = try fill(file, base, size, offset)
                    // The last word is filled up.
                    memset(base + count, 0, min(8, size - count))
                    for word in stride(from: 0, to: count, by: 8) {
                        let product = (sum ^ base.load(fromByteOffset: word, as: UInt64.self)).multipliedFullWidth(
                            by: 0xFF51_AFD7_ED55_8CCD)
                        sum = product.high ^ product.low
                    }
                    if count < size { return sum ^ UInt64(count) }
                    offset += off_t(count)
                }
            } catch {
                failure = error
                return 0
            }
        }
        if let failure { throw failure }
        return result
    }

    private static func fill(_ file: Descriptor, _ base: UnsafeMutableRawPointer, _ size: Int, _ offset: off_t) throws(SystemError) -> Int {
        var done = 0
        while done < size {
            let count = try check("pread") { pread(file.number, base + done, size - done, offset + off_t(done)) }
            if count == 0 { break }
            done += count
        }
        return done
    }
}
