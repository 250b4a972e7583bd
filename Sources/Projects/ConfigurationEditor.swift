import CoopErrors
import Glibc
import LinuxKernel
import TOML

/// Reads and changes single keys of one configuration file, keeping everything else in it: comments, order, spacing.
public struct ConfigurationEditor: Sendable {
    public let file: ConfigurationFile
    private let home: CoopHome

    /// - Parameter file: `.project(…)`, `.local(…)` or `.user(…)`.
    public init(_ file: ConfigurationFile, home: CoopHome) {
        self.file = file
        self.home = home
    }

    /// The value that this file gives a key, as a person writes it; nil when it has none.
    public func get(_ key: String) throws(CoopError) -> (text: String, origin: ConfigurationOrigin)? {
        let path = try keyPath(key)
        guard let bytes = try file.read(), let node = try document(bytes).root.node(at: path) else { return nil }
        let origin = ConfigurationOrigin(
            layer: file.layer, name: file.name, line: node.position.line, column: node.position.column)
        if case .string(let text) = node.value { return (text, origin) }
        return (node.value.text, origin)
    }

    /// Sets a key, in one step.
    ///
    /// - Parameter texts: as on a command line. One for a single value: `4G`. For a list any number, each with elements between commas, or
    ///   one as TOML: `["a", "b"]`. For a table `NAME=VALUE` each, or one as TOML.
    /// - Throws: `CoopError` for a key that does not exist, a value that it may not have, and a place that cannot be edited
    ///   safely; the file is then as it was.
    public func set(_ key: String, to texts: [String]) throws(CoopError) {
        let path = try keyPath(key)
        let value = try SettingText(key: key, form: try form(of: path, key), file: file).value(texts)
        try change(key) { document throws(TOMLError) in try document.setting(path, to: value) }
    }

    /// Adds to a list or table, in one step; what is there already stays as it is.
    ///
    /// - Parameter texts: as `set` takes them.
    /// - Returns: the elements, or names, that were added.
    /// - Throws: `CoopError` as `set` does, and for a name that has another value already.
    @discardableResult
    public func add(_ texts: [String], to key: String) throws(CoopError) -> [String] {
        let path = try keyPath(key)
        let collection = try SettingText(key: key, form: try form(of: path, key), file: file).collection(texts)
        var added: [String] = []
        var taken: String?
        try change(key) { document throws(TOMLError) in
            let old = document.root.node(at: path)?.value
            switch collection {
            case .elements(let wanted):
                let new = wanted.filter { value in !(old?.elements ?? []).contains { $0.value.hasSameContent(as: value) } }
                added = new.map(\.plainText)
                return new.isEmpty ? document : try document.adding(new, to: path)
            case .pairs(let wanted):
                var result = document
                for pair in wanted {
                    if case .table(let table)? = old, let found = table[pair.name] {
                        if !found.value.hasSameContent(as: pair.value) { taken = pair.name }
                        continue
                    }
                    result = try result.setting(path + [pair.name], to: pair.value)
                    added.append(pair.name)
                }
                return taken == nil ? result : document
            }
        }
        if let taken {
            throw CoopError(
                .usage, "cannot add `\(taken.printable)` to `\(key.printable)`", "it has another value already",
                next: "coop config set \(TOMLValue.keyText(path + [taken]).shellQuoted) VALUE")
        }
        return added
    }

    /// Takes elements out of a list, or names out of a table, in one step.
    ///
    /// - Returns: what was there and is no more.
    @discardableResult
    public func remove(_ texts: [String], from key: String) throws(CoopError) -> [String] {
        let path = try keyPath(key)
        let form = try form(of: path, key)
        var wanted: [TOMLValue] = []
        if case .map = form {
        } else if case .elements(let values) = try SettingText(key: key, form: form, file: file).collection(texts) {
            wanted = values
        }
        guard try get(key) != nil else { return [] }
        var removed: [String] = []
        try change(key) { document throws(TOMLError) in
            var result = document
            switch document.root.node(at: path)?.value {
            case .array(let elements)?:
                for index in elements.indices.reversed() where wanted.contains(where: { $0.hasSameContent(as: elements[index].value) }) {
                    result = try result.removing(element: index, at: path)
                    removed.insert(elements[index].value.plainText, at: 0)
                }
            case .table(let table)?:
                for name in texts where table[name] != nil {
                    result = try result.removing(path + [name]) ?? result
                    removed.append(name)
                }
            default: break
            }
            return result
        }
        return removed
    }

    /// Removes a key, in one step.
    ///
    /// - Returns: whether it was there.
    @discardableResult
    public func unset(_ key: String) throws(CoopError) -> Bool {
        let path = try keyPath(key)
        guard let bytes = try file.read(), try document(bytes).root.node(at: path) != nil else { return false }
        try change(key) { document throws(TOMLError) in try document.removing(path) ?? document }
        return true
    }

    /// Adds a table to an array of tables, `[[grants]]`, in one step.
    ///
    /// - Throws: `CoopError` as `set` does.
    public func append(_ pairs: [(key: String, value: RecordValue)], to key: ConfigurationKey) throws(CoopError) {
        try change(key.path) { document throws(TOMLError) in
            try document.appending(
                pairs.map { pair in
                    switch pair.value {
                    case .text(let text): (pair.key, .string(text))
                    case .list(let texts): (pair.key, .strings(texts))
                    }
                }, to: key.path)
        }
    }

    /// A field's value of a table in an array of tables.
    public enum RecordValue: Sendable {
        case text(String)
        case list([String])
    }

    /// The names of the tables in an array of tables; none where the file cannot be read as TOML.
    public static func recordNames(_ bytes: [UInt8], _ file: ConfigurationFile, key: ConfigurationKey) -> [String] {
        guard let root = try? TOMLDocument(parsing: bytes, name: file.name).root, case .array(let elements)? = root[key.path]?.value else {
            return []
        }
        return elements.compactMap { element in
            guard case .table(let table) = element.value, case .string(let name)? = table["name"]?.value else { return nil }
            return name
        }
    }

    /// Removes the tables of an array of tables whose `name` is the given one, in one step.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    public func remove(named name: String, from key: ConfigurationKey) throws(CoopError) -> Bool {
        func place(_ document: TOMLDocument) -> Int? {
            guard case .array(let elements)? = document.root[key.path]?.value else { return nil }
            return elements.firstIndex { element in
                guard case .table(let table) = element.value, case .string(let found)? = table["name"]?.value else { return false }
                return found.utf8.elementsEqual(name.utf8)
            }
        }
        guard let bytes = try file.read(), place(try document(bytes)) != nil else { return false }
        try change(key.path) { document throws(TOMLError) in
            var result = document
            while let index = place(result) { result = try result.removing(element: index, of: key.path) }
            return result
        }
        return true
    }

    private func change(_ key: String, _ edit: (TOMLDocument) throws(TOMLError) -> TOMLDocument) throws(CoopError) {
        try lock.locked { () throws(CoopError) in
            let before = try file.read()
            let old = try document(before ?? newFile())
            let new: TOMLDocument
            do {
                new = try edit(old)
            } catch {
                throw CoopError(.failed, "cannot change \(file.name.printable)", "\(error)", next: file.editCommand)
            }
            // Other mistakes in the file are not made worse by this change, and may be what the user is repairing.
            let known = Set(LoadedConfiguration.decode(old.bytes, file).1.map { "\($0.key) \($0.reason)" })
            let added = LoadedConfiguration.decode(new.bytes, file).1.first { problem in
                !known.contains("\(problem.key) \(problem.reason)")
            }
            if let added {
                throw CoopError(
                    .configuration, "cannot set `\(key.printable)`", ConfigurationEditor.reason(added, about: key), next: added.next)
            }
            if new.bytes == before { return }
            try write(new.bytes, insteadOf: before)
        }
    }

    /// The reason without the key's name in front, which the message has said already.
    private static func reason(_ problem: ConfigurationProblem, about key: String) -> String {
        for (beginning, instead) in [("`\(key)`: ", ""), ("`\(key)` has a wrong value: ", ""), ("`\(key)` must ", "it must ")]
        where problem.reason.hasPrefix(beginning) {
            return instead + problem.reason.dropFirst(beginning.count)
        }
        return problem.reason
    }

    /// The file as a person would edit it: its bytes, or what a new one begins with.
    ///
    /// - Returns: also what is on the disk now, for `replace`.
    public func text() throws(CoopError) -> (bytes: [UInt8], before: [UInt8]?) {
        let before = try file.read()
        return (before ?? newFile(), before)
    }

    /// Everything that is wrong in a text that is meant for this file, in the order of its lines.
    public func problems(in bytes: [UInt8]) -> [ConfigurationProblem] {
        if bytes.count > TOMLDocument.sizeLimit {
            let origin = ConfigurationOrigin(layer: file.layer, name: file.name, line: 1, column: 1)
            return [ConfigurationProblem(key: "", origin: origin, reason: "it is larger than \(TOMLDocument.sizeLimit) bytes")]
        }
        return LoadedConfiguration.decode(bytes, file).1.sorted {
            ($0.origin.line, $0.origin.column) < ($1.origin.line, $1.origin.column)
        }
    }

    /// Replaces the whole text, in one step.
    ///
    /// - Parameter before: what the file has to hold; nil where there is none.
    /// - Throws: `CoopError` when the text is wrong, or the file holds something else by now.
    public func replace(with bytes: [UInt8], insteadOf before: [UInt8]?) throws(CoopError) {
        if let problem = problems(in: bytes).first { throw problem.error }
        try lock.locked { () throws(CoopError) in try write(bytes, insteadOf: before) }
    }

    private func write(_ bytes: [UInt8], insteadOf before: [UInt8]?) throws(CoopError) {
        let opened = try file.open()
        let target = opened?.path ?? file.path
        guard try file.read() == before else {
            throw CoopError(
                .failed, "cannot change \(file.name.printable)", "another program has just changed it", next: file.editCommand)
        }
        do {
            let found = try FileSystem.status(target)
            let mode = found.map { $0.st_mode & 0o777 } ?? (file.layer == .user ? 0o600 : 0o644)
            // Root in a user's project, or a member of a group: the file stays its owner's.
            var owner: (user: uid_t, group: gid_t)?
            if let found, found.st_uid != geteuid() || found.st_gid != getegid() { owner = (found.st_uid, found.st_gid) }
            if found == nil, geteuid() == 0, file.layer != .user, let parent = try FileSystem.status(FileSystem.parent(of: target)) {
                owner = (parent.st_uid, parent.st_gid)
            }
            try FileSystem.replace(target, with: bytes, mode: mode, owner: owner)
        } catch {
            let reason =
                error.call == "fchown" ? "it would not stay its owner's (\(error.reason.printable))" : error.reason
            throw CoopError(.failed, "cannot write \(file.name.printable)", reason, next: "ls -l \(target.shellQuoted)")
        }
    }

    /// Coop's own file: one beside the configuration could be held for ever by a sandbox that sees the project.
    private var lock: DirectoryLock {
        DirectoryLock(home: home, directory: FileSystem.join(home.path, "state"), name: "configuration.lock", what: "the configuration")
    }

    /// What a file begins with that does not exist yet. coop.toml must name its project, or setting any other key would make
    /// a file that no command accepts.
    private func newFile() -> [UInt8] {
        guard file.layer == .project else { return [] }
        let directory = FileSystem.lastComponent(of: FileSystem.parent(of: file.path))
        let isName =
            !directory.isEmpty
            && directory.utf8.allSatisfy { byte in
                byte.isLetter || byte.isDigit || byte == UInt8(ascii: "-") || byte == UInt8(ascii: "_") || byte == UInt8(ascii: ".")
            }
        let name = isName && TextRule.problem(directory, .name) == nil ? directory : "project"
        return Array("name = \"\(name)\"\n".utf8)
    }

    private func document(_ bytes: [UInt8]) throws(CoopError) -> TOMLDocument {
        do {
            return try TOMLDocument(parsing: bytes, name: file.name)
        } catch {
            throw CoopError(.configuration, "the configuration is wrong", "\(error)", next: file.editCommand)
        }
    }

    private func keyPath(_ key: String) throws(CoopError) -> [String] {
        do {
            return try TOMLDocument.keyPath(parsing: key)
        } catch {
            throw CoopError(.usage, "`\(key.printable)` is not a key", error.reason, next: "coop config list")
        }
    }

    // MARK: Values

    /// The form of the value at a path, also inside tables with names.
    private func form(of path: [String], _ key: String) throws(CoopError) -> ConfigurationSchema.Form {
        if let (found, rest) = ConfigurationSchema.key(at: path) {
            switch (found.schema.form, rest.count) {
            case (.records, _), (.named, 0):
                throw CoopError(
                    .usage, "cannot set `\(key.printable)`", "`\(found.path)` holds tables; edit the file by hand",
                    next: file.editCommand)
            case (let form, 0): return form
            case (.map(_, let values), 1): return .text(values)
            case (.named(let fields), 2):
                if let field = fields.first(where: { $0.name == rest.last }) { return field.form }
                let near = NearestName.find(rest.last ?? "", among: fields.map(\.name)).map { "; did you mean `\($0)`?" } ?? ""
                throw CoopError(.usage, "cannot set `\(key.printable)`", "there is no such key\(near)", next: "coop config list")
            case (.named, 1):
                throw CoopError(.usage, "cannot set `\(key.printable)`", "it is a table; name one of its keys", next: "coop config list")
            default: break
            }
        }
        if path.count == 1, ConfigurationSchema.sections.contains(path[0]) {
            throw CoopError(.usage, "cannot set `\(key.printable)`", "it is a table; name one of its keys", next: "coop config list")
        }
        let parent = path.count > 1 && ConfigurationSchema.sections.contains(path[0]) ? path[0] + "." : ""
        let name = parent.isEmpty ? path[0] : path[1]
        throw CoopError(
            .usage, "cannot set `\(key.printable)`", "there is no such key\(ConfigurationDecoder.hint(name, parent: parent))",
            next: "coop config list   # every key, with its type")
    }
}
