import CoopErrors
import LinuxKernel
import Review

/// Asks for each piece of each change whether it is to land, as `git add -p` does.
struct HunkChoice {
    /// For errors: `cannot apply …`.
    let what: String

    private enum Answer {
        case yes, no
        /// This one, or not, and all that follow in the file.
        case allOfFile, noneOfFile
        /// No further question; what was chosen so far is taken.
        case quit
    }

    private static let help = """
        y - take this piece
        n - leave it
        a - take it and all later ones of this file
        d - leave it and all later ones of this file
        q - leave it and everything that follows
        ? - this help

        """

    /// - Returns: the chosen changes; of a text of which some was chosen, `after` is the base with that.
    /// - Throws: `CoopError` when nobody can be asked.
    func choose(from changes: [Change]) throws -> [Change] {
        guard Terminal.canAsk else {
            throw CoopError(.refused, what, "the pieces cannot be chosen without a terminal", next: "coop apply --yes PATH")
        }
        var chosen: [String] = []
        var parts: [PathBytes: Change] = [:]
        var isOver = false
        // Directories come with what is put into them; one that only changes is a piece of its own.
        for change in changes where !isOver && !(change.before == nil && change.after?.kind == .directory) {
            let frozen = try HunkChoice.frozen(change)
            let diffs = FileDiff.diffs(of: frozen)
            if diffs.count == 1, let diff = diffs.first, case .text(let text) = diff.content, let before = frozen.before,
                let after = frozen.after
            {
                let (hunks, quits) = ask(diff, text)
                isOver = quits
                guard !hunks.isEmpty else { continue }
                var part = frozen
                if hunks.count < text.hunks().count {
                    part.after = .bytes(text.applying(hunks), mode: before.mode, attributes: before.attributes)
                } else {
                    part.after = after
                }
                parts[PathBytes(change.path)] = part
            } else {
                show(diffs)
                switch answer("Take this? [y,n,q,a,d,?] ") {
                case .yes, .allOfFile: parts[PathBytes(change.path)] = frozen
                case .no, .noneOfFile: continue
                case .quit:
                    isOver = true
                    continue
                }
            }
            chosen.append(change.path)
        }
        if chosen.isEmpty { return [] }
        // With the directories that they need.
        return try ChangeSelection.select(chosen, from: changes, next: "coop diff").compactMap { change in
            if let part = parts[PathBytes(change.path)] { return part }
            return change.before == nil && change.after?.kind == .directory ? change : nil
        }
    }

    /// What is shown is what lands, whatever the session makes of it meanwhile.
    private static func frozen(_ change: Change) throws -> Change {
        guard let after = change.after, after.kind == .file, after.size <= UInt64(FileDiff.longestText) else { return change }
        var result = change
        result.after = .bytes(try after.content(limit: FileDiff.longestText), mode: after.mode, attributes: after.attributes)
        return result
    }

    private func ask(_ diff: FileDiff, _ text: TextDiff) -> (hunks: [Hunk], quits: Bool) {
        let hunks = text.hunks()
        let shown = HunkChoice.pieces(of: diff)
        var chosen: [Hunk] = []
        FileHandleOutput.standardError(shown.header)
        for (index, hunk) in hunks.enumerated() {
            FileHandleOutput.standardError(index < shown.hunks.count ? shown.hunks[index] : "")
            switch answer("(\(index + 1)/\(hunks.count)) Take this? [y,n,q,a,d,?] ") {
            case .yes: chosen.append(hunk)
            case .no: continue
            case .allOfFile: return (chosen + hunks[index...], false)
            case .noneOfFile: return (chosen, false)
            case .quit: return (chosen, true)
            }
        }
        return (chosen, false)
    }

    private func answer(_ question: String) -> Answer {
        while true {
            FileHandleOutput.standardError(question)
            // The end of the input is the end of the questions.
            guard let line = readLine(strippingNewline: true) else { return .quit }
            switch line.lowercased() {
            case "y", "yes": return .yes
            case "n", "no": return .no
            case "a": return .allOfFile
            case "d": return .noneOfFile
            case "q": return .quit
            default: FileHandleOutput.standardError(HunkChoice.help)
            }
        }
    }

    private func show(_ diffs: [FileDiff]) {
        for diff in diffs {
            let pieces = HunkChoice.pieces(of: diff)
            FileHandleOutput.standardError(pieces.header + pieces.hunks.joined())
        }
    }

    /// The diff as text that is safe on a terminal: what comes before the first hunk, and each hunk.
    private static func pieces(of diff: FileDiff) -> (header: String, hunks: [String]) {
        let text = DiffText(style: .ofStandardError(), isShown: true, context: 3)
        var header = ""
        var hunks: [String] = []
        UnifiedDiff.write(diff) { kind, bytes in
            let line = text.shown(bytes, kind) + "\n"
            if kind == .hunk {
                hunks.append(line)
            } else if hunks.isEmpty {
                header += line
            } else {
                hunks[hunks.count - 1] += line
            }
        }
        return (header, hunks)
    }
}
