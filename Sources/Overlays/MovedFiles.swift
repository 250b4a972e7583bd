import LinuxKernel
import Review

/// Recognises files that were moved: something new that has the very content of something that is gone.
enum MovedFiles {
    /// Bytes that are read for it at most; what is left is new and gone.
    private static let mostBytes: UInt64 = 1 << 30

    /// Names the origin of what was moved. What cannot be read is no move: it stays what it is, something new and something gone.
    static func mark(_ changes: inout [Change]) {
        var gone: [UInt64: [Int]] = [:]
        for (index, change) in changes.enumerated() {
            guard change.after == nil, let before = change.before, before.kind == .file, before.size > 0 else { continue }
            gone[before.size, default: []].append(index)
        }
        guard !gone.isEmpty else { return }
        let taken = Set(changes.compactMap { $0.origin?.osBytes })
        var known: [Key: [Int]] = [:]
        var named: [NamedKey: [Int]] = [:]
        var used: Set<Int> = []
        var digested: Set<UInt64> = []
        var read: UInt64 = 0
        for (index, change) in changes.enumerated() {
            guard change.before == nil, change.origin == nil, let after = change.after, after.kind == .file, let others = gone[after.size],
                read + after.size <= mostBytes
            else { continue }
            if digested.insert(after.size).inserted {
                for other in others where !taken.contains(changes[other].path.osBytes) && read + after.size <= mostBytes {
                    read += after.size
                    guard let file = try? changes[other].before?.open(), let digest = try? Contents.digest(file) else { continue }
                    let key = Key(size: after.size, digest: digest)
                    known[key, default: []].append(other)
                    named[NamedKey(key, changes[other].path), default: []].append(other)
                }
            }
            read += after.size
            guard let file = try? after.open(), let digest = try? Contents.digest(file) else { continue }
            let key = Key(size: after.size, digest: digest)
            // Of several with one content the one of the same name.
            guard let chosen = take(from: &named[NamedKey(key, change.path)], used) ?? take(from: &known[key], used) else { continue }
            // A digest is no proof.
            guard let old = try? changes[chosen].before?.open(), (try? Contents.areEqual(old, file)) == true else { continue }
            changes[index].origin = changes[chosen].path
            used.insert(chosen)
        }
    }

    private struct Key: Hashable {
        var size: UInt64
        var digest: UInt64
    }

    private struct NamedKey: Hashable {
        var key: Key
        var name: [UInt8]

        init(_ key: Key, _ path: String) {
            self.key = key
            name = FileSystem.lastComponent(of: path).osBytes
        }
    }

    private static func take(from list: inout [Int]?, _ used: Set<Int>) -> Int? {
        while let last = list?.popLast() { if !used.contains(last) { return last } }
        return nil
    }
}
