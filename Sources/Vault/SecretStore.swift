import CoopErrors
import Glibc
import LinuxKernel
import Substitution

/// The secrets that coop keeps: one file each, readable by the user alone, for all projects or for one. The project's own come first.
///
/// A file begins with lines about the secret and holds the value, byte by byte, after an empty line:
///
/// ```
/// coop-secret 1
/// created=1763716000
/// changed=1763716000
/// provider=openai
///
/// sk-…
/// ```
public struct SecretStore: Sendable {
    public enum Scope: String, Sendable, CaseIterable, Codable { case project, global }

    /// What is known about a secret without its value.
    public struct Record: Sendable, Equatable {
        public var name: SecretName
        public var scope: Scope
        /// Seconds since 1970.
        public var created: Int64
        public var changed: Int64
        /// The provider that it is for, if that was said.
        public var provider: String?
        /// A secret of the project with the same name is used instead.
        public var isShadowed: Bool
    }

    /// The most bytes that a value may have.
    public static let sizeLimit = 64 << 10
    private static let suffix = ".secret"
    private static let header = "coop-secret 1"

    private let directories: [(scope: Scope, path: String)]

    /// - Parameters:
    ///   - global: `$COOP_HOME/global/secrets`.
    ///   - project: `$COOP_HOME/projects/KEY/secrets`; nil outside of any project.
    public init(global: String, project: String?) {
        directories = (project.map { [(.project, $0)] } ?? []) + [(.global, global)]
    }

    /// Every secret, by name, the project's before the global one.
    public func list() throws(CoopError) -> [Record] {
        var result: [Record] = []
        var own: Set<SecretName> = []
        for (scope, path) in directories {
            guard let directory = try PrivateDirectory.open(path) else { continue }
            for file in try directory.names() where file.hasSuffix(SecretStore.suffix) {
                guard let name = try? SecretName(String(file.dropLast(SecretStore.suffix.count))),
                    var found = try load(name, scope, directory)
                else { continue }
                found.value.wipe()
                found.record.isShadowed = scope == .global && own.contains(name)
                if scope == .project { own.insert(name) }
                result.append(found.record)
            }
        }
        return result.sorted { ($0.name.text, $0.scope == .project ? 0 : 1) < ($1.name.text, $1.scope == .project ? 0 : 1) }
    }

    /// The secret of that name, of the project before the global one.
    ///
    /// - Parameter scope: only this one.
    public func find(_ name: SecretName, scope: Scope? = nil) throws(CoopError) -> (record: Record, value: SecretBytes)? {
        for (candidate, path) in directories where scope == nil || scope == candidate {
            guard let directory = try PrivateDirectory.open(path), var found = try load(name, candidate, directory) else { continue }
            return (found.record, SecretBytes(wiping: &found.value))
        }
        return nil
    }

    /// Every secret that can be used here, with its value.
    public func all() throws(CoopError) -> [(name: String, value: SecretBytes)] {
        var result: [(name: String, value: SecretBytes)] = []
        for record in try list() {
            if let found = try find(record.name, scope: record.scope) { result.append((record.name.text, found.value)) }
        }
        return result
    }

    /// Keeps a value, durably. One that exists is replaced.
    ///
    /// - Parameters:
    ///   - provider: nil leaves what was known.
    ///   - now: seconds since 1970.
    /// - Returns: whether it is new.
    @discardableResult
    public func set(
        _ name: SecretName, _ value: SecretBytes, scope: Scope, provider: String? = nil, replace: Bool = true, now: Int64 = Int64(time(nil))
    ) throws(CoopError) -> Bool {
        guard value.count > 0 else {
            throw CoopError(
                .usage, "cannot keep `\(name)`", "the value is empty", next: "coop secret add \(name)   # then type or paste it")
        }
        guard value.count <= SecretStore.sizeLimit else {
            throw CoopError(
                .usage, "cannot keep `\(name)`", "the value has more than \(SecretStore.sizeLimit >> 10) KiB",
                next: "coop secret add --help")
        }
        let directory = try PrivateDirectory.make(try path(scope))
        return try directory.locked { () throws(CoopError) in
            var old = try load(name, scope, directory)
            old?.value.wipe()
            if old != nil, !replace {
                throw CoopError(
                    .failed, "cannot keep `\(name)`", "there is a secret of that name", next: "coop secret add \(name) --replace")
            }
            var lines = [SecretStore.header, "created=\(old?.record.created ?? now)", "changed=\(now)"]
            if let provider = provider ?? old?.record.provider { lines.append("provider=\(provider)") }
            var bytes = Array((lines.joined(separator: "\n") + "\n\n").utf8)
            // Reserved in one go, so that no copy of the value is left behind where the array was before it grew.
            var whole: [UInt8] = []
            whole.reserveCapacity(bytes.count + value.count)
            whole.append(contentsOf: bytes)
            value.withBytes { whole.append(contentsOf: $0) }
            defer { whole.wipe() }
            bytes.removeAll()
            try directory.replace(name.text + SecretStore.suffix, with: whole)
            return old == nil
        }
    }

    /// Forgets a secret.
    ///
    /// - Returns: whether there was one.
    @discardableResult
    public func remove(_ name: SecretName, scope: Scope) throws(CoopError) -> Bool {
        guard let directory = try PrivateDirectory.open(try path(scope)) else { return false }
        return try directory.locked { () throws(CoopError) in try directory.remove(name.text + SecretStore.suffix) }
    }

    private func path(_ scope: Scope) throws(CoopError) -> String {
        guard let found = directories.first(where: { $0.scope == scope }) else {
            throw CoopError(.usage, "there is no project here", "the secret would belong to one", next: "coop secret add --global NAME")
        }
        return found.path
    }

    private func load(_ name: SecretName, _ scope: Scope, _ directory: PrivateDirectory) throws(CoopError) -> (
        record: Record, value: [UInt8]
    )? {
        let file = name.text + SecretStore.suffix
        guard var bytes = try directory.read(file, limit: SecretStore.sizeLimit + 4096) else { return nil }
        defer { bytes.wipe() }
        var record = Record(name: name, scope: scope, created: 0, changed: 0, provider: nil, isShadowed: false)
        var rest = bytes[...]
        var isFirst = true
        while let end = rest.firstIndex(of: 10) {
            let line = String(decoding: rest[..<end], as: UTF8.self)
            rest = rest[(end + 1)...]
            if isFirst {
                guard line == SecretStore.header else { break }
                isFirst = false
                continue
            }
            if line.isEmpty { return (record, Array(rest)) }
            let parts = line.split(separator: "=", maxSplits: 1).map(String.init)
            guard parts.count == 2 else { break }
            switch parts[0] {
            case "created": record.created = Int64(parts[1]) ?? 0
            case "changed": record.changed = Int64(parts[1]) ?? 0
            case "provider": record.provider = parts[1]
            default: break
            }
        }
        throw CoopError(
            .failed, "cannot read the secret `\(name)`", "\(FileSystem.join(directory.path, file).printable) is damaged",
            next: "coop secret rm \(scope == .global ? "--global " : "")\(name)")
    }
}
