import LinuxKernel

/// A diff as text, in git's format, which `git apply` and patch(1) take.
public enum UnifiedDiff {
    /// What a line is, for whoever colours it.
    public enum LineKind: Sendable {
        case header, hunk, context, removed, added
        /// What the format has no form for: for people.
        case note
    }

    /// Hands out the lines, without line ends.
    ///
    /// - Parameter context: unchanged lines around each edit.
    public static func write(_ diff: FileDiff, context: Int = 3, to output: (LineKind, [UInt8]) throws -> Void) rethrows {
        let change = diff.change
        guard change.before?.hasContent ?? true, change.after?.hasContent ?? true else {
            for line in notes(change) { try output(.note, Array(line.utf8)) }
            return
        }
        let header = self.header(diff)
        // What differs may be nothing that git knows.
        if header.count > 1 || !diff.content.isSame { for line in header { try output(.header, line) } }
        let old = change.before == nil ? Array("/dev/null".utf8) : name("a/", change.origin ?? change.path)
        let new = change.after == nil ? Array("/dev/null".utf8) : name("b/", change.path)
        switch diff.content {
        case .same: break
        case .unreadable(let why): try output(.note, Array("coop: \(change.path.printable): cannot be compared: \(why.printable)".utf8))
        case .binary: try output(.header, Array("Binary files ".utf8) + old + Array(" and ".utf8) + new + Array(" differ".utf8))
        case .text(let text):
            try output(.header, Array("--- ".utf8) + terminated(old))
            try output(.header, Array("+++ ".utf8) + terminated(new))
            for hunk in text.hunks(context: context) { try write(hunk, of: text, to: output) }
        }
        for line in notes(change) { try output(.note, Array(line.utf8)) }
    }

    /// All of them, one after the other.
    public static func text(_ diffs: [FileDiff], context: Int = 3) -> [UInt8] {
        var result: [UInt8] = []
        for diff in diffs {
            write(diff, context: context) { _, line in
                result += line
                result.append(0x0A)
            }
        }
        return result
    }

    private static func header(_ diff: FileDiff) -> [[UInt8]] {
        let change = diff.change
        let origin = change.origin ?? change.path
        var lines = [Array("diff --git ".utf8) + name("a/", origin) + [0x20] + name("b/", change.path)]
        switch (change.before, change.after) {
        case (nil, let after?): lines.append(Array("new file mode \(after.gitMode(exact: false))".utf8))
        case (let before?, nil): lines.append(Array("deleted file mode \(before.gitMode(exact: false))".utf8))
        case (let before?, let after?):
            var modes = (before.gitMode(exact: false), after.gitMode(exact: false))
            if modes.0 == modes.1, before.kind == .file { modes = (before.gitMode(exact: true), after.gitMode(exact: true)) }
            if modes.0 != modes.1 { lines += [Array("old mode \(modes.0)".utf8), Array("new mode \(modes.1)".utf8)] }
        case (nil, nil): break
        }
        if change.origin != nil {
            lines += [
                Array("similarity index \(diff.similarity ?? 100)%".utf8), Array("rename from ".utf8) + GitPath.quoted(origin),
                Array("rename to ".utf8) + GitPath.quoted(change.path),
            ]
        }
        return lines
    }

    private static func name(_ prefix: String, _ path: String) -> [UInt8] { GitPath.quoted(prefix + path) }

    /// A name with a blank would end there for patch(1): git puts a tab after it.
    private static func terminated(_ name: [UInt8]) -> [UInt8] { name.contains(0x20) && name.first != 0x22 ? name + [0x09] : name }

    private static func write(_ hunk: Hunk, of text: TextDiff, to output: (LineKind, [UInt8]) throws -> Void) rethrows {
        var head = Array("@@ -\(place(hunk.old)) +\(place(hunk.new)) @@".utf8)
        if let function = function(before: hunk.old.lowerBound, in: text.old) { head += [0x20] + function }
        try output(.hunk, head)
        var line = hunk.old.lowerBound
        for edit in hunk.edits {
            try write(text.old, line..<edit.old.lowerBound, .context, to: output)
            try write(text.old, edit.old, .removed, to: output)
            try write(text.new, edit.new, .added, to: output)
            line = edit.old.upperBound
        }
        try write(text.old, line..<hunk.old.upperBound, .context, to: output)
    }

    private static func write(
        _ text: TextLines, _ lines: Range<Int>, _ kind: LineKind, to output: (LineKind, [UInt8]) throws -> Void
    ) rethrows {
        let sign: UInt8 = kind == .removed ? UInt8(ascii: "-") : kind == .added ? UInt8(ascii: "+") : 0x20
        for line in lines {
            let bytes = text[line]
            let hasEnd = bytes.last == 0x0A
            try output(kind, [sign] + (hasEnd ? bytes.dropLast() : bytes))
            if !hasEnd { try output(kind, Array("\\ No newline at end of file".utf8)) }
        }
    }

    /// `start,count` as the format wants it: the line before, where there is none; no count for a single one.
    private static func place(_ lines: Range<Int>) -> String {
        switch lines.count {
        case 0: "\(lines.lowerBound),0"
        case 1: "\(lines.lowerBound + 1)"
        default: "\(lines.lowerBound + 1),\(lines.count)"
        }
    }

    /// The nearest line above that begins with a letter, `_` or `$`, as git shows it beside a hunk. A file can be all context: not far.
    private static func function(before line: Int, in text: TextLines) -> [UInt8]? {
        for index in stride(from: line - 1, through: max(0, line - 2000), by: -1) {
            guard let first = text[index].first else { continue }
            switch first {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "_"), UInt8(ascii: "$"):
                var line = Array(text[index].prefix(80))
                while let last = line.last, last <= 0x20 { line.removeLast() }
                // Not half a character.
                while let last = line.last, line.count >= 77, last & 0xC0 == 0x80 { line.removeLast() }
                if let last = line.last, last >= 0xC0 { line.removeLast() }
                return line
            default: continue
            }
        }
        return nil
    }

    private static func notes(_ change: Change) -> [String] {
        let path = change.path.printable
        var result: [String] = []
        switch (change.before?.kind, change.after?.kind) {
        case (nil, .directory): result.append("coop: \(path): a new directory")
        case (.directory, nil): result.append("coop: \(path): a directory is removed")
        case (.directory, .directory):
            if let before = change.before?.mode, let after = change.after?.mode, before != after {
                result.append("coop: \(path): mode \(String(before, radix: 8)) of the directory becomes \(String(after, radix: 8))")
            }
        case (_, .other(let what)): result.append("coop: \(path): \(what.printable)")
        case (.other(let what), nil): result.append("coop: \(path): \(what.printable) is removed")
        default: break
        }
        if let before = change.before, let after = change.after, before.attributes != after.attributes {
            let names = Set(before.attributes.keys).union(after.attributes.keys)
                .filter { before.attributes[$0] != after.attributes[$0] }.sorted()
            result.append("coop: \(path): extended attributes \(names.map(\.printable).joined(separator: ", ")) differ")
        }
        return result
    }
}

extension FileDiff.Content {
    var isSame: Bool { if case .same = self { true } else { false } }
}
