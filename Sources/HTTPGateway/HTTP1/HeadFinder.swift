import Glibc
import NIOCore

/// Looks for the end of a head, without looking at the same bytes twice.
struct HeadFinder {
    private var scanned = 0
    private var lineStart = 0

    /// The length of the head with its empty line, or nil when more bytes are needed.
    ///
    /// - Throws: when a line ends without CR, or the limit is passed. A head that ends in bare LFs would otherwise be one
    ///   message to one reader and none to another.
    mutating func find(in buffer: ByteBuffer, limit: Int) throws -> Int? {
        let found = try buffer.withUnsafeReadableBytes { bytes -> Int? in
            guard let start = bytes.baseAddress else { return nil }
            while scanned < bytes.count, let hit = memchr(start + scanned, 0x0A, bytes.count - scanned) {
                let position = UnsafeRawPointer(hit) - start
                guard position > 0, bytes[position - 1] == 0x0D else { throw MessageError.smuggling("a line ends in LF without CR") }
                scanned = position + 1
                if position - 1 == lineStart { return scanned }
                lineStart = scanned
                if scanned > limit { break }
            }
            if bytes.count > limit { throw MessageError.oversized("the head is larger than \(limit) bytes") }
            scanned = bytes.count
            return nil
        }
        if found != nil { self = HeadFinder() }
        return found
    }
}
