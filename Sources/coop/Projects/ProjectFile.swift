import CoopErrors
import Glibc
import LinuxKernel
import Policy
import Projects
import TOML

/// A new `coop.toml`, small and with comments that say what else there is.
struct ProjectFile {
    var name: String
    /// What a bare `coop run` starts.
    var agent: String?
    var network: String?
    var bundles: [String] = []

    var text: String {
        func quoted(_ text: String) -> String { TOMLValue.string(text).text }
        let agentLine = agent.map { "agent = \(quoted($0))" } ?? "# agent = \"NAME\""
        var result = """
            # How coop runs commands in this project. Every key: coop config list. What holds: coop explain.
            name = \(quoted(name))
            # The agent that a bare `coop run` starts.
            \(agentLine)

            # [sandbox]
            # memory = "8G"
            # excludes = ["node_modules"]   # private and empty inside

            """
        if network == nil, bundles.isEmpty {
            result += """

                # [network]
                # bundles = ["npm", "pypi"]     # hosts of package registries: coop net bundles
                # allow = ["api.example.com"]

                """
        } else {
            result += "\n[network]\n"
            if let network { result += "mode = \(quoted(network))\n" }
            result +=
                bundles.isEmpty
                ? "# bundles = [\"npm\", \"pypi\"]   # coop net bundles\n" : "bundles = \(TOMLValue.strings(bundles).text)\n"
            result += "# allow = [\"api.example.com\"]\n"
        }
        return result
    }

    /// Checks what a person has typed by the rules of the configuration.
    func check(_ project: Project) throws(CoopError) {
        let file = ConfigurationFile.project(project)
        if let problem = LoadedConfiguration.decode(text.osBytes, file).1.first {
            throw CoopError(.usage, "cannot use this as the project's configuration", problem.reason, next: "coop project new --help")
        }
        let known = Set(NetworkBundle.names)
        for bundle in bundles where !known.contains(bundle) { _ = try NetworkBundle(named: bundle) }
    }

    /// Writes it, whole or not at all, and never over something that is there.
    func write(to path: String) throws(CoopError) {
        do { try FileSystem.create(path, with: text.osBytes, mode: 0o644) } catch {
            throw error.errno == EEXIST ? ProjectFile.exists(path) : ProjectFile.failure(path, "\(error)")
        }
    }

    static func exists(_ path: String) -> CoopError {
        CoopError(
            .failed, "cannot make \(path.printable)", "there is one already, and it stays as it is",
            next: "coop config list   # or change it: coop config set KEY VALUE")
    }

    private static func failure(_ path: String, _ why: String) -> CoopError {
        CoopError(.failed, "cannot make \(path.printable)", why, next: "ls -ld \(FileSystem.parent(of: path).shellQuoted)")
    }
}
