import CoopErrors
import LinuxKernel
import Review

/// The questions at the terminal, one for each item.
struct LandingQuestions {
    let items: [LandingItem]
    let changes: [Change]
    let allowsPart: Bool

    func ask(_ decision: inout LandingDecision) throws {
        FileHandleOutput.standardError(list)
        var acceptsAll = false
        for (index, item) in items.enumerated() {
            if acceptsAll {
                decision.add(item, isAccepted: true, by: .person)
                continue
            }
            switch answer(item) {
            case .yes: decision.add(item, isAccepted: true, by: .person)
            case .all:
                decision.add(item, isAccepted: true, by: .person)
                acceptsAll = true
            case .no:
                decision.add(item, isAccepted: false, by: .person)
                if !allowsPart {
                    for item in items[(index + 1)...] { decision.add(item, isAccepted: false, by: .person) }
                    return
                }
            case .quit:
                for item in items[index...] { decision.add(item, isAccepted: false, by: .person) }
                decision.isQuit = true
                return
            }
        }
    }

    private enum Answer { case yes, no, all, quit }

    private func answer(_ item: LandingItem) -> Answer {
        let no = allowsPart ? "[n]o, leave it out" : "[n]o, stop"
        while true {
            FileHandleOutput.standardError("\n\(item.title): \(item.reasons.joined(separator: "; ")).\n")
            FileHandleOutput.standardError("Let it in? [y]es, \(no), [d]iff, [a]ll, [q]uit ")
            // At the end of the input nobody says yes.
            guard let line = readLine(strippingNewline: true) else { return .quit }
            switch line.lowercased() {
            case "y", "yes": return .yes
            case "n", "no": return .no
            case "a", "all": return .all
            case "q", "quit": return .quit
            case "d", "diff": FileHandleOutput.standardError(diff(item))
            default: continue
            }
        }
    }

    private var list: String {
        var text = "This machine would execute or trust:\n"
        var kind: LandingKind?
        for item in items {
            if item.kind != kind {
                kind = item.kind
                text += " \(item.kind.title)\n"
            }
            text += "  \(item.title): \(item.reasons.joined(separator: "; "))\n"
        }
        return text
    }

    /// What has changed there, safe for a terminal; of many paths their list.
    private func diff(_ item: LandingItem) -> String {
        if item.paths.count > 1 { return item.paths.map { "  \($0.printable)\n" }.joined() }
        var text = ""
        for change in changes where item.paths.contains(where: { $0.utf8.elementsEqual(change.path.utf8) }) {
            for diff in FileDiff.diffs(of: change) {
                UnifiedDiff.write(diff) { _, line in text += String(osBytes: line).printable + "\n" }
            }
        }
        return text
    }
}
