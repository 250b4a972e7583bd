import CoopErrors
import LinuxKernel
import Projects
import TOML

/// A file of another tool.
public struct ImportSource: Sendable, Equatable {
    /// The kinds of files that can be read.
    public enum Kind: String, Sendable, CaseIterable {
        case pillbox, abox
        case aboxPolicy = "abox policy"
        case sbx
        case sbxFlavor = "sbx flavor"
        case sbxEnvironment = "sbx environment"
        case sbox, sandbox
        case sandboxManifest = "sandbox manifest"
    }

    public var kind: Kind
    public var path: String
    /// Whether it belongs to a project; otherwise it is the user's own.
    public var isOfProject: Bool

    /// A file by its name and the directories above it; nil for one of no known tool.
    ///
    /// - Parameter path: absolute.
    public init?(path: String, isOfProject: Bool) {
        let parts = FileSystem.components(of: path)
        let name = parts.last ?? ""
        let above = Array(parts.dropLast().suffix(3))
        func lies(_ directories: String...) -> Bool { above.suffix(directories.count).elementsEqual(directories) { $1 == "*" || $0 == $1 } }
        switch name {
        case "pillbox.toml": kind = .pillbox
        case "project.toml" where lies(".abox"): kind = .abox
        case _ where name.hasSuffix(".toml") && lies(".abox", "policies"): kind = .aboxPolicy
        case "config.toml" where lies(".sbx") || lies("sbx"): kind = .sbx
        case "config.toml" where lies(".sbx", "flavors", "*") || lies("sbx", "flavors", "*"): kind = .sbxFlavor
        case "env" where lies(".sbx") || lies("sbx"): kind = .sbxEnvironment
        case "config.yaml", "config.yml":
            if lies(".sbox") { kind = .sbox } else if lies(".sandbox") { kind = .sandbox } else { return nil }
        case ".sandbox.yml", ".sandbox.yaml": kind = .sandboxManifest
        default: return nil
        }
        self.path = path
        self.isOfProject = isOfProject
    }

    /// Everything that can be read in a project and in the user's home.
    ///
    /// - Parameter root: of the project; nil outside of any.
    public static func find(root: String?, home: String, configuration: String? = nil) -> [ImportSource] {
        var paths: [(path: String, isOfProject: Bool)] = []
        func add(_ directory: String, _ name: String, _ isOfProject: Bool) { paths.append((FileSystem.join(directory, name), isOfProject)) }
        // Absence is the usual case: no error.
        func names(_ directory: String) -> [String] { ((try? FileSystem.list(directory)) ?? []).sorted() }
        func each(_ directory: String, _ isOfProject: Bool, _ name: (String) -> String) {
            for entry in names(directory) { add(directory, name(entry), isOfProject) }
        }
        if let root {
            for name in ["pillbox.toml", ".abox/project.toml"] { add(root, name, true) }
            each(root + "/.abox/policies", true) { $0 }
            add(root, ".sbx/config.toml", true)
            each(root + "/.sbx/flavors", true) { $0 + "/config.toml" }
            for name in [".sbx/env", ".sbox/config.yaml", ".sandbox.yml"] { add(root, name, true) }
        }
        each(home + "/.abox/policies", false) { $0 }
        let sbx = FileSystem.join(configuration ?? home + "/.config", "sbx")
        add(sbx, "config.toml", false)
        each(sbx + "/flavors", false) { $0 + "/config.toml" }
        add(sbx, "env", false)
        add(home, ".sandbox/config.yaml", false)
        return paths.filter { FileSystem.kind($0.path) == .file }.compactMap { ImportSource(path: $0.path, isOfProject: $0.isOfProject) }
    }

    /// What the file says, key by key.
    ///
    /// - Parameters:
    ///   - bytes: its contents.
    ///   - name: as it is shown to a person.
    /// - Throws: `CoopError` for a file that is not of its tool's format, with line and column.
    public func findings(in bytes: [UInt8], name: String, facts: ImportFacts) throws(CoopError) -> [ImportFinding] {
        switch kind {
        case .pillbox: return ImportRules.pillbox(home: facts.home).findings(in: try toml(bytes, name))
        case .abox: return ImportRules.abox().findings(in: try toml(bytes, name))
        case .aboxPolicy: return ImportRules.aboxPolicy().findings(in: try toml(bytes, name))
        case .sbx, .sbxFlavor: return ImportRules.sbx(home: facts.home).findings(in: try toml(bytes, name))
        case .sbox: return ImportRules.sbox(home: facts.home).findings(in: try yaml(bytes, name))
        case .sandbox:
            return ImportRules.sandbox(passes: facts.passes, isBlocked: facts.isBlocked).findings(in: try yaml(bytes, name))
        case .sandboxManifest: return ImportRules.sandboxManifest().findings(in: try yaml(bytes, name))
        case .sbxEnvironment: return ImportSource.variables(bytes)
        }
    }

    private func toml(_ bytes: [UInt8], _ name: String) throws(CoopError) -> ImportNode {
        do {
            return ImportNode(try TOMLDocument(parsing: bytes, name: name).root)
        } catch {
            throw CoopError(.configuration, "cannot read \(name.printable)", "\(error)", next: "coop config import --help")
        }
    }

    private func yaml(_ bytes: [UInt8], _ name: String) throws(CoopError) -> ImportNode {
        do {
            return try YAMLReader.read(bytes)
        } catch {
            throw CoopError(
                .configuration, "cannot read \(name.printable)", "\(name.printable):\(error.line):\(error.column): \(error.reason)",
                next: "coop config import --help")
        }
    }

    /// `NAME=VALUE` lines, which reach every sandbox of sbx. Whatever they hold was meant to be kept out of files that are shared.
    private static func variables(_ bytes: [UInt8]) -> [ImportFinding] {
        var result: [ImportFinding] = []
        for (index, line) in bytes.split(separator: UInt8(ascii: "\n"), omittingEmptySubsequences: false).enumerated() {
            var text = String(decoding: line, as: UTF8.self)[...].drop { $0 == " " || $0 == "\t" }
            if text.hasPrefix("export ") { text = text.dropFirst(7) }
            guard let equals = text.firstIndex(of: "="), !text.hasPrefix("#") else { continue }
            let name = String(text[..<equals])
            result.append(
                ImportFinding(key: name.printable, line: index + 1, column: 1, outcome: .secret, next: SecretNames.command(for: name)))
        }
        return result
    }
}
