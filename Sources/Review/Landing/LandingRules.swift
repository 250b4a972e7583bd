import CoopErrors
import LinuxKernel
import Workspaces

/// Rules as a text file: on each line a pattern, a kind, and the reason, with blanks between them.
///
/// A kind may be followed by what is looked at inside, `build/package-json`. Lines that begin with `#` say something to people.
public enum LandingRules {
    /// The rules that come with coop.
    public static func builtIn() throws(CoopError) -> [LandingRule] { try parse(PackageResources.rules_txt, name: "rules.txt") }

    /// What agents say of themselves that they obey, in any directory: one can be started in each of them.
    public static func agents(_ entries: [ProtectedPaths.Entry]) -> [LandingRule] {
        entries.compactMap { entry in
            PathPattern("**/" + entry.path + (entry.isDirectory ? "/" : "")).map {
                LandingRule(pattern: $0, kind: .agent, reason: entry.reason)
            }
        }
    }

    /// What the user's git is told to read or run, wherever it lies (core.hooksPath).
    public static func configured(_ paths: [String]) -> [LandingRule] {
        paths.compactMap { path in
            PathPattern("/" + path + "/").map { LandingRule(pattern: $0, kind: .git, reason: "your git is told to read or run it") }
        }
    }

    /// Longer files are no lists of rules.
    public static let longest = 1 << 20

    /// - Parameter name: for messages.
    /// - Throws: `configuration`, with the place, for what is no rule.
    public static func parse(_ bytes: [UInt8], name: String) throws(CoopError) -> [LandingRule] {
        func failure(_ line: Int, _ why: String) -> CoopError {
            CoopError(
                .configuration, "cannot use the landing rules", "\(name.printable):\(line): \(why)",
                next: "a line is PATTERN KIND REASON: see docs/landing.md")
        }
        guard bytes.count <= longest else { throw failure(1, "more than \(longest >> 20) MiB") }
        var rules: [LandingRule] = []
        for (index, line) in bytes.split(separator: 0x0A, omittingEmptySubsequences: false).enumerated() {
            let words = String(osBytes: line).split(maxSplits: 2, omittingEmptySubsequences: true, whereSeparator: \.isBlank)
            guard let first = words.first, !first.hasPrefix("#") else { continue }
            guard words.count == 3 else { throw failure(index + 1, "a pattern, a kind and a reason are needed") }
            guard let pattern = PathPattern(String(first)) else { throw failure(index + 1, "`\(String(first).printable)` is no pattern") }
            let kindWords = words[1].split(separator: "/", omittingEmptySubsequences: false).map(String.init)
            guard kindWords.count <= 2, let kind = LandingKind(rawValue: kindWords[0]) else {
                let known = LandingKind.allCases.map(\.rawValue).joined(separator: ", ")
                throw failure(index + 1, "`\(String(words[1]).printable)` is none of the kinds \(known)")
            }
            var inspection: ContentInspection?
            if kindWords.count == 2 {
                guard let found = ContentInspection(rawValue: kindWords[1]) else {
                    throw failure(index + 1, "coop cannot look for `\(kindWords[1].printable)` inside of a file")
                }
                inspection = found
            }
            var reason = Substring(words[2])
            while let first = reason.first, first.isBlank { reason.removeFirst() }
            while let last = reason.last, last.isBlank { reason.removeLast() }
            guard !reason.isEmpty else { throw failure(index + 1, "a reason is needed") }
            rules.append(LandingRule(pattern: pattern, kind: kind, inspection: inspection, reason: String(reason).printable))
        }
        return rules
    }
}

extension Character {
    /// A CR is there in files of other systems.
    fileprivate var isBlank: Bool { self == " " || self == "\t" || self == "\r" }
}
