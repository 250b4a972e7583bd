import LinuxKernel

/// What no pattern of paths can say.
extension LandingGate {
    /// What files are, whatever they are called.
    ///
    /// - Parameter isKnown: whether a rule about the path says already that it is executed.
    func properties(
        _ change: Change, _ path: FoldedPath, _ content: ChangedContent, _ facts: TreeFacts, isKnown: Bool
    ) -> [LandingFinding] {
        func finding(_ rule: String, _ reason: String, kind: LandingKind = .file) -> LandingFinding {
            LandingFinding(path: change.path, kind: kind, rule: rule, reason: reason)
        }
        var result: [LandingFinding] = []
        if !isKnown, let part = partOfRepository(change, path, facts) { result.append(part) }
        guard let after = change.after else { return result }
        if change.before == nil || change.origin != nil, let reason = nameReason(change.path) { result.append(finding("name", reason)) }
        switch after.kind {
        case .directory: return result
        case .other(let what): result.append(finding("special", "it is \(what.printable)"))
        case .symlink:
            guard let target = after.target, change.before?.kind != .symlink || change.before?.target?.osBytes != target.osBytes else {
                break
            }
            if let reason = linkReason(target, change) {
                result.append(finding("link-out", reason))
            } else if let before = change.before, before.kind == .file || before.kind == .directory {
                result.append(
                    finding(
                        "link-instead",
                        "a link to \(target.printable) where a \(before.kind == .file ? "file" : "directory") was: what writes there writes elsewhere"
                    ))
            }
            if isHead(change.path), target.hasPrefix("refs/") { result.append(repository(change.path)) }
        case .file:
            let setsID = after.mode & 0o6000
            if setsID != 0, setsID != (change.before?.mode ?? 0) & 0o6000 || content.differs {
                result.append(
                    finding("set-id", "it runs with the rights of its \(setsID & 0o4000 != 0 ? "owner" : "group"), whoever starts it"))
            }
            do {
                let start = try content.beginning()
                if isHead(change.path), TreeFacts.isHead(start) { result.append(repository(change.path)) }
                if !isKnown, let reason = program(change, after, content, start) {
                    result.append(finding("program", reason, kind: .installed))
                }
            } catch {
                // Whatever it is, nobody can say that it is harmless.
                if !isKnown { result.append(finding("unreadable", "it could not be read, and so not be looked into")) }
            }
        }
        if !isKnown, result.isEmpty, let directory = environment(change, content, facts) {
            result.append(
                LandingFinding(
                    path: change.path, kind: .installed, rule: "environment",
                    reason: "programs and modules of an environment: shells and editors run what is in it, nobody reviews it",
                    directory: directory.isEmpty ? nil : directory))
        }
        return result
    }

    /// The virtual environment that a file, or a link, changes something in.
    private func environment(_ change: Change, _ content: ChangedContent, _ facts: TreeFacts) -> String? {
        if case .file? = change.after?.kind, !content.differs { return nil }
        return facts.environment(of: change.path)
    }

    // MARK: - Names

    /// Why a name is dangerous by itself.
    private func nameReason(_ path: String) -> String? {
        let name = FileSystem.lastComponent(of: path)
        if name.utf8.first == UInt8(ascii: "-") { return "programs take the name for an option where a shell writes it out for `*`" }
        if name.unicodeScalars.contains(where: { $0.properties.generalCategory == .control }) {
            return "its name holds control characters, which scripts and terminals obey"
        }
        if name.unicodeScalars.contains(where: \.hidesInNames) {
            return "its name holds characters that cannot be seen: it reads as another"
        }
        return nil
    }

    // MARK: - Repositories

    private func isHead(_ path: String) -> Bool { FoldedPath.fold(FileSystem.lastComponent(of: path)) == "head" }

    private func repository(_ path: String) -> LandingFinding {
        let directory = path.contains("/") ? FileSystem.parent(of: path).printable : "."
        return LandingFinding(
            path: path, kind: .git, rule: "repository",
            reason: "with `objects` and `refs` beside it git takes \(directory) for a repository, and obeys the `config` there")
    }

    /// Names that git gives to what lies beside a `HEAD`.
    private static let besideHead: Set<String> = [
        "config", "config.worktree", "commondir", "gitdir", "objects", "refs", "packed-refs", "reftable", "hooks", "info", "worktrees",
        "modules",
    ]

    /// Something that makes a repository of a directory which has a `HEAD` already, or changes one, as fixtures of tests are.
    private func partOfRepository(_ change: Change, _ path: FoldedPath, _ facts: TreeFacts) -> LandingFinding? {
        guard path.names.contains(where: { LandingGate.besideHead.contains($0.text) }) else { return nil }
        let parts = FileSystem.components(of: change.path)
        for index in parts.indices where LandingGate.besideHead.contains(path.names[index].text) {
            let directory = parts[..<index].joined(separator: "/")
            guard facts.hasHead(directory) else { continue }
            return LandingFinding(
                path: change.path, kind: .git, rule: "repository",
                reason:
                    "git takes \(directory.isEmpty ? "." : directory.printable) for a repository by the `HEAD` in it, and obeys what is there",
                directory: directory.isEmpty ? nil : directory)
        }
        return nil
    }

    // MARK: - Links

    /// Why it matters where a link leads; nil when it is to a plain place in the tree.
    private func linkReason(_ target: String, _ change: Change) -> String? {
        switch end(of: target, from: change.path) {
        case .outside(let place): return "a link that leads out of the tree, to \(place.printable)"
        case .inside(let place):
            let isGit = FoldedPath(place).names.contains { $0.text == ".git" }
            return isGit ? "a link to \(place.printable): what writes there changes what git obeys" : nil
        }
    }

    private enum LinkEnd {
        case outside(String)
        /// Relative to the root.
        case inside(String)
    }

    /// Where a link leads: by the text, and through links that are in the tree already.
    private func end(of target: String, from path: String) -> LinkEnd {
        // The way back from a directory that is itself a link of this change cannot be told by the text.
        let parts = FileSystem.components(of: target).filter { $0 != "." }
        if parts.drop(while: { $0 == ".." }).contains("..") { return .outside(target) }
        let start = FileSystem.join(root, FileSystem.parent(of: path))
        var place = target.utf8.first == UInt8(ascii: "/") ? target : FileSystem.join(start, target)
        for _ in 0..<40 {
            place = FileSystem.normalize(place)
            guard let inside = FileSystem.relative(place, to: root) else { return .outside(place) }
            // The first link on the way.
            var way = root
            var next: String?
            let parts = FileSystem.components(of: inside)
            for (index, part) in parts.enumerated() {
                way = FileSystem.join(way, part)
                guard let text = FileSystem.readLink(way) else { continue }
                let rest = parts[(index + 1)...].reduce(into: "") { $0 += "/" + $1 }
                next = FileSystem.join(FileSystem.parent(of: way), text) + rest
                break
            }
            guard let next else { return .inside(inside) }
            place = next
        }
        return .outside(place)
    }

    // MARK: - Programs

    /// What makes a file a program that is new, or another one than before; nil for source files.
    private func program(_ change: Change, _ after: FileVersion, _ content: ChangedContent, _ start: [UInt8]) -> String? {
        let gainsBit = after.mode & 0o111 != 0 && (change.before.map { $0.kind != .file || $0.mode & 0o111 == 0 } ?? true)
        guard !start.isEmpty else { return nil }
        if let form = ProgramForm(Array(start.prefix(ProgramForm.length))), content.differs || gainsBit {
            return "\(change.before == nil ? "a new" : "another") \(form.text)"
        }
        guard gainsBit else { return nil }
        if start.starts(with: "#!".utf8) {
            return change.before == nil ? "a new script that can be executed" : "a script that can be executed now"
        }
        let name = FileSystem.lastComponent(of: change.path)
        // A shell runs it, too. File systems without permissions show every file as executable: only what is called like a program.
        return name.utf8.dropFirst().contains(UInt8(ascii: ".")) ? nil : "a file that can be executed now"
    }
}

extension Unicode.Scalar {
    /// Whether it leaves no trace in a name, or turns what stands around it round: bidirectional controls, blanks without width, tags. Not
    /// what scripts and emoji need, the joiners and variation selectors.
    fileprivate var hidesInNames: Bool {
        switch value {
        case 0xAD, 0x34F, 0x61C, 0x115F, 0x1160, 0x180E, 0x200B, 0x200E, 0x200F, 0x2028...0x202E, 0x2060...0x206F, 0x3164, 0xFEFF, 0xFFA0,
            0xFFF9...0xFFFB, 0xE0000...0xE0FFF:
            true
        default: false
        }
    }
}
