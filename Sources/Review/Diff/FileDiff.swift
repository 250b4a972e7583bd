import CoopErrors
import LinuxKernel

/// How the content of one path differs.
public struct FileDiff: Sendable {
    /// What there is to show of the contents.
    public enum Content: Sendable {
        /// They are the same: only the mode or the name differs.
        case same
        case text(TextDiff)
        /// A NUL byte in the beginning, or too much to be compared.
        case binary
        /// One of the two cannot be read; the text says why.
        case unreadable(String)
    }

    /// Longer files count as binary.
    public static let longestText = 16 << 20

    /// The change. With an origin, `before` is what was there.
    public var change: Change
    public var content: Content
    /// How much of a moved file has stayed, in per cent.
    public var similarity: Int?

    /// What differs, a path at a time. A path where one kind of thing takes the place of another is removed and added, as git sees it.
    ///
    /// - Parameter change: as ``Renames/paired(_:)`` gives it, where moves are to be seen.
    public static func diffs(of change: Change, effort: Int = LineDiff.usualEffort) -> [FileDiff] {
        if let before = change.before, let after = change.after, !before.kind.isSameSort(as: after.kind) {
            return [
                FileDiff(Change(path: change.path, before: before, after: nil), effort: effort),
                FileDiff(Change(path: change.path, before: nil, after: after), effort: effort),
            ]
        }
        return [FileDiff(change, effort: effort)]
    }

    private init(_ change: Change, effort: Int) {
        self.change = change
        do {
            content = try FileDiff.content(change, effort: effort)
        } catch {
            content = .unreadable("\(error)")
        }
        if change.origin != nil { similarity = FileDiff.similarity(content) }
    }

    private static func content(_ change: Change, effort: Int) throws -> Content {
        let versions = [change.before, change.after]
        let isText = versions.allSatisfy { $0.map { $0.hasContent && $0.size <= UInt64(longestText) } ?? true }
        guard isText else { return versions.contains { $0?.hasContent == true } ? .binary : .same }
        let before: [UInt8]
        do { before = try change.before?.content(limit: longestText) ?? [] } catch {
            return .unreadable("what was there before is not to be had: \(error)")
        }
        let after = try change.after?.content(limit: longestText) ?? []
        if before == after { return .same }
        if isBinary(before) || isBinary(after) { return .binary }
        return .text(TextDiff(from: TextLines(before), to: TextLines(after), effort: effort))
    }

    /// As git decides it: a NUL in the first 8000 bytes.
    static func isBinary(_ bytes: [UInt8]) -> Bool { bytes.prefix(8000).contains(0) }

    private static func similarity(_ content: Content) -> Int {
        switch content {
        case .same: return 100
        case .text(let text):
            let removed = text.edits.reduce(0) { $0 + text.old.span($1.old).count }
            let largest = max(text.old.bytes.count, text.new.bytes.count)
            return largest == 0 ? 100 : (text.old.bytes.count - removed) * 100 / largest
        case .binary, .unreadable: return 50
        }
    }
}

/// Two texts and the edits between them.
public struct TextDiff: Sendable {
    public var old: TextLines
    public var new: TextLines
    public var edits: [LineDiff.Edit]

    public init(from old: TextLines, to new: TextLines, effort: Int = LineDiff.usualEffort) {
        self.old = old
        self.new = new
        edits = LineDiff.edits(from: old, to: new, effort: effort)
    }

    public func hunks(context: Int = 3) -> [Hunk] { Hunk.hunks(edits, oldCount: old.count, context: context) }

    /// The old text with some of the hunks applied.
    public func applying(_ hunks: [Hunk]) -> [UInt8] { LineDiff.apply(hunks.flatMap(\.edits), of: new, to: old) }

    public var insertions: Int { edits.reduce(0) { $0 + $1.new.count } }
    public var deletions: Int { edits.reduce(0) { $0 + $1.old.count } }
}

extension FileVersion {
    /// Whether it holds bytes that can be compared: a file, or a symbolic link with its target.
    var hasContent: Bool { kind == .file || kind == .symlink }

    /// All of it. Only for what has content.
    ///
    /// - Throws: `SystemError`, with `EFBIG` for more than `limit` bytes.
    public func content(limit: Int) throws -> [UInt8] {
        if kind == .symlink { return (target ?? "").osBytes }
        return try open().readAll(limit: limit)
    }

    /// The mode as git writes it, with all permission bits where `exact` is asked for.
    func gitMode(exact: Bool) -> String {
        switch kind {
        case .symlink: return "120000"
        case .directory: return "040000"
        case .file, .other:
            let usual: UInt32 = mode & 0o100 != 0 ? 0o755 : 0o644
            return "10" + padded(exact ? mode & 0o7777 : mode & 0o7000 | usual)
        }
    }

    private func padded(_ bits: UInt32) -> String {
        let text = String(bits, radix: 8)
        return String(repeating: "0", count: max(0, 4 - text.count)) + text
    }
}

extension FileVersion.Kind {
    func isSameSort(as other: Self) -> Bool {
        switch (self, other) {
        case (.file, .file), (.symlink, .symlink), (.directory, .directory), (.other, .other): true
        default: false
        }
    }
}
