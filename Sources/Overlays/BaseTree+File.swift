import CoopErrors
import Glibc
import LinuxKernel

/// The form on disk: a header of numbers, the entries as they lie in memory, the names, then the root and the standing directories, each with
/// its length. Written and read on one machine.
extension BaseTree {
    private static let magic: UInt64 = 0x3153_4142_504F_4F43 // COOPBAS1
    /// Where the entries begin.
    private static let headerSize = 12 * 8

    func write(to path: String) throws(SystemError) {
        var header: [UInt64] = [
            BaseTree.magic, UInt64(MemoryLayout<BaseEntry>.stride), UInt64(entries.count), UInt64(names.count),
            UInt64(bitPattern: Int64(start.tv_sec)), UInt64(start.tv_nsec), isTrusted ? 1 : 0, indexTime == nil ? 0 : 1,
        ]
        header += [UInt64(bitPattern: Int64(indexTime?.tv_sec ?? 0)), UInt64(indexTime?.tv_nsec ?? 0), UInt64(standing.count), 0]
        var tail: [UInt8] = []
        for text in [root] + standing {
            let bytes = text.osBytes
            withUnsafeBytes(of: UInt32(bytes.count)) { tail.append(contentsOf: $0) }
            tail.append(contentsOf: bytes)
        }
        let file = try Descriptor.open(path + ".new", O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600)
        let failures = [
            header.withUnsafeBytes { BaseTree.write($0, to: file) }, entries.withUnsafeBytes { BaseTree.write($0, to: file) },
            names.withUnsafeBytes { BaseTree.write($0, to: file) }, tail.withUnsafeBytes { BaseTree.write($0, to: file) },
        ]
        if let failure = failures.first(where: { $0 != 0 }) { throw SystemError("write", path, errno: failure) }
        try FileSystem.rename(path + ".new", to: path)
    }

    /// Says in the file that these entries can be trusted.
    static func settle(_ indexes: [Int], in path: String) throws(SystemError) {
        guard let offset = MemoryLayout<BaseEntry>.offset(of: \.flags), !indexes.isEmpty else { return }
        let file = try Descriptor.open(path, O_WRONLY | O_NOFOLLOW)
        var flags: UInt16 = 0
        for index in indexes {
            let place = headerSize + index * MemoryLayout<BaseEntry>.stride + offset
            guard pwrite(file.number, &flags, 2, off_t(place)) == 2 else { throw SystemError("pwrite", path) }
        }
    }

    /// Returns 0 or the error's number.
    private static func write(_ bytes: UnsafeRawBufferPointer, to file: Descriptor) -> Int32 {
        var done = 0
        while done < bytes.count {
            let count = Glibc.write(file.number, bytes.baseAddress.map { $0 + done }, bytes.count - done)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 ? EIO : errno }
            done += count
        }
        return 0
    }

    /// - Throws: `EBADMSG` for a file that is damaged.
    init(contentsOf path: String) throws(SystemError) {
        let bytes = try FileSystem.read(path, limit: 4 << 30)
        let damaged = SystemError("read", path, errno: EBADMSG)
        let stride = MemoryLayout<BaseEntry>.stride
        guard bytes.count >= BaseTree.headerSize else { throw damaged }
        let header = bytes.withUnsafeBytes { raw in (0..<12).map { raw.loadUnaligned(fromByteOffset: $0 * 8, as: UInt64.self) } }
        guard header[0] == BaseTree.magic, header[1] == UInt64(stride), header[2] > 0, header[2] < 1 << 32, header[3] < 1 << 32 else {
            throw damaged
        }
        let (count, nameCount) = (Int(header[2]), Int(header[3]))
        let namesStart = BaseTree.headerSize + count * stride
        var place = namesStart + nameCount
        guard place <= bytes.count else { throw damaged }
        entries = ContiguousArray(unsafeUninitializedCapacity: count) { buffer, filled in
            bytes.withUnsafeBytes { raw in
                UnsafeMutableRawBufferPointer(buffer).copyMemory(
                    from: UnsafeRawBufferPointer(rebasing: raw[BaseTree.headerSize..<namesStart]))
            }
            filled = count
        }
        names = Array(bytes[namesStart..<place])
        func text() throws(SystemError) -> String {
            guard place + 4 <= bytes.count else { throw damaged }
            let length = Int(bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place, as: UInt32.self) })
            place += 4
            guard place + length <= bytes.count else { throw damaged }
            defer { place += length }
            return String(osBytes: bytes[place..<place + length])
        }
        root = try text()
        standing = []
        for _ in 0..<min(header[10], 1 << 20) { standing.append(try text()) }
        start = timespec(tv_sec: Int(Int64(bitPattern: header[4])), tv_nsec: Int(truncatingIfNeeded: header[5]))
        isTrusted = header[6] != 0
        indexTime =
            header[7] == 0 ? nil : timespec(tv_sec: Int(Int64(bitPattern: header[8])), tv_nsec: Int(truncatingIfNeeded: header[9]))
        for (index, entry) in entries.enumerated() {
            let limit = entry.hasTarget ? names.count : entry.kind == .directory ? entries.count : Int.max
            // Children come after their directory, so that no walk goes in a circle.
            guard Int(entry.nameOffset) + Int(entry.nameLength) <= names.count, Int(entry.first) + Int(entry.count) <= limit,
                entry.kind != .directory || entry.count == 0 || entry.first > index
            else { throw damaged }
        }
    }
}
