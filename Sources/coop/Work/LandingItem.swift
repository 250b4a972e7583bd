import LinuxKernel
import Review

/// What one question is about: a path with everything that was found about it, or many paths that were found for the same reason.
struct LandingItem {
    /// More paths than this that a rule finds in one place are asked about together.
    private static let manyPaths = 8

    let findings: [LandingFinding]
    let paths: [String]
    /// Where moved ones came from.
    let origins: [String]
    /// What to show.
    let title: String
    /// What `--accept` has to say.
    let pattern: String

    var kind: LandingKind { findings[0].kind }

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
                result.append(
                    LandingItem(
                        findings: all, paths: all.map(\.path), origins: crowd.compactMap { places[$0]?.origin },
                        title: "\(place.isEmpty ? "" : place.printable + "/")… (\(all.count) paths)",
                        pattern: place.isEmpty ? "**" : place + "/"))
            } else {
                done.insert(key)
                let change = places[key]
                let what = change?.before == nil ? " (new)" : change?.after == nil ? " (removed)" : ""
                result.append(
                    LandingItem(
                        findings: found, paths: [found[0].path], origins: [change?.origin].compactMap { $0 },
                        title: found[0].path.printable + what, pattern: "/" + found[0].path))
            }
        }
        let kinds = LandingKind.allCases
        return result.enumerated().sorted { one, two in
            let (first, second) = (kinds.firstIndex(of: one.element.kind) ?? 0, kinds.firstIndex(of: two.element.kind) ?? 0)
            return (first, one.offset) < (second, two.offset)
        }.map(\.element)
    }

    private static func crowd(_ finding: LandingFinding) -> String { finding.rule + "\n" + place(finding) }

    /// The directory that the rule is about, or the first name of the path.
    private static func place(_ finding: LandingFinding) -> String {
        if let directory = finding.directory { return directory }
        let parts = FileSystem.components(of: finding.path)
        return parts.count > 1 ? parts[0] : ""
    }
}
