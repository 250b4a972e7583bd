import LinuxKernel

/// Looks through a change for what the host would execute or trust once it has landed: by rules about paths, and by what files are.
///
/// It reads the contents of what matches alone. What cannot be read counts as found.
public struct LandingGate: Sendable {
    private let rules: [LandingRule]
    /// The tree that the change lands in, absolute; a link of the change may lead through links that are there.
    let root: String
    /// Rules about one name, by that name.
    private let byName: [String: [Int]]
    private let others: [Int]

    /// - Parameters:
    ///   - rules: the first that matches a path tells why.
    ///   - root: the tree that the change lands in.
    public init(rules: [LandingRule], root: String) {
        self.rules = rules
        self.root = root
        var byName: [String: [Int]] = [:]
        var others: [Int] = []
        for (index, rule) in rules.enumerated() {
            if let name = rule.pattern.loneName { byName[name, default: []].append(index) } else { others.append(index) }
        }
        self.byName = byName
        self.others = others
    }

    /// What was found, in the order of the changes. A path may be found for more than one reason.
    public func findings(in changes: [Change]) -> [LandingFinding] {
        var result: [LandingFinding] = []
        let facts = TreeFacts(root: root)
        for change in changes {
            let content = ChangedContent(change)
            let path = FoldedPath(change.path)
            let matched = match(change, path, content, facts)
            if let matched { result.append(matched) }
            result += properties(change, path, content, facts, isKnown: matched != nil)
        }
        return result
    }

    /// The rule that is about this path, and applies.
    private func match(_ change: Change, _ path: FoldedPath, _ content: ChangedContent, _ facts: TreeFacts) -> LandingFinding? {
        // A directory as such is read by nobody; what lies in it has changes of its own.
        if change.after?.kind == .directory || (change.after == nil && change.before?.kind == .directory) { return nil }
        for (names, isAsWritten) in [(path.names, true), (path.backslashed ?? [], false)] where !names.isEmpty {
            for index in candidates(names) {
                let rule = rules[index]
                guard let count = rule.pattern.match(names) else { continue }
                if change.after == nil, !rule.kind.includesRemoval { continue }
                if isAsWritten, isDocument(change.path, rule, facts) { continue }
                guard let reason = reason(rule, change, content) else { continue }
                let parts = FileSystem.components(of: change.path)
                let isOtherwiseSpelled = !isAsWritten || !isExact(rule, parts)
                return LandingFinding(
                    path: change.path, kind: rule.kind, rule: rule.pattern.description,
                    reason: reason
                        + (isOtherwiseSpelled
                            ? "; other file systems read the name as `\(names.map(\.text).joined(separator: "/").printable)`" : ""),
                    directory: count < parts.count ? parts[..<count].joined(separator: "/") : nil)
            }
        }
        return nil
    }

    /// Whether it is a document below the root whose name only sounds like that of the rule, `docs/agents.md`.
    private func isDocument(_ path: String, _ rule: LandingRule, _ facts: TreeFacts) -> Bool {
        guard rule.capitals != nil, path.utf8.contains(UInt8(ascii: "/")), rule.isInSmallLetters(FileSystem.lastComponent(of: path)) else {
            return false
        }
        return facts.tellsLettersApart(FileSystem.parent(of: path))
    }

    /// The rules that can match at all, in their order.
    private func candidates(_ names: [PathName]) -> [Int] {
        var result = others
        for name in Set(names.map(\.text)) { result += byName[name] ?? [] }
        return result.sorted()
    }

    /// Whether the path is what the pattern names but for letter case, which people vary (`makefile`).
    private func isExact(_ rule: LandingRule, _ parts: [String]) -> Bool {
        let lowercased = parts.map { part in
            PathName(String(osBytes: part.osBytes.map { $0 >= 0x41 && $0 <= 0x5A ? $0 + 32 : $0 }))
        }
        return rule.pattern.match(lowercased) != nil
    }

    /// Nil where the rule is about something that has not changed.
    private func reason(_ rule: LandingRule, _ change: Change, _ content: ChangedContent) -> String? {
        guard change.after != nil else { return rule.reason + ", and it is removed" }
        if case .file? = change.after?.kind, !content.differs { return nil }
        guard let inspection = rule.inspection, change.after?.kind == .file, change.before.map({ $0.kind == .file }) ?? true else {
            return rule.reason
        }
        guard content.isReadable else { return rule.reason + " (it could not be looked into)" }
        guard let found = inspection.difference(from: content.before ?? [], to: content.after ?? []) else { return nil }
        return found.isEmpty ? rule.reason : "\(rule.reason): \(found.printable)"
    }
}
