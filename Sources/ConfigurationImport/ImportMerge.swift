import Projects
import TOML

/// Brings imported settings into a file without changing anything that is there.
public struct ImportMerge {
    /// What became of a setting.
    public enum Result: Sendable, Equatable {
        case added
        /// The file says so already.
        case present
        /// The file says something else, which stays.
        case conflict(String)
        /// Coop does not accept it.
        case refused(String)
    }

    public private(set) var document: TOMLDocument
    private let editor: ConfigurationEditor

    /// - Parameter editor: of the file that the document is meant for; it says what a value may be.
    public init(_ document: TOMLDocument, editor: ConfigurationEditor) {
        self.document = document
        self.editor = editor
    }

    /// Adds one setting.
    public mutating func add(_ setting: ImportedSetting) -> Result {
        if let reason = problem(setting) { return .refused(reason) }
        let node = document.root.node(at: setting.path)
        do throws(TOMLError) {
            switch setting.change {
            case .value(let value):
                if let node { return node.value.hasSameContent(as: value) ? .present : .conflict(node.value.text) }
                document = try document.setting(setting.path, to: value)
            case .element(let value):
                if case .array(let elements)? = node?.value, elements.contains(where: { $0.value.hasSameContent(as: value) }) {
                    return .present
                }
                document = try document.adding([value], to: setting.path)
            case .record(let pairs):
                let table = TOMLValue.table(TOMLTable(pairs))
                if case .array(let elements)? = node?.value {
                    if elements.contains(where: { $0.value.hasSameContent(as: table) }) { return .present }
                    let name = pairs.first { $0.key == "name" }?.value
                    let taken = elements.first { element in
                        guard case .table(let found) = element.value, let name, let other = found["name"] else { return false }
                        return other.value.hasSameContent(as: name)
                    }
                    if let taken { return .conflict(taken.value.text) }
                }
                document = try document.appending(pairs, to: setting.path[0])
            }
            return .added
        } catch {
            return .refused(error.reason)
        }
    }

    /// What is wrong with a setting by itself.
    private func problem(_ setting: ImportedSetting) -> String? {
        do throws(TOMLError) {
            var empty = try TOMLDocument(parsing: [], name: editor.file.name)
            switch setting.change {
            case .value(let value): empty = try empty.setting(setting.path, to: value)
            case .element(let value): empty = try empty.adding([value], to: setting.path)
            case .record(let pairs): empty = try empty.appending(pairs, to: setting.path[0])
            }
            // The name of the project is the file's own affair.
            return editor.problems(in: empty.bytes).first { !($0.key == "name" && setting.path != ["name"]) }?.reason
        } catch {
            return error.reason
        }
    }
}
