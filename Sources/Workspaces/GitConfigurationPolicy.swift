import LinuxKernel

/// Which keys of the user's git configuration the sandbox sees.
///
/// The list allows; it does not deny: names in git configuration are open-ended (`filter.<any>.clean` comes from a tracked
/// `.gitattributes`), so that no list of forbidden names is ever complete.
enum GitConfigurationPolicy {
    /// The entries for the private `config`, in order, each key once where git uses only the last.
    static func allowed(_ source: GitConfiguration) -> [GitConfiguration.Entry] {
        var result: [GitConfiguration.Entry] = []
        for entry in source.entries {
            guard let entry = filtered(entry) else { continue }
            if !isMultiple(entry), let index = result.firstIndex(where: { $0.key == entry.key }) {
                result[index].value = entry.value
            } else if !result.contains(entry) {
                result.append(entry)
            }
        }
        return result.sorted { ($0.section, $0.subsection ?? "") < ($1.section, $1.subsection ?? "") }
    }

    /// Whether this entry can never make git run something or read configuration from elsewhere, so that it may appear in the
    /// host's repository while a session runs (`git push -u`, `git remote add`).
    static func isHarmless(_ entry: GitConfiguration.Entry) -> Bool {
        guard let same = filtered(entry) else { return false }
        return same.key == entry.key
    }

    private static let plain: Set<String> = [
        "user.name", "user.email", "core.filemode", "core.ignorecase", "core.symlinks", "core.autocrlf", "core.eol", "core.safecrlf",
        "core.quotepath", "core.precomposeunicode", "core.trustctime", "core.checkstat", "core.sparsecheckout",
        "core.sparsecheckoutcone", "core.abbrev", "core.commentchar", "init.defaultbranch", "push.default", "push.autosetupremote",
        "merge.conflictstyle", "merge.ff", "gc.auto", "i18n.commitencoding", "extensions.objectformat", "extensions.partialclone",
        "rerere.enabled", "fetch.prune", "rebase.autosquash", "rebase.autostash", "diff.renames", "diff.algorithm", "index.sparse",
    ]

    private static func filtered(_ entry: GitConfiguration.Entry) -> GitConfiguration.Entry? {
        var entry = entry
        guard let subsection = entry.subsection else {
            if plain.contains(entry.key) || entry.section == "pull" { return entry }
            return nil
        }
        // A subsection with a line break cannot be written down; one with a credential must not be.
        if subsection.utf8.contains(0x0A) { return nil }
        switch (entry.section, entry.name) {
        case ("remote", "url"), ("submodule", "url"):
            entry.value = entry.value.map(withoutCredentials)
        case ("remote", "fetch"), ("remote", "promisor"), ("remote", "partialclonefilter"), ("remote", "tagopt"),
            ("branch", "merge"), ("branch", "rebase"), ("submodule", "active"):
            break
        case ("branch", "remote"), ("branch", "pushremote"):
            entry.value = entry.value.map(withoutCredentials)
        default:
            return nil
        }
        if entry.section == "remote" { entry.subsection = withoutCredentials(subsection) }
        return entry
    }

    private static func isMultiple(_ entry: GitConfiguration.Entry) -> Bool {
        ["remote.url", "remote.fetch", "branch.merge"].contains("\(entry.section).\(entry.name)") && entry.subsection != nil
    }

    /// A remote's address without user and password. Only the user name of ssh is kept: it is not a secret, and needed.
    static func withoutCredentials(_ address: String) -> String {
        guard let mark = address.byteRange(of: "://") else { return address }
        let scheme = address[..<mark.lowerBound]
        var rest = address[mark.upperBound...]
        let pathStart = rest.firstIndex { $0 == "/" || $0 == "?" || $0 == "#" } ?? rest.endIndex
        // The last @ before the path: a password may hold an unescaped @ itself.
        if let at = rest[..<pathStart].lastIndex(of: "@") {
            let user = rest[..<at].prefix { $0 != ":" }
            let host = rest[rest.index(after: at)...]
            let keepsUser = scheme.hasSuffix("ssh") && !user.isEmpty
            rest = Substring(keepsUser ? "\(user)@\(host)" : String(host))
        }
        if scheme.hasPrefix("http"), let query = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) { rest = rest[..<query] }
        return "\(scheme)://\(rest)"
    }
}

extension String {
    /// The first place of `text`, by bytes.
    func byteRange(of text: String) -> Range<String.Index>? {
        let wanted = Array(text.utf8)
        var start = utf8.startIndex
        while start < utf8.endIndex {
            if utf8[start...].starts(with: wanted) { return start..<utf8.index(start, offsetBy: wanted.count) }
            start = utf8.index(after: start)
        }
        return nil
    }
}
