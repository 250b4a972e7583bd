import LinuxKernel

/// What no pattern of paths can say.
extension LandingGate {
    /// What files are, whatever they are called.
    ///
    /// - Parameter isKnown: whether a rule about the path says already that it is executed.
    func properties(_ change: Change, _ content: ChangedContent, isKnown: Bool) -> [LandingFinding] {
        guard let after = change.after else { return [] }
        func finding(_ rule: String, _ reason: String, kind: LandingKind = .file) -> LandingFinding {
            LandingFinding(path: change.path, kind: kind, rule: rule, reason: reason)
        }
        var result: [LandingFinding] = []
        if change.before == nil || change.origin != nil, let reason = nameReason(change.path) { result.append(finding("name", reason)) }
        switch after.kind {
        case .directory: break
        case .other(let what): result.append(finding("special", "it is \(what.printable)"))
        case .symlink:
            guard let target = after.target else { break }
            let isSame = change.before?.kind == .symlink && change.before?.target?.osBytes == target.osBytes
            if isSame { break }
            if let place = outside(target, from: change.path) {
                result.append(finding("link-out", "a link that leads out of the tree, to \(place.printable)"))
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
            if isHead(change.path), let start = content.beginning(100), looksLikeHead(start) { result.append(repository(change.path)) }
            if !isKnown, let reason = program(change, after, content) { result.append(finding("program", reason, kind: .installed)) }
        }
        return result
    }

    // MARK: - Names

    /// Why a name is dangerous by itself.
    private func nameReason(_ path: String) -> String? {
        let name = FileSystem.lastComponent(of: path)
        if name.utf8.first == UInt8(ascii: "-") { return "programs take the name for an option where a shell writes it out for `*`" }
        if name.utf8.contains(where: { $0 < 0x20 || $0 == 0x7F }) {
            return "its name holds control characters, which scripts and terminals obey"
        }
        return nil
    }

    // MARK: - Repositories

    private func isHead(_ path: String) -> Bool { FoldedPath.fold(FileSystem.lastComponent(of: path)) == "head" }

    /// Whether git would take a file `HEAD` for one of its own (setup.c, `is_git_directory`).
    private func looksLikeHead(_ bytes: [UInt8]) -> Bool {
        if bytes.starts(with: "ref:".utf8) { return true }
        let digits = bytes.prefix { ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x66) || ($0 >= 0x41 && $0 <= 0x46) }
        return digits.count >= 40
    }

    private func repository(_ path: String) -> LandingFinding {
        let directory = path.contains("/") ? FileSystem.parent(of: path).printable : "."
        return LandingFinding(
            path: path, kind: .git, rule: "repository",
            reason: "with `objects` and `refs` beside it git takes \(directory) for a repository, and obeys the `config` there")
    }

    // MARK: - Links

    /// Where a link leads, if that is not in the tree: by the text, and through links that are in the tree already.
    private func outside(_ target: String, from path: String) -> String? {
        // The way back from a directory that is itself a link of this change cannot be told by the text.
        let parts = FileSystem.components(of: target).filter { $0 != "." }
        if parts.drop(while: { $0 == ".." }).contains("..") { return target }
        let start = FileSystem.join(root, FileSystem.parent(of: path))
        var place = target.utf8.first == UInt8(ascii: "/") ? target : FileSystem.join(start, target)
        for _ in 0..<40 {
            place = FileSystem.normalize(place)
            guard let inside = FileSystem.relative(place, to: root) else { return place }
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
            guard let next else { return nil }
            place = next
        }
        return place
    }

    // MARK: - Programs

    /// What makes a file a program that is new, or another one than before; nil for source files.
    private func program(_ change: Change, _ after: FileVersion, _ content: ChangedContent) -> String? {
        let gainsBit = after.mode & 0o111 != 0 && (change.before.map { $0.kind != .file || $0.mode & 0o111 == 0 } ?? true)
        guard after.size > 0 else { return nil }
        guard let start = content.beginning(8) else { return "it cannot be read, and so not be looked into" }
        if let form = ProgramForm(start), content.differs || gainsBit {
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

/// Programs in binary form, by their first bytes.
private struct ProgramForm {
    let text: String

    init?(_ start: [UInt8]) {
        switch start.prefix(4) {
        case [0x7F, 0x45, 0x4C, 0x46]: text = "program or library in binary form (ELF)"
        case [0xCF, 0xFA, 0xED, 0xFE], [0xCE, 0xFA, 0xED, 0xFE], [0xFE, 0xED, 0xFA, 0xCE], [0xFE, 0xED, 0xFA, 0xCF]:
            text = "program or library in binary form (Mach-O)"
        case [0xCA, 0xFE, 0xBA, 0xBE]: text = "program in binary form (Java class or Mach-O)"
        case [0x00, 0x61, 0x73, 0x6D]: text = "program in binary form (WebAssembly)"
        default:
            guard start.starts(with: [0x4D, 0x5A]), start.count >= 8, start.contains(0) else { return nil }
            text = "program in binary form (Windows)"
        }
    }
}
