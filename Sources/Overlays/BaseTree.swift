import CoopErrors
import Glibc
import LinuxKernel

/// How a whole tree was at one moment: every path with its status. Directories before their children, which lie together, in the order of
/// their names' bytes, so that a path is found without an index.
struct BaseTree: Sendable {
    /// The tree, absolute.
    var root: String
    /// When it was looked at, by the clock that files are stamped with.
    var start: timespec
    /// Whether overlayfs keeps what it knows in `trusted.overlay.*`, as it does for a mount that root has made outside.
    var isTrusted: Bool
    /// Directories that were made for mounts to stand on, relative; they are no change unless something was put into them.
    var standing: [String]
    /// When git's index was written, a copy of which lies beside; nil where there is none.
    var indexTime: timespec?
    var entries: ContiguousArray<BaseEntry>
    var names: [UInt8]

    static let rootIndex = 0

    /// The entry at `path`, relative to the root.
    func find(_ path: String) -> Int? {
        var place = BaseTree.rootIndex
        for name in FileSystem.components(of: path) {
            guard let next = child(name, of: place) else { return nil }
            place = next
        }
        return place
    }

    /// The entry of that name in a directory.
    func child(_ name: String, of directory: Int) -> Int? {
        let bytes = name.osBytes
        var range = children(of: directory)
        while !range.isEmpty {
            let middle = range.lowerBound + range.count / 2
            let order = compare(bytes, middle)
            if order == 0 { return middle }
            range = order < 0 ? range.lowerBound..<middle : middle + 1..<range.upperBound
        }
        return nil
    }

    func children(of directory: Int) -> Range<Int> {
        let entry = entries[directory]
        guard entry.kind == .directory else { return 0..<0 }
        return Int(entry.first)..<Int(entry.first) + Int(entry.count)
    }

    func name(of index: Int) -> String {
        let entry = entries[index]
        let start = Int(entry.nameOffset)
        return String(osBytes: names[start..<start + Int(entry.nameLength)])
    }

    /// What a symbolic link led to.
    func target(of index: Int) -> String? {
        let entry = entries[index]
        guard entry.hasTarget else { return nil }
        return String(osBytes: names[Int(entry.first)..<Int(entry.first) + Int(entry.count)])
    }

    private func compare(_ bytes: [UInt8], _ index: Int) -> Int32 {
        let entry = entries[index]
        let length = Int(entry.nameLength)
        return names.withUnsafeBufferPointer { names in
            bytes.withUnsafeBufferPointer { bytes in
                guard let left = bytes.baseAddress, let right = names.baseAddress else { return Int32(bytes.count - length) }
                let order = memcmp(left, right + Int(entry.nameOffset), min(bytes.count, length))
                return order == 0 ? Int32(bytes.count - length) : order
            }
        }
    }
}
