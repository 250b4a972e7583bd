import Glibc
import LinuxKernel

/// How git runs on the host over data that a sandbox may have written: one environment, one list of settings, one list of configuration that it
/// may have from the user's repository. ``HostGit`` and ``IsolatedGit`` add where the repository is.
///
/// The lists of configuration allow; they do not deny. Names of configuration that git runs are open-ended (`filter.<any>.clean`,
/// `merge.<any>.driver` come from a tracked `.gitattributes`), and those of the user's repository are for the user's own git.
struct HardenedGit: Sendable {
    let executable: String

    /// Where one call works, and with what.
    struct Call {
        var gitDirectory: String
        var workTree: String?
        /// Further settings, `name=value`, which win over those that are fixed.
        var options: [String] = []
        /// Further variables, `NAME=value`.
        var variables: [String] = []
        var directory = "/"
        var limits = HostProcess.Limits()

        /// A tree that names itself many times is small, and has no end: git may not use the host's memory for it.
        fileprivate var boundedLimits: HostProcess.Limits {
            var result = limits
            result.memory = limits.memory ?? 2 << 30
            return result
        }
    }

    func run(_ arguments: [String], input: [UInt8], _ call: Call) throws(SystemError) -> HostProcess.Outcome {
        try HostProcess.run(
            executable, HardenedGit.arguments(call) + arguments, environment: HardenedGit.environment + call.variables,
            directory: call.directory, input: input, limits: call.boundedLimits)
    }

    /// Starts git with a descriptor as its standard input.
    func start(_ arguments: [String], input: Descriptor?, _ call: Call) throws(SystemError) -> HostProcess {
        try HostProcess.start(
            executable, HardenedGit.arguments(call) + arguments, environment: HardenedGit.environment + call.variables,
            directory: call.directory, input: input, limits: call.boundedLimits)
    }

    /// The repository is named, never searched for, so that nothing the sandbox made is taken for one.
    private static func arguments(_ call: Call) -> [String] {
        var result = ["--no-pager", "--git-dir=\(call.gitDirectory)"]
        if let tree = call.workTree { result.append("--work-tree=\(tree)") }
        for option in options + call.options { result += ["-c", option] }
        return result
    }

    /// Belt and braces: the commands used do not look at most of these.
    private static let options = [
        "core.hooksPath=/dev/null", "core.fsmonitor=false", "core.untrackedCache=keep", "core.splitIndex=false", "core.pager=cat",
        "core.editor=false", "core.sshCommand=false", "core.askPass=", "core.gitProxy=none", "core.alternateRefsCommand=false",
        "core.attributesFile=/dev/null", "core.excludesFile=/dev/null", "core.preloadIndex=false", "credential.helper=",
        "diff.external=", "gc.auto=0", "gc.autoDetach=false", "maintenance.auto=false", "protocol.allow=never",
        "submodule.recurse=false", "fetch.recurseSubmodules=false", "commit.gpgSign=false", "tag.gpgSign=false",
        "push.gpgSign=false", "log.showSignature=false", "safe.bareRepository=all", "advice.detachedHead=false",
    ]

    /// Made from nothing; system and global configuration are not read.
    private static let environment = [
        "PATH=/usr/bin:/bin", "HOME=/nonexistent", "XDG_CONFIG_HOME=/nonexistent", "LC_ALL=C", "GIT_CONFIG_NOSYSTEM=1",
        "GIT_CONFIG_SYSTEM=/dev/null", "GIT_CONFIG_GLOBAL=/dev/null", "GIT_ATTR_NOSYSTEM=1", "GIT_TERMINAL_PROMPT=0",
        "GIT_OPTIONAL_LOCKS=0", "GIT_NO_REPLACE_OBJECTS=1", "GIT_NO_LAZY_FETCH=1", "GIT_ALLOW_PROTOCOL=none",
        "GIT_CEILING_DIRECTORIES=/", "GIT_PAGER=cat", "GIT_EDITOR=false", "GIT_ASKPASS=false", "GIT_SSH_COMMAND=false",
        "GIT_PROTOCOL_FROM_USER=0", "GIT_LITERAL_PATHSPECS=1",
    ]

    // MARK: - Configuration

    /// How files look in a working tree, who commits, and how lines, names and histories are compared. None of it names a program or a file.
    static let keys: Set<String> = [
        "core.filemode", "core.ignorecase", "core.symlinks", "core.precomposeunicode", "core.autocrlf", "core.eol", "core.checkstat",
        "core.trustctime", "core.sparsecheckout", "core.sparsecheckoutcone", "core.protecthfs", "core.protectntfs",
        "core.bigfilethreshold", "core.compression", "core.loosecompression", "index.sparse", "user.name", "user.email",
        "user.useconfigonly", "author.name", "author.email", "committer.name", "committer.email", "merge.renames", "merge.renamelimit",
        "merge.directoryrenames", "merge.renormalize", "merge.log", "merge.suppressdest", "merge.ff", "merge.conflictstyle",
        "diff.renames", "diff.renamelimit", "diff.algorithm", "i18n.commitencoding", "checkout.workers",
        "checkout.thresholdforparallelism",
    ]

    /// How the user's repository is stored: for git that works in it, not for a git directory of coop's own.
    static let storageKeys: Set<String> = [
        "extensions.objectformat", "extensions.refstorage", "extensions.partialclone", "core.sharedrepository", "core.logallrefupdates",
    ]

    /// A path in a variable whose parts are separated by colons, or on a line of an alternates file: one that could be read otherwise is
    /// written like a C string (git(1), GIT_ALTERNATE_OBJECT_DIRECTORIES).
    static func quoted(_ path: String) -> String {
        guard path.utf8.contains(where: { $0 == UInt8(ascii: ":") || $0 == UInt8(ascii: "\"") || $0 < 0x20 }) else { return path }
        var result = "\""
        for character in path.unicodeScalars {
            if character == "\"" || character == "\\" { result += "\\" }
            if character == "\n" { result += "\\n" } else { result.unicodeScalars.append(character) }
        }
        return result + "\""
    }
}
