import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import Review

/// What the base of single paths has become since the start: a journal, of which the last word on a path counts. Every block of it is whole
/// or not there.
struct AcceptedJournal: Sendable {
    /// One path's base.
    struct Entry: Sendable {
        /// Nil when nothing is there any more.
        var version: FileVersion?
        var place: StoredContents.Place?
    }

    private let path: String
    private let lockPath: String
    private let contents: StoredContents

    init(directory: String) {
        path = FileSystem.join(directory, "accepted")
        lockPath = FileSystem.join(directory, "accepted.lock")
        contents = StoredContents(path: FileSystem.join(directory, "accepted.contents"))
    }

    /// By the bytes of the path: names that differ only in their normalisation are equal strings.
    func read() throws(SystemError) -> [[UInt8]: Entry] {
        guard try FileSystem.kindIfPresent(path, followLinks: false) == .file else { return [:] }
        var input = Input(bytes: try FileSystem.read(path, limit: 1 << 30))
        var result: [[UInt8]: Entry] = [:]
        while let block = input.block() {
            var block = block
            while let (path, entry) = record(from: &block) { result[path] = entry }
        }
        return result
    }

    func append(_ versions: [AcceptedVersion]) throws {
        let lock = try Descriptor.open(lockPath, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        while flock(lock.number, LOCK_EX) != 0 { if errno != EINTR { throw SystemError("flock", lockPath) } }
        let store = try contents.openForWriting()
        var payload: [UInt8] = []
        for version in versions { try add(version, to: &payload, store) }
        try check("fdatasync", contents.path) { fdatasync(store.number) }
        let file = try Descriptor.open(path, O_RDWR | O_CREAT | O_NOFOLLOW, mode: 0o600)
        // What a killed command has left of a block goes, so that this one can be read.
        var input = Input(bytes: try FileSystem.read(path, limit: 1 << 30))
        while input.block() != nil {}
        try check("ftruncate", path) { ftruncate(file.number, off_t(input.place)) }
        lseek(file.number, 0, SEEK_END)
        var block: [UInt8] = []
        block.append(number: UInt64(payload.count))
        block.append(number: Input.checksum(payload[...]))
        block += payload
        try file.writeAll(block, subject: path)
        try check("fdatasync", path) { fdatasync(file.number) }
    }

    // MARK: - Records

    private func add(_ accepted: AcceptedVersion, to payload: inout [UInt8], _ store: Descriptor) throws {
        payload.append(text: accepted.path.osBytes)
        guard let version = accepted.version else {
            payload.append(0)
            return
        }
        var word: [UInt8] = []
        switch version.kind {
        case .file: payload.append(1)
        case .symlink: payload.append(2)
        case .directory: payload.append(3)
        case .other(let what):
            payload.append(4)
            word = Array(what.utf8)
        }
        payload.append(number: UInt64(version.mode))
        payload.append(text: version.kind == .symlink ? (version.target ?? "").osBytes : word)
        payload.append(number: UInt64(version.attributes.count))
        for (name, value) in version.attributes.sorted(by: { $0.key < $1.key }) {
            payload.append(text: name.osBytes)
            payload.append(text: value)
        }
        guard version.kind == .file else { return }
        let source = try version.open()
        var status = stat()
        try check("fstat", accepted.path) { fstat(source.number, &status) }
        let place = try contents.append(source, length: UInt64(clamping: status.st_size), to: store)
        payload.append(number: place.offset)
        payload.append(number: place.length)
    }

    private func record(from input: inout Input) -> (path: [UInt8], entry: Entry)? {
        guard let path = input.text(), let kind = input.byte() else { return nil }
        if kind == 0 { return (path, Entry(version: nil, place: nil)) }
        guard let mode = input.number(), let word = input.text(), let count = input.number(), count < 1 << 16 else { return nil }
        var attributes: [String: [UInt8]] = [:]
        for _ in 0..<count {
            guard let name = input.text(), let value = input.text() else { return nil }
            attributes[String(osBytes: name)] = value
        }
        let permissions = UInt32(truncatingIfNeeded: mode)
        func plain(_ kind: FileVersion.Kind, size: Int = 0, target: String? = nil) -> Entry {
            Entry(
                version: FileVersion(
                    kind: kind, mode: permissions, size: UInt64(size), target: target, attributes: attributes,
                    source: { throw SystemError("open", String(osBytes: path), errno: EINVAL) }), place: nil)
        }
        switch kind {
        case 1:
            guard let offset = input.number(), let length = input.number() else { return nil }
            let place = StoredContents.Place(offset: offset, length: length)
            let contents = contents
            let version = FileVersion(
                kind: .file, mode: permissions, size: length, attributes: attributes, source: { try contents.open(place) })
            return (path, Entry(version: version, place: place))
        case 2: return (path, plain(.symlink, size: word.count, target: String(osBytes: word)))
        case 3: return (path, plain(.directory))
        case 4: return (path, plain(.other(what: String(decoding: word, as: UTF8.self))))
        default: return nil
        }
    }

    /// Reads what was written; nil at the end, and where something does not fit.
    private struct Input {
        var bytes: [UInt8]
        var place = 0
        var end: Int

        init(bytes: [UInt8]) {
            self.bytes = bytes
            end = bytes.count
        }

        mutating func block() -> Input? {
            let start = place
            guard let length = number(), let sum = number(), length <= UInt64(end - place) else {
                place = start
                return nil
            }
            let next = place + Int(length)
            guard Input.checksum(bytes[place..<next]) == sum else {
                place = start
                return nil
            }
            var inner = self
            inner.end = next
            place = next
            return inner
        }

        mutating func byte() -> UInt8? {
            guard place < end else { return nil }
            defer { place += 1 }
            return bytes[place]
        }

        mutating func number() -> UInt64? {
            guard place + 8 <= end else { return nil }
            defer { place += 8 }
            return bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place, as: UInt64.self) }
        }

        mutating func text() -> [UInt8]? {
            guard let length = number(), length <= UInt64(end - place) else { return nil }
            defer { place += Int(length) }
            return Array(bytes[place..<place + Int(length)])
        }

        /// FNV-1a.
        static func checksum(_ bytes: ArraySlice<UInt8>) -> UInt64 {
            bytes.reduce(0xCBF2_9CE4_8422_2325) { ($0 ^ UInt64($1)) &* 0x100_0000_01B3 }
        }
    }
}

extension [UInt8] {
    fileprivate mutating func append(number: UInt64) { Swift.withUnsafeBytes(of: number) { append(contentsOf: $0) } }
    fileprivate mutating func append(text: [UInt8]) {
        append(number: UInt64(text.count))
        append(contentsOf: text)
    }
}
