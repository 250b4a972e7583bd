import CoopErrors
import LinuxKernel
import TOML

/// The layers of one project, read and checked, before they come together.
public struct LoadedConfiguration: Sendable {
    public var layers: [ConfigurationLayer]
    /// The repository's files as they were read; nil for one that does not exist. What is approved are these bytes.
    public var projectFile: [UInt8]?
    public var localFile: [UInt8]?

    /// Reads every source.
    ///
    /// - Parameters:
    ///   - project: the project whose files are read; nil outside of any, for commands that need none.
    ///   - variables: `NAME=VALUE` of the environment.
    ///   - flags: options of the command line.
    /// - Throws: `CoopError` for the first thing that is wrong, with its place.
    public static func load(
        project: Project?, home: CoopHome, variables: [String] = ConfigurationLayer.processVariables(), flags: [ConfigurationFlag] = []
    ) throws(CoopError) -> LoadedConfiguration {
        var problems: [ConfigurationProblem] = []
        let result = try load(project: project, home: home, variables: variables, flags: flags, problems: &problems)
        if let first = problems.first { throw first.error }
        return result
    }

    /// Everything that is wrong in a project's sources, for `coop config validate`; empty when they are fine.
    public static func problems(
        project: Project?, home: CoopHome, variables: [String] = ConfigurationLayer.processVariables()
    ) throws(CoopError) -> [ConfigurationProblem] {
        try reading(project: project, home: home, variables: variables).problems
    }

    /// Every source as far as it can be understood, and everything that is wrong: what is wrong is as if it had not been said.
    public static func reading(
        project: Project?, home: CoopHome, variables: [String] = ConfigurationLayer.processVariables()
    ) throws(CoopError) -> (loaded: LoadedConfiguration, problems: [ConfigurationProblem]) {
        var problems: [ConfigurationProblem] = []
        let loaded = try load(project: project, home: home, variables: variables, flags: [], problems: &problems)
        return (loaded, problems)
    }

    private static func load(
        project: Project?, home: CoopHome, variables: [String], flags: [ConfigurationFlag], problems: inout [ConfigurationProblem]
    ) throws(CoopError) -> LoadedConfiguration {
        var result = LoadedConfiguration(layers: [])
        if let project {
            let file = ConfigurationFile.project(project)
            result.projectFile = try file.read()
            if let bytes = result.projectFile { result.add(file, bytes, &problems) }
            let local = ConfigurationFile.local(project)
            result.localFile = try local.read()
            if let bytes = result.localFile { result.add(local, bytes, &problems) }
        }
        let user = ConfigurationFile.user(home)
        if let bytes = try user.read() { result.add(user, bytes, &problems) }
        result.layers.append(.environment(variables, problems: &problems))
        do throws(ConfigurationProblem) {
            result.layers.append(try .flags(flags))
        } catch { problems.append(error) }
        return result
    }

    private mutating func add(_ file: ConfigurationFile, _ bytes: [UInt8], _ problems: inout [ConfigurationProblem]) {
        let (layer, found) = LoadedConfiguration.decode(bytes, file)
        problems += found
        layers.append(layer)
    }

    /// One file's contents as a layer, with what is wrong in it.
    package static func decode(_ bytes: [UInt8], _ file: ConfigurationFile) -> (ConfigurationLayer, [ConfigurationProblem]) {
        var decoder = ConfigurationDecoder(file.layer, name: file.name)
        do {
            decoder.decode(try TOMLDocument(parsing: bytes, name: file.name))
        } catch {
            let origin = ConfigurationOrigin(
                layer: file.layer, name: file.name, line: error.position.line, column: error.position.column)
            return (
                decoder.layer,
                [ConfigurationProblem(key: "", origin: origin, reason: error.reason, next: file.editCommand)]
            )
        }
        var problems = decoder.problems
        if file.layer == .project, decoder.layer.configuration[.name] == nil, !problems.contains(where: { $0.key == "name" }) {
            let origin = ConfigurationOrigin(layer: file.layer, name: file.name, line: 1, column: 1)
            problems.append(
                ConfigurationProblem(key: "name", origin: origin, reason: "`name` is missing", next: "coop config set name NAME"))
        }
        return (decoder.layer, problems)
    }

    /// The configuration in force.
    public func resolve(isApproved: (ApprovalRequest) -> Bool = { _ in false }) -> ResolvedConfiguration {
        ConfigurationMerge.resolve(layers, isApproved: isApproved)
    }

    /// The SHA-256 of the repository's files: which exist, how long they are, and their bytes.
    public var contentDigest: String { LoadedConfiguration.digest(projectFile: projectFile, localFile: localFile) }

    static func digest(projectFile: [UInt8]?, localFile: [UInt8]?) -> String {
        var hash = SHA256()
        for file in [projectFile, localFile] {
            // The length before the bytes: moving text from one file to the other must change the digest.
            hash.update("\(file.map { String($0.count) } ?? "none")\n".utf8)
            if let file { hash.update(file) }
        }
        return hash.hexDigest()
    }
}
