import LinuxKernel
import Review

/// What one question is about: a path with everything that was found about it, or many paths that were found for the same reason.
struct LandingItem {
    /// More paths than this that a rule finds in one place are asked about together.
    private static let manyPaths = 8

    let findings: [LandingFinding]
    /// The changes at these paths.
    let changes: [Change]
    /// What to show.
    let title: String
    /// What `--accept` has to say.
    let pattern: String

    var kind: LandingKind { findings[0].kind }
    var paths: [String] { changes.map(\.path) }
    /// Where moved ones came from.
    var origins: [String] { changes.compactMap(\.origin) }

    /// In the order in which they were found, each once.
    var reasons: [String] {
        findings.reduce(into: []) { result, finding in
            if !result.contains(finding.reason), result.count < 4 { result.append(finding.reason) }
        }
    }

    /// In the order of the kinds, then of the findings.
    static func items(_ findings: [LandingFinding], changes: [Change]) -> [LandingItem] {
        var places: [[UInt8]: Change] = [:]
        for change in changes { places[change.path.osBytes] = change }
        var byPath: [[UInt8]: [LandingFinding]] = [:]
        var order: [[UInt8]] = []
        for finding in findings {
            let key = finding.path.osBytes
            if byPath[key] == nil { order.append(key) }
            byPath[key, default: []].append(finding)
        }
        // Only what was found for one reason alone can disappear in a crowd.
        var crowds: [String: [[UInt8]]] = [:]
        for key in order {
            guard let found = byPath[key], found.count == 1 else { continue }
            crowds[crowd(found[0]), default: []].append(key)
        }
        var result: [LandingItem] = []
        var done: Set<[UInt8]> = []
        for key in order where !done.contains(key) {
            guard let found = byPath[key] else { continue }
            if found.count == 1, let crowd = crowds[crowd(found[0])], crowd.count > manyPaths {
                done.formUnion(crowd)
                let all = crowd.flatMap { byPath[$0] ?? [] }
                let place = self.place(found[0])
                let changes = crowd.compactMap { places[$0] }
                result.append(
                    LandingItem(
                        findings: all, changes: changes, title: "\(place.isEmpty ? "" : place.printable + "/")… (\(all.count) paths)",
                        pattern: pattern(of: changes, rule: found[0].rule, place: place)))
            } else {
                done.insert(key)
                guard let change = places[key] else { continue }
                let what = change.before == nil ? " (new)" : change.after == nil ? " (removed)" : ""
                result.append(
                    LandingItem(
                        findings: found, changes: [change], title: found[0].path.printable + what,
                        pattern: PathPattern.exactly(change.path)))
            }
        }
        let kinds = LandingKind.allCases
        return result.enumerated().sorted { one, two in
            let (first, second) = (kinds.firstIndex(of: one.element.kind) ?? 0, kinds.firstIndex(of: two.element.kind) ?? 0)
            return (first, one.offset) < (second, two.offset)
        }.map(\.element)
    }

    /// The narrowest that accepts all of them.
    private static func pattern(of changes: [Change], rule: String, place: String) -> String {
        let start = place.isEmpty ? "/" : PathPattern.exactly(place) + "/"
        // A rule about a name: that name in this place alone.
        let isName = !rule.utf8.contains(UInt8(ascii: "/"))
        for candidate in isName ? [start + rule, start + "**/" + rule] : [] {
            if let pattern = PathPattern(candidate, folding: false), changes.allSatisfy({ pattern.matches($0.path) }) { return candidate }
        }
        return place.isEmpty ? "/*" : start
    }

    private static func crowd(_ finding: LandingFinding) -> String { finding.rule + "\n" + place(finding) }

    /// The directory that the rule is about, or the first name of the path.
    private static func place(_ finding: LandingFinding) -> String {
        if let directory = finding.directory { return directory }
        let parts = FileSystem.components(of: finding.path)
        return parts.count > 1 ? parts[0] : ""
    }
}
