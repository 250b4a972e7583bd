import CoopErrors
import Glibc
import LinuxKernel

/// Reads the lines of a part of a file with large reads. Not mapped into memory: a file that is cut meanwhile would end the process.
struct LineReader {
    /// What was met besides whole lines.
    enum End: Equatable {
        case complete
        /// The part ends within a line that begins here.
        case partial(offset: UInt64)
        /// `body` has returned false.
        case stopped
    }

    let log: LogFile
    let directory: AuditDirectory

    /// Calls `body` with each line, without its line break, and where it begins, until it returns false. A line that is longer than
    /// any that coop writes comes cut off.
    func lines(
        in range: Range<UInt64>, bufferSize: Int = 1 << 20, _ body: (UnsafeRawBufferPointer, UInt64) throws(CoopError) -> Bool
    ) throws(CoopError) -> End {
        let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: bufferSize + AuditLimits.line, alignment: 64)
        defer { buffer.deallocate() }
        var filled = 0
        var offset = range.lowerBound
        var next = range.lowerBound
        /// The rest of a line that is too long is skipped.
        var skipping = false
        while next < range.upperBound {
            let wanted = min(bufferSize, Int(clamping: range.upperBound - next), buffer.count - filled)
            let count = try read(buffer, at: filled, wanted, from: next)
            if count == 0 { break }
            next += UInt64(count)
            filled += count
            var index = 0
            while index < filled, let base = buffer.baseAddress, let found = memchr(base + index, 0x0A, filled - index) {
                let end = UnsafeRawPointer(found) - UnsafeRawPointer(base)
                if !skipping, !(try body(UnsafeRawBufferPointer(rebasing: buffer[index..<end]), offset + UInt64(index))) { return .stopped }
                skipping = false
                index = end + 1
            }
            if filled - index >= AuditLimits.line {
                if !skipping, !(try body(UnsafeRawBufferPointer(rebasing: buffer[index..<filled]), offset + UInt64(index))) {
                    return .stopped
                }
                skipping = true
                index = filled
            }
            if index > 0, index < filled, let base = buffer.baseAddress { memmove(base, base + index, filled - index) }
            filled -= index
            offset += UInt64(index)
        }
        return filled > 0 ? .partial(offset: offset) : .complete
    }

    private func read(_ buffer: UnsafeMutableRawBufferPointer, at place: Int, _ count: Int, from offset: UInt64) throws(CoopError) -> Int {
        do {
            return try check("read", directory.path(of: log.name)) {
                pread(log.descriptor.number, buffer.baseAddress.map { $0 + place }, count, off_t(offset))
            }
        } catch {
            throw AuditFailure.system("cannot read the audit log", error, directory: directory.path)
        }
    }

    /// The first place at or after `offset` where a line begins; `end` when there is none.
    func beginning(after offset: UInt64, end: UInt64) throws(CoopError) -> UInt64 {
        guard offset > 0, offset < end else { return min(offset, end) }
        var result = end
        // The line that ends before `offset` ends with the byte before it.
        _ = try lines(in: offset - 1..<end, bufferSize: AuditLimits.line) { line, place throws(CoopError) in
            result = min(end, place + UInt64(line.count) + 1)
            return false
        }
        return result
    }
}
