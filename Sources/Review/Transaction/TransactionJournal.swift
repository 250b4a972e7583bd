import CoopErrors
import LinuxKernel

/// What a transaction is going to do, written before it does any of it: fields that each end in a NUL, which no path holds.
struct TransactionJournal: Equatable {
    private static let version = "coop-landing 1"

    /// The tree.
    var root: String
    /// The directory of slots, where it is not the one beside the journal.
    var place: String?
    var note: LandingNote
    /// Seconds since 1970.
    var made: Int64
    var steps: [TreeStep]

    func encoded() -> [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(256 + steps.count * 200)
        func put(_ text: String) {
            bytes.append(contentsOf: text.osBytes.lazy.filter { $0 != 0 })
            bytes.append(0)
        }
        put(TransactionJournal.version)
        put(root)
        put(place ?? "")
        put(note.kind.rawValue)
        put(note.subject)
        put(note.detail)
        put(String(made))
        put(String(steps.count))
        for step in steps {
            put(step.action.rawValue)
            put(step.path)
            put(step.before?.text ?? "")
            put(step.staged?.text ?? "")
            put(step.action == .adjust ? step.from.text : "")
            put(step.to.text)
            put(step.target ?? "")
            put(step.kept.map { "\($0.offset):\($0.count)" } ?? "")
        }
        return bytes
    }

    /// - Throws: `CoopError` for anything that `encoded()` does not make.
    init(_ bytes: [UInt8], path: String) throws(CoopError) {
        var fields = bytes.split(separator: 0, omittingEmptySubsequences: false).makeIterator()
        func field() throws(CoopError) -> String {
            guard let next = fields.next() else { throw TransactionJournal.damaged(path) }
            return String(osBytes: next)
        }
        guard try field() == TransactionJournal.version else { throw TransactionJournal.damaged(path) }
        root = try field()
        let place = try field()
        self.place = place.isEmpty ? nil : place
        guard let kind = LandingNote.Kind(rawValue: try field()) else { throw TransactionJournal.damaged(path) }
        note = LandingNote(kind: kind, subject: try field(), detail: try field())
        guard let made = Int64(try field()), let count = Int(try field()), count >= 0, count <= bytes.count else {
            throw TransactionJournal.damaged(path)
        }
        self.made = made
        steps = []
        steps.reserveCapacity(count)
        for _ in 0..<count {
            guard let action = TreeStep.Action(rawValue: try field()) else { throw TransactionJournal.damaged(path) }
            var step = TreeStep(action, try field())
            step.before = Fingerprint(text: try field())
            step.staged = Fingerprint(text: try field())
            let from = try field()
            let to = try field()
            guard let after = TreeStep.Properties(text: to) else { throw TransactionJournal.damaged(path) }
            step.to = after
            if action == .adjust {
                guard let before = TreeStep.Properties(text: from) else { throw TransactionJournal.damaged(path) }
                step.from = before
            }
            let target = try field()
            step.target = target.isEmpty ? nil : target
            let kept = try field().utf8.split(separator: UInt8(ascii: ":")).compactMap { UInt64(Substring($0)) }
            if kept.count == 2 { step.kept = (kept[0], kept[1]) }
            steps.append(step)
        }
    }

    init(root: String, place: String?, note: LandingNote, made: Int64, steps: [TreeStep]) {
        self.root = root
        self.place = place
        self.note = note
        self.made = made
        self.steps = steps
    }

    private static func damaged(_ path: String) -> CoopError {
        CoopError(.failed, "cannot read \(path.printable)", "it is not a journal of this version of coop", next: "ls -la \(path.printable)")
    }
}

extension Fingerprint {
    private static let kinds: [FileKind] = [.file, .directory, .symlink, .socket, .fifo, .characterDevice, .blockDevice]

    /// As it stands in a journal.
    var text: String {
        "\(Fingerprint.kinds.firstIndex(of: kind) ?? 0):\(mode):\(size):\(modified):\(changed):\(device):\(inode)"
    }

    init?(text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: ":")).map { Substring($0) }
        guard parts.count == 7, let kind = Int(parts[0]), Fingerprint.kinds.indices.contains(kind), let mode = UInt32(parts[1]),
            let size = UInt64(parts[2]), let modified = Int64(parts[3]), let changed = Int64(parts[4]), let device = UInt64(parts[5]),
            let inode = UInt64(parts[6])
        else { return nil }
        self.init(
            kind: Fingerprint.kinds[kind], mode: mode, size: size, modified: modified, changed: changed, device: device, inode: inode)
    }
}

extension TreeStep.Properties {
    /// As it stands in a journal: the mode, then names and values of the attributes in hexadecimal.
    var text: String {
        var parts = [String(mode), attributes == nil ? "-" : "+"]
        for (name, value) in (attributes ?? [:]).sorted(by: { $0.key < $1.key }) {
            parts.append(TreeStep.Properties.hexadecimal(name.osBytes))
            parts.append("=" + TreeStep.Properties.hexadecimal(value))
        }
        return parts.joined(separator: " ")
    }

    init?(text: String) {
        let parts = text.utf8.split(separator: UInt8(ascii: " ")).map { Substring($0) }
        guard parts.count >= 2, parts.count % 2 == 0, let mode = UInt32(parts[0]) else { return nil }
        self.init(mode: mode, attributes: parts[1] == "-" ? nil : [:])
        for index in stride(from: 2, to: parts.count, by: 2) {
            guard let name = TreeStep.Properties.bytes(parts[index].utf8),
                let value = TreeStep.Properties.bytes(parts[index + 1].utf8.dropFirst())
            else { return nil }
            attributes?[String(osBytes: name)] = value
        }
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var result: [UInt8] = []
        for byte in bytes {
            result.append(digits[Int(byte >> 4)])
            result.append(digits[Int(byte & 15)])
        }
        return String(decoding: result, as: UTF8.self)
    }

    private static func bytes(_ text: some Collection<UInt8>) -> [UInt8]? {
        var result: [UInt8] = []
        var high: UInt8?
        for digit in text {
            let value: UInt8
            switch digit {
            case UInt8(ascii: "0")...UInt8(ascii: "9"): value = digit - UInt8(ascii: "0")
            case UInt8(ascii: "a")...UInt8(ascii: "f"): value = digit - UInt8(ascii: "a") + 10
            default: return nil
            }
            if let first = high {
                result.append(first << 4 | value)
                high = nil
            } else {
                high = value
            }
        }
        return high == nil ? result : nil
    }
}
