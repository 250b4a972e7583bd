import ConfigurationImport
import CoopErrors
import LinuxKernel
import Projects
import Sandbox
import TOML

/// What an import would do, file by file.
struct ImportPlan {
    /// A key of a source and what becomes of it.
    struct Entry {
        var source: String
        var finding: ImportFinding
        var target: String
        var result: ImportMerge.Result?
    }

    /// A file of coop's that is changed.
    private struct Target {
        var editor: ConfigurationEditor
        var before: [UInt8]?
        var merge: ImportMerge
        var isChanged = false
    }

    let context: Context
    private(set) var entries: [Entry] = []
    private var targets: [Target] = []

    init(context: Context) { self.context = context }

    var changesAnything: Bool { targets.contains { $0.isChanged } }

    /// Reads a source and adds what it says to a file.
    mutating func read(_ source: ImportSource, into editor: ConfigurationEditor, project: Project?) throws(CoopError) {
        let name = shown(source.path, project)
        let file = ConfigurationFile(
            path: source.path, name: name, layer: source.isOfProject ? .project : .user, boundary: source.isOfProject ? project?.root : nil)
        guard let bytes = try file.read() else {
            throw CoopError(.notFound, "cannot import \(name.printable)", "there is no such file", next: "coop config import")
        }
        let policy = EnvironmentPolicy()
        let facts = ImportFacts(
            home: context.home.userHome, passes: { policy.verdict(for: $0).passes },
            isBlocked: { pattern in EnvironmentPolicy.builtInBlock.contains { Glob.matches($0, pattern) } })
        let index = try target(editor)
        for finding in try source.findings(in: bytes, name: name, facts: facts) {
            var entry = Entry(source: name, finding: finding, target: editor.file.name)
            if case .becomes(let setting) = finding.outcome {
                let result = targets[index].merge.add(setting)
                if result == .added { targets[index].isChanged = true }
                entry.result = result
            }
            entries.append(entry)
        }
    }

    private mutating func target(_ editor: ConfigurationEditor) throws(CoopError) -> Int {
        if let index = targets.firstIndex(where: { $0.editor.file == editor.file }) { return index }
        let (text, before) = try editor.text()
        // A new file gets its name from what is imported, if that has one.
        let merge = ImportMerge(try ImportPlan.document(before == nil ? [] : text, editor), editor: editor)
        targets.append(Target(editor: editor, before: before, merge: merge))
        return targets.count - 1
    }

    /// Writes every file that changes.
    func write() throws(CoopError) {
        for target in targets where target.isChanged {
            var document = target.merge.document
            if target.before == nil, target.editor.file.layer == .project, document.root["name"] == nil {
                // What every new file begins with.
                let separator: [UInt8] = document.bytes.first == UInt8(ascii: "[") ? [UInt8(ascii: "\n")] : []
                document = try ImportPlan.document(target.editor.text().bytes + separator + document.bytes, target.editor)
            }
            try target.editor.replace(with: document.bytes, insteadOf: target.before)
        }
    }

    private static func document(_ bytes: [UInt8], _ editor: ConfigurationEditor) throws(CoopError) -> TOMLDocument {
        do {
            return try TOMLDocument(parsing: bytes, name: editor.file.name)
        } catch {
            throw CoopError(.configuration, "the configuration is wrong", "\(error)", next: editor.file.editCommand)
        }
    }

    private func shown(_ path: String, _ project: Project?) -> String {
        if let project, let relative = FileSystem.relative(path, to: project.root), !relative.isEmpty { return relative }
        return context.home.abbreviated(path)
    }
}

// MARK: - What is shown

extension ImportPlan {
    struct Report: Encodable {
        struct Key: Encodable {
            var place: String
            var key: String
            /// `added`, `present`, `conflict`, `refused`, `covered`, `dropped` or `secret`.
            var outcome: String
            var target: String?
            var setting: String?
            var reason: String?
            var next: String?
        }

        var version = 1
        var written: [String]
        var keys: [Key]
    }

    func report(written: Bool) -> Report {
        Report(
            written: written ? targets.filter(\.isChanged).map(\.editor.file.path) : [],
            keys: entries.map { entry in
                let (outcome, setting, reason) = entry.words
                return Report.Key(
                    place: entry.place, key: entry.finding.key, outcome: outcome, target: entry.result == nil ? nil : entry.target,
                    setting: setting, reason: reason, next: entry.finding.next)
            })
    }

    func text() -> String {
        var lines = ""
        var remedies: [String] = []
        var last = ""
        for entry in entries {
            if entry.source != last {
                lines += (last.isEmpty ? "" : "\n") + entry.source.printable + "\n"
                last = entry.source
            }
            let (outcome, setting, reason) = entry.words
            lines += "  \(entry.finding.line):\(entry.finding.column) \(entry.finding.key.printable)\n"
            let what = [setting.map { "\($0.printable)   (\(entry.target.printable))" }, reason?.printable].compactMap { $0 }.joined(
                separator: ": ")
            lines += "      \(outcome): \(what)\n"
            if let next = entry.finding.next, !remedies.contains(next) { remedies.append(next) }
        }
        if !remedies.isEmpty { lines += "\nBy hand:\n" + remedies.map { "  \($0.printable)\n" }.joined() }
        return lines
    }
}

extension ImportPlan.Entry {
    fileprivate var place: String { "\(source):\(finding.line):\(finding.column)" }

    /// The outcome in one word, the setting and the reason.
    fileprivate var words: (outcome: String, setting: String?, reason: String?) {
        switch finding.outcome {
        case .covered(let why): return ("covered", nil, why)
        case .dropped(let why): return ("dropped", nil, why)
        case .secret: return ("secret", nil, "it is not copied; coop keeps secrets apart from configuration")
        case .becomes(let setting):
            switch result {
            case .added?: return ("added", setting.text, nil)
            case .present?: return ("present", setting.text, nil)
            case .conflict(let value)?: return ("conflict", setting.text, "the file has another value, which stays: \(value)")
            case .refused(let why)?: return ("refused", setting.text, why)
            case nil: return ("dropped", nil, nil)
            }
        }
    }
}
