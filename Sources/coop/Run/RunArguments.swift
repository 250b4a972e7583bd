import ArgumentParser

/// The options that `run`, `shell` and `explain` share, as the command line spells them.
struct RunArguments: ParsableArguments {
    @Option(name: [.customShort("m"), .long], help: ArgumentHelp("Show a host path inside.", valueName: "HOST[:GUEST][:ro]"))
    var mount: [String] = []

    @Option(name: [.customShort("e"), .long], help: ArgumentHelp("Set a variable, or pass on the host's.", valueName: "KEY[=VALUE]"))
    var env: [String] = []

    @Option(help: ArgumentHelp("Read variables from a file of KEY=VALUE lines.", valueName: "PATH"))
    var envFile: [String] = []

    @Option(
        help: ArgumentHelp("Set the variables of an environment: coop env load.", valueName: "NAME"),
        completion: NameCompletion.environments)
    var envBundle: [String] = []

    @Option(help: ArgumentHelp("Let variables of these names in (a glob).", valueName: "GLOB"))
    var envAllow: [String] = []

    @Option(help: ArgumentHelp("Keep variables of these names out; wins over everything.", valueName: "GLOB"))
    var envBlock: [String] = []

    @Option(help: ArgumentHelp("What can be reached: none, scoped or open.", valueName: "MODE"))
    var network: String?

    @Option(help: ArgumentHelp("Let this host be reached: example.com, *.example.com, example.com:8443.", valueName: "HOST"))
    var allow: [String] = []

    @Option(help: ArgumentHelp("Keep this host out of reach; wins over everything.", valueName: "HOST"))
    var deny: [String] = []

    @Flag(help: "Ask at the terminal about hosts that no rule names, instead of refusing them.")
    var ask = false

    @Option(help: ArgumentHelp("The engine: native.", valueName: "ENGINE"))
    var engine: String?

    @Option(help: ArgumentHelp("How the project appears: bind, worktree, overlay or none.", valueName: "MODE"))
    var workspace: String?

    @Option(
        help: ArgumentHelp("Work in this task: a branch coop/NAME with a working tree of its own, made if need be.", valueName: "NAME"),
        completion: NameCompletion.tasks)
    var task: String?

    @Option(help: ArgumentHelp("Make a new task from this branch, not from the one that is checked out.", valueName: "BRANCH"))
    var base: String?

    @Option(help: ArgumentHelp("The directory to start in.", valueName: "PATH"))
    var workdir: String?

    @Option(help: ArgumentHelp("Memory of the whole sandbox: 4G.", valueName: "SIZE"))
    var memory: String?

    @Option(help: ArgumentHelp("Processors, as a fraction: 1.5.", valueName: "COUNT"))
    var cpus: String?

    @Option(help: ArgumentHelp("Processes and threads.", valueName: "COUNT"))
    var pids: String?

    @Option(help: ArgumentHelp("Storage of the sandbox's own.", valueName: "SIZE"))
    var disk: String?

    @Option(help: ArgumentHelp("End the command after this time: 15m. Exit code 124.", valueName: "TIME"))
    var timeout: String?

    @Option(help: ArgumentHelp("A name for the sandbox.", valueName: "NAME"))
    var name: String?

    @Option(help: ArgumentHelp("A remark that `coop ps` shows.", valueName: "TEXT"))
    var label: String?

    @Option(
        help: ArgumentHelp("Let something of your session be used inside: ssh-agent, gpg, docker, display, clipboard.", valueName: "NAME"))
    var forward: [String] = []

    @Option(help: ArgumentHelp("A seccomp profile in OCI form, which can only narrow.", valueName: "FILE"))
    var seccomp: String?

    @Option(help: ArgumentHelp("Widen the system calls by a group: ptrace, nested-userns, …", valueName: "GROUP"))
    var allowSyscalls: [String] = []

    @Option(help: ArgumentHelp("Run although these layers are missing (comma-separated).", valueName: "LAYER"))
    var degraded: [String] = []

    @Flag(help: "A home directory in memory, gone afterwards.")
    var ephemeral = false

    @Flag(
        name: [.customShort("d"), .long], help: "Run in the background and print the session's id; `coop attach` shows its terminal.")
    var detach = false

    @Flag(help: "Keep the sandbox when the command has ended, for `coop exec`, until `coop stop`.")
    var keep = false

    @Flag(name: [.customShort("t"), .long], inversion: .prefixedNo, help: "Give the command a terminal, or not.")
    var tty: Bool?

    @Flag(name: .long, help: "Never ask; refuse what would need an answer.")
    var noInput = false

    @Flag(name: .shortAndLong, help: "Say at length what is shared, what can be reached and what stays outside.")
    var verbose = false

    @Flag(name: .long, help: "Do not run the hook that prepares the project.")
    var noHooks = false

    @Flag(name: .long, help: "Run the hook again, although nothing that it reads has changed.")
    var rerunHooks = false

    @Flag(help: "Let an agent ask before each step, as it does without a sandbox.")
    var safe = false

    @Option(help: ArgumentHelp("Give an agent this task.", valueName: "TEXT"))
    var prompt: String?

    @Option(help: ArgumentHelp("Give an agent the task in a file, `-` for standard input.", valueName: "PATH"))
    var promptFile: String?

    @Option(help: ArgumentHelp("Use this login of the agent's.", valueName: "NAME"))
    var profile: String?

    @Option(help: ArgumentHelp("Show a copy of a file inside, read-only, in the directory $COOP_INPUTS.", valueName: "FILE[:NAME]"))
    var inputFile: [String] = []

    @Option(
        help: ArgumentHelp("Work in this project's root, wherever you stand: a name, or a path.", valueName: "NAME"),
        completion: NameCompletion.projects)
    var project: String?

    func validate() throws {
        if let project { ChosenProject.text = project }
    }

    /// What they say.
    var options: RunOptions {
        RunOptions(
            mount: mount, env: env, envFile: envFile, envBundle: envBundle, envAllow: envAllow, envBlock: envBlock, network: network,
            allow: allow, deny: deny,
            ask: ask, engine: engine,
            workspace: workspace, task: task, base: base, workdir: workdir, memory: memory, cpus: cpus, pids: pids, disk: disk,
            timeout: timeout, name: name, label: label,
            forward: forward, seccomp: seccomp, allowSyscalls: allowSyscalls, degraded: degraded, ephemeral: ephemeral, keep: keep,
            detach: detach,
            tty: tty,
            noInput: noInput, verbose: verbose, noHooks: noHooks, rerunHooks: rerunHooks, safe: safe, prompt: prompt,
            promptFile: promptFile, inputFile: inputFile, profile: profile)
    }
}
