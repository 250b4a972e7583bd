import CoopErrors
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
    /// - Parameter text: as on a command line: `4G`; a list separated by commas, or as TOML: `["a", "b"]`.
    /// - Throws: `CoopError` for a key that does not exist, a value that it may not have, and a place that cannot be edited
    ///   safely; the file is then as it was.
    public func set(_ key: String, to text: String) throws(CoopError) {
        let path = try keyPath(key)
        let form = try form(of: path, key)
        let value = try value(text, form, key)
        try change(key) { document throws(TOMLError) in try document.setting(path, to: value) }
    }

    /// Adds texts to a list, in one step; those that it has already stay.
    ///
    /// - Returns: what was added.
    /// - Throws: `CoopError` as `set` does.
    @discardableResult
    public func add(_ texts: [String], to key: ConfigurationKey) throws(CoopError) -> [String] {
        let path = key.path.split(separator: ".").map(String.init)
        var list: [String] = []
        if let bytes = try file.read(), let node = try document(bytes).root.node(at: path), case .array(let elements) = node.value {
            for case .string(let text) in elements.map(\.value) { list.append(text) }
        }
        let added = texts.filter { !list.contains($0) }
        guard !added.isEmpty else { return [] }
        try change(key.path) { document throws(TOMLError) in try document.setting(path, to: .strings(list + added)) }
        return added
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
        let opened = try file.open()
        let before = try file.read()
        let old = try document(before ?? newFile())
        let new: TOMLDocument
        do {
            new = try edit(old)
        } catch {
            throw CoopError(.failed, "cannot change \(file.name.printable)", "\(error)", next: "$EDITOR \(file.path.shellQuoted)")
        }
        // Other mistakes in the file are not made worse by this change, and may be what the user is repairing.
        let known = Set(LoadedConfiguration.decode(old.bytes, file).1.map { "\($0.key) \($0.reason)" })
        let added = LoadedConfiguration.decode(new.bytes, file).1.first { problem in
            !known.contains("\(problem.key) \(problem.reason)")
        }
        if let added { throw CoopError(.configuration, "cannot set `\(key.printable)`", added.reason, next: added.next) }
        let target = opened?.path ?? file.path
        if file.layer == .user { try home.prepare(home.path) }
        guard try file.read() == before else {
            throw CoopError(
                .failed, "cannot change \(file.name.printable)", "another program has just changed it",
                next: "coop config get \(key.shellQuoted)")
        }
        do {
            let mode = try FileSystem.status(target).map { $0.st_mode & 0o777 } ?? (file.layer == .user ? 0o600 : 0o644)
            try FileSystem.replace(target, with: new.bytes, mode: mode)
        } catch {
            throw CoopError(.failed, "cannot write \(file.name.printable)", error.reason, next: "ls -l \(target.shellQuoted)")
        }
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
            throw CoopError(.configuration, "the configuration is wrong", "\(error)", next: "$EDITOR \(file.path.shellQuoted)")
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
                    next: "$EDITOR \(file.path.shellQuoted)"
                )
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
        let parent = path.count > 1 && ConfigurationSchema.sections.contains(path[0]) ? path[0] + "." : ""
        let name = parent.isEmpty ? path[0] : path[1]
        throw CoopError(
            .usage, "cannot set `\(key.printable)`", "there is no such key\(ConfigurationDecoder.hint(name, parent: parent))",
            next: "coop config list   # every key, with its type")
    }

    private func value(_ text: String, _ form: ConfigurationSchema.Form, _ key: String) throws(CoopError) -> TOMLValue {
        switch form {
        case .text, .duration: return .string(text)
        case .size: return Int64(text).map { .integer($0) } ?? .string(text)
        case .count, .fraction:
            if let whole = Int64(text) { return .integer(whole) }
            if case .success(.number(let number)) = ScalarForm.value(text, form) { return .float(number) }
            return .string(text)
        case .list, .mounts, .ports:
            if text.hasPrefix("[") { return try literal(text, key) }
            let parts = text.split(separator: ",").map { part in
                part.drop { $0 == " " }.reversed().drop { $0 == " " }.reversed()
            }.map { String($0) }
            if form == .ports {
                let nowhere = TOMLPosition(line: 1, column: 1, range: 0..<0)
                return .array(parts.map { TOMLNode(value: Int64($0).map { .integer($0) } ?? .string($0), position: nowhere) })
            }
            return .strings(parts)
        case .map: return try literal(text, key)
        case .records, .named:
            throw CoopError(.usage, "cannot set `\(key.printable)`", "it holds tables", next: "$EDITOR \(file.path.shellQuoted)")
        }
    }

    private func literal(_ text: String, _ key: String) throws(CoopError) -> TOMLValue {
        do {
            return try TOMLDocument.value(parsing: text, name: key)
        } catch {
            throw CoopError(.usage, "cannot set `\(key.printable)`", "the value is not TOML: \(error.reason)", next: "coop config list")
        }
    }
}
