import CoopErrors
import Glibc
import LinuxKernel

/// The end of a file, from the last place that is known to be good.
struct LogTail {
    private let contents: [UInt8]
    private let start: UInt64

    /// Reads to the end of the file: no more than writers could put there between two syncs.
    init(_ log: LogFile, from offset: UInt64, in directory: AuditDirectory) throws(CoopError) {
        start = offset
        do {
            try check("lseek", directory.path(of: log.name)) { lseek(log.descriptor.number, off_t(offset), SEEK_SET) }
            contents = try log.descriptor.readAll(limit: LogTail.limit, subject: directory.path(of: log.name))
        } catch {
            throw AuditFailure.system("cannot read the audit log", error, directory: directory.path)
        }
    }

    private static let limit = 1 << 30

    /// The position after the lines that continue the chain.
    func adopt(after position: ChainPosition, key: ChainKey) -> ChainPosition {
        contents.withUnsafeBytes { bytes in
            var result = position
            var index = 0
            while let end = bytes[index...].firstIndex(of: UInt8(ascii: "\n")) {
                let line = UnsafeRawBufferPointer(rebasing: bytes[index..<end])
                guard let frame = LogLine(line), frame.follows(result), frame.isAuthentic(line, key: key) else { break }
                result.sequence = frame.sequence
                result.code = frame.code
                index = end + 1
                result.offset = start + UInt64(index)
            }
            return result
        }
    }

    func bytes(from offset: UInt64) -> ArraySlice<UInt8> { contents[Int(offset - start)...] }

    /// Whether what begins at `offset` is the beginning of one line and no more.
    func endsTorn(from offset: UInt64) -> Bool {
        let rest = bytes(from: offset)
        return rest.count <= AuditLimits.line && !rest.contains(UInt8(ascii: "\n"))
    }
}
