import CoopErrors
import LinuxKernel

/// The environment bundles that coop keeps: the text of a `.env` file each, readable by the user alone, for all projects or for one. A
/// project's bundle is used whole, in place of a global one of the same name.
public struct BundleStore: Sendable {
    public typealias Scope = SecretStore.Scope

    public struct Record: Sendable, Equatable {
        public var name: BundleName
        public var scope: Scope
        /// When it was loaded last, in seconds since 1970.
        public var changed: Int64
        /// A bundle of the project with the same name is used instead.
        public var isShadowed: Bool
    }

    /// The most bytes that a bundle may have.
    public static let sizeLimit = 1 << 20
    private static let suffix = ".env"

    private let directories: [(scope: Scope, path: String)]

    /// - Parameters:
    ///   - global: `$COOP_HOME/global/env`.
    ///   - project: `$COOP_HOME/projects/KEY/env`; nil outside of any project.
    public init(global: String, project: String?) {
        directories = (project.map { [(.project, $0)] } ?? []) + [(.global, global)]
    }

    /// Every bundle with its text, by name, the project's before the global one.
    public func list() throws(CoopError) -> [(record: Record, text: [UInt8])] {
        var result: [(record: Record, text: [UInt8])] = []
        var own: Set<BundleName> = []
        for (scope, path) in directories {
            guard let directory = try PrivateDirectory.open(path) else { continue }
            for file in try directory.names() where file.hasSuffix(BundleStore.suffix) {
                guard let name = try? BundleName(String(file.dropLast(BundleStore.suffix.count))),
                    var found = try load(name, scope, directory)
                else { continue }
                found.record.isShadowed = scope == .global && own.contains(name)
                if scope == .project { own.insert(name) }
                result.append(found)
            }
        }
        return result.sorted {
            ($0.record.name.text, $0.record.scope == .project ? 0 : 1) < ($1.record.name.text, $1.record.scope == .project ? 0 : 1)
        }
    }

    /// The bundle of that name, of the project before the global one.
    ///
    /// - Parameter scope: only this one.
    public func find(_ name: BundleName, scope: Scope? = nil) throws(CoopError) -> (record: Record, text: [UInt8])? {
        for (candidate, path) in directories where scope == nil || scope == candidate {
            if let directory = try PrivateDirectory.open(path), let found = try load(name, candidate, directory) { return found }
        }
        return nil
    }

    /// Keeps a bundle, durably. One that exists is replaced.
    ///
    /// - Returns: whether it is new.
    public func set(_ name: BundleName, _ text: [UInt8], scope: Scope) throws(CoopError) -> Bool {
        guard text.count <= BundleStore.sizeLimit else {
            throw CoopError(
                .usage, "cannot keep the environment `\(name)`", "it has more than \(BundleStore.sizeLimit >> 20) MiB",
                next: "keep what is large in a file: coop run -m FILE:ro")
        }
        let directory = try PrivateDirectory.make(try path(scope))
        return try directory.locked { () throws(CoopError) in
            let isNew = try directory.modified(name.text + BundleStore.suffix) == nil
            try directory.replace(name.text + BundleStore.suffix, with: text)
            return isNew
        }
    }

    /// Forgets a bundle.
    ///
    /// - Returns: whether there was one.
    public func remove(_ name: BundleName, scope: Scope) throws(CoopError) -> Bool {
        guard let directory = try PrivateDirectory.open(try path(scope)) else { return false }
        return try directory.locked { () throws(CoopError) in try directory.remove(name.text + BundleStore.suffix) }
    }

    private func path(_ scope: Scope) throws(CoopError) -> String {
        guard let found = directories.first(where: { $0.scope == scope }) else {
            throw CoopError(
                .usage, "there is no project here", "the environment would belong to one", next: "coop env load --global NAME FILE")
        }
        return found.path
    }

    private func load(_ name: BundleName, _ scope: Scope, _ directory: PrivateDirectory) throws(CoopError) -> (
        record: Record, text: [UInt8]
    )? {
        let file = name.text + BundleStore.suffix
        guard let text = try directory.read(file, limit: BundleStore.sizeLimit), let changed = try directory.modified(file) else {
            return nil
        }
        return (Record(name: name, scope: scope, changed: changed, isShadowed: false), text)
    }
}
