import Glibc

/// What git's index says of the files in a working tree (gitformat-index(5), versions 2 to 4): enough to know which are in the repository as they
/// are.
struct GitIndex: Sendable {
    struct Entry: Sendable {
        /// The bytes of the path.
        var path: Range<Int>
        var modifiedSeconds: UInt32
        var modifiedNanoseconds: UInt32
        var inode: UInt32
        var size: UInt32
        /// Where the object's name begins among the bytes of the file.
        var object: Int
        /// Not a file, in a conflict, or only announced.
        var isUnusable: Bool
    }

    private var entries: [Entry] = []
    private var paths: [UInt8] = []
    private let bytes: [UInt8]
    private let time: timespec
    private let idLength: Int

    /// - Parameter time: when the index was written: what changed later, or in the same instant, may be as it says or not.
    init?(_ bytes: [UInt8], time: timespec) {
        // The length of an object's name is in the configuration; with the wrong one the paths come in no order.
        if let read = GitIndex(bytes, time: time, idLength: 20) ?? GitIndex(bytes, time: time, idLength: 32) {
            self = read
        } else {
            return nil
        }
    }

    private init?(_ bytes: [UInt8], time: timespec, idLength: Int) {
        self.bytes = bytes
        self.time = time
        self.idLength = idLength
        guard bytes.count >= 12, bytes.starts(with: "DIRC".utf8) else { return nil }
        let version = number(4)
        guard (2...4).contains(version) else { return nil }
        let count = Int(number(8))
        guard count <= bytes.count / 62 else { return nil }
        entries.reserveCapacity(count)
        paths.reserveCapacity(count * 32)
        var place = 12
        for _ in 0..<count {
            guard let next = read(at: place, version: version) else { return nil }
            place = next
        }
    }

    private func number(_ place: Int) -> UInt32 {
        bytes.withUnsafeBytes { UInt32(bigEndian: $0.loadUnaligned(fromByteOffset: place, as: UInt32.self)) }
    }

    /// Reads one entry and returns where the next begins.
    private mutating func read(at start: Int, version: UInt32) -> Int? {
        var place = start + 40 + idLength
        guard place + 4 <= bytes.count else { return nil }
        let flags = UInt16(bytes[place]) << 8 | UInt16(bytes[place + 1])
        place += 2
        var isUnusable = flags & 0x3000 != 0 || number(start + 24) & 0o170000 != 0o100000
        if flags & 0x4000 != 0, version >= 3 {
            // skip-worktree, intent-to-add
            isUnusable = isUnusable || bytes[place] & 0x60 != 0
            place += 2
        }
        var kept = 0
        if version == 4 {
            guard let dropped = variable(&place), let last = entries.last?.path ?? Optional(0..<0), dropped <= last.count else {
                return nil
            }
            kept = last.count - dropped
            paths.append(contentsOf: Array(paths[last.lowerBound..<last.lowerBound + kept]))
        }
        guard let end = bytes[place...].firstIndex(of: 0) else { return nil }
        paths.append(contentsOf: bytes[place..<end])
        let path = paths.count - (end - place) - kept..<paths.count
        if let last = entries.last, !isOrdered(last.path, path) { return nil }
        entries.append(
            Entry(
                path: path, modifiedSeconds: number(start + 8), modifiedNanoseconds: number(start + 12), inode: number(start + 20),
                size: number(start + 36), object: start + 40, isUnusable: isUnusable))
        if version == 4 { return end + 1 }
        // One to eight NULs, to a multiple of eight.
        return start + (end - start + 8) / 8 * 8
    }

    /// A number of offset encoding, as in packs (gitformat-pack(5)).
    private func variable(_ place: inout Int) -> Int? {
        var value = 0
        while place < bytes.count {
            let byte = bytes[place]
            place += 1
            value = value << 7 | Int(byte & 0x7F)
            if byte & 0x80 == 0 { return value }
            value += 1
            if value > 1 << 24 { return nil }
        }
        return nil
    }

    /// Entries of a conflict share a path.
    private func isOrdered(_ left: Range<Int>, _ right: Range<Int>) -> Bool { !paths[right].lexicographicallyPrecedes(paths[left]) }

    /// The name of the object that has the content of a file, which lay at `path` with this status; nil when it is not in the repository, or may
    /// not be.
    func object(of file: BaseEntry, at path: [UInt8]) -> String? {
        var range = 0..<entries.count
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let found = paths[entries[middle].path]
            if found.elementsEqual(path) { return object(entries[middle], file) }
            range = path.lexicographicallyPrecedes(found) ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return nil
    }

    private func object(_ entry: Entry, _ file: BaseEntry) -> String? {
        guard !entry.isUnusable, entry.size == UInt32(truncatingIfNeeded: file.size),
            entry.modifiedSeconds == UInt32(truncatingIfNeeded: file.modifiedSeconds),
            entry.modifiedNanoseconds == file.modifiedNanoseconds, entry.inode == UInt32(truncatingIfNeeded: file.inode),
            (file.modifiedSeconds, Int(file.modifiedNanoseconds)) < (Int64(time.tv_sec), time.tv_nsec), !file.isRacy
        else { return nil }
        let digits = Array("0123456789abcdef".utf8)
        let hex = bytes[entry.object..<entry.object + idLength].flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }
        return String(decoding: hex, as: UTF8.self)
    }
}
