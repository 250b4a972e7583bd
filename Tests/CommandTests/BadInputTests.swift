import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct BadInputTests {
    // MARK: - Options

    /// Options of `run` with values they may not have: the exit code and a part of the message.
    static let options: [(options: [String], code: Int32, message: String)] = [
        (["--memory", "4X"], 125, "--memory: `4X` is not a size; write 512M, 4G, 1.5GB or a number of bytes"),
        (["--memory", "0"], 125, "--memory: `0` is no size"), (["--memory=-1"], 125, "`-1` is not a size"),
        (["--memory", "-1"], 125, "Missing value for '--memory <SIZE>'"), (["--memory"], 125, "Missing value for '--memory <SIZE>'"),
        (["--memory", "99999999999999999999999G"], 125, "--memory"), (["--memory", ""], 125, "--memory"),
        (["--cpus", "abc"], 125, "`abc` is not a number of cores; write 2 or 0.5"), (["--cpus", "0"], 125, "greater than zero"),
        (["--cpus", "nan"], 125, "not a number"), (["--cpus", "inf"], 125, "--cpus"), (["--cpus", "1e400"], 125, "--cpus"),
        (["--pids", "0"], 125, "`0` is not an integer between 1 and 4194304"), (["--pids", "1.5"], 125, "not an integer"),
        (["--pids", "99999999999999999999"], 125, "not an integer"), (["--disk", "1Q"], 125, "--disk: `1Q` is not a size"),
        (["--timeout", "5"], 125, "`5` is not a duration; write 90s, 15m or 1h30m"), (["--timeout", "0s"], 125, "--timeout"),
        (["--timeout", "9999999999999h"], 125, "too long"), (["--timeout", "-5s"], 125, "Missing value for '--timeout <TIME>'"),
        (["--network", "foo"], 125, "`foo` is not one of none, scoped, open"), (["--network", "host"], 125, "`host` is not one of"),
        (["--network", "scoped", "--allow", "*"], 125, "every host"), (["--allow", "https://example.com/"], 125, "URL"),
        (["--allow", "10.0.0.1"], 125, "private"),
        (["--network", "none", "--allow", "example.com"], 125, "cannot allow example.com: the network is `none` (--network)"),
        (["--deny", "a b"], 125, "`a b`"), (["--allow", "-evil.example.com"], 125, "--allow"),
        (["--engine", "foo"], 125, "`foo` is not one of native"), (["--engine", "microvm"], 125, "not in this version"),
        (["--workspace", "zip"], 125, "`zip` is not one of"), (["--workspace", "worktree"], 125, "cannot tell which task to work in"),
        (["--workdir", "/nope"], 125, "cannot start in the working directory: No such file or directory (inside the sandbox)"),
        (["--workdir", ""], 125, "--workdir"), (["--workdir", "/etc/passwd"], 125, "Not a directory"),
        (["--name", "a/b"], 125, "cannot name the sandbox `a/b`"), (["--name", ".."], 125, "cannot name the sandbox `..`"),
        (["--name", "a\nb"], 125, "`a\\nb`"), (["--name", "a\u{1B}[2Jb"], 125, "`a\\x1b[2Jb`"), (["--name", ""], 125, "name"),
        (["--name=-x"], 125, "cannot name the sandbox `-x`"), (["--name", String(repeating: "x", count: 65)], 125, "1 to 64"),
        (["--seccomp", "/nope"], 125, "cannot read the seccomp profile"), (["--seccomp", "/usr"], 125, "cannot read the seccomp profile"),
        (["--allow-syscalls", "foo"], 125, "there is no group 'foo'"),
        (["--allow-syscalls", "ptrace,bar"], 125, "there is no group 'bar'"),
        (["--allow-syscalls", "../x"], 125, "--allow-syscalls"),
        (["--degraded", "landlok"], 125, "`landlok` is not a layer: known are"),
        (["--degraded", "landlok"], 125, "did you mean `landlock`?"),
        (["--degraded", "seccomp"], 125, "the layer seccomp cannot be left out"), (["--degraded", "root"], 125, "cannot be left out"),
        (["-e", "1A=2"], 125, "cannot set the variable `1A`"), (["-e", "=x"], 125, "cannot set the variable ``"),
        (["-e", "A-B=1"], 125, "`A-B`"), (["-e", "NOT_SET_ANYWHERE"], 125, "cannot pass on NOT_SET_ANYWHERE: it is not set here"),
        (["-e", "A\nB=1"], 125, "`A\\nB`"), (["--env-file", "/nope"], 125, "cannot read the environment file /nope: No such file"),
        (["--env-file", "/usr"], 125, "Is a directory"), (["--env-allow", "a-b"], 125, "`a-b` is not the name of a variable"),
        (["--env-block", "a b"], 125, "`a b` is not the name of a variable"),
        (["-m", "/nope"], 125, "cannot mount /nope: nothing is there"), (["-m", "nope:/x"], 125, "cannot mount nope: nothing is there"),
        (["-m", "/usr:/x:rx"], 125, "`/usr:/x:rx` is not HOST[:GUEST][:ro|rw]"), (["-m", "/usr:rel"], 125, "must be absolute"),
        (["-m", "/usr:/"], 125, "may not be the root"), (["-m", ":/x"], 125, "may not be empty"), (["-m", ""], 125, "empty"),
        (["-m", "~bob/x"], 125, "not other users' homes"), (["-m", "/usr:/x/../y"], 125, "may not hold `..`"),
        (["-m", "/usr\n:/x"], 125, "control characters"), (["-m", "/:/x"], 126, "cannot mount /"),
        (["-m", "/proc:/x"], 126, "cannot mount /proc"),
        (["-m", "/proc/self/root:/x"], 126, "cannot mount /proc/self/root"), (["-m", "/sys:/x"], 126, "cannot mount /sys"),
        (["-m", "/dev:/x"], 126, "cannot mount /dev"), (["-m", "/dev/null:/x"], 126, "neither a file nor a directory"),
        (["-m", "/usr:/usr"], 126, "cannot mount something at /usr"), (["-m", "/opt:/proc/x"], 126, "cannot mount something at /proc/x"),
        (["-m", "/opt:/dev/x"], 126, "at /dev/x"), (["-m", "/opt:/etc"], 126, "at /etc"),
        (["-m", "/opt:/run/coop/x"], 126, "at /run/coop/x"),
        (["-m", "/opt:/home"], 126, "at /home"), (["-m", "/opt:/tmp"], 126, "at /tmp"),
        (["-m", "/opt:/usr/share/none"], 126, "nothing is there, and /usr is read-only inside"),
        (["-m", "/opt:/x", "-m", "/usr:/x"], 125, "cannot mount two things at /x"),
        (["--bogus"], 125, "unknown option --bogus"), (["--memry", "4G"], 125, "unknown option --memry; did you mean --memory?"),
        (["-x"], 125, "unknown option -x"),
    ]

    @Test("a bad value of any option of run is a clear error that changes nothing", arguments: options.indices)
    func badOption(_ index: Int) throws {
        let (options, code, message) = BadInputTests.options[index]
        let place = try Sandboxed(anyone)
        try place.write("file", "text")
        let before = try place.snapshot()
        try place.run(["sh", "-c", "echo ran"], options: options).expectError(code, message)
        #expect(try place.snapshot() == before)
        #expect(try place.remains() == [])
    }

    static let explanations: [(options: [String], code: Int32)] = [
        (["--memory", "4X"], Int32(3)), (["--degraded", "foo"], 2), (["--bogus"], 2), (["-m", "/proc:/x"], 126), (["-m", "/nope"], 1),
    ]

    @Test("the same mistakes in explain have the codes of other commands", arguments: explanations.indices)
    func explain(_ index: Int) throws {
        let (options, code) = BadInputTests.explanations[index]
        try Sandboxed(anyone).coop(["explain"] + options + ["--", "true"]).expectError(code)
    }

    static let mistakes: [(arguments: [String], code: Int32, message: String, next: String)] = [
        (["bogus"], Int32(2), "there is no command `bogus`", "coop --help"),
        (["rnu", "--", "true"], 2, "there is no command `rnu`; did you mean `run`?", "coop --help"),
        (["project", "lst"], 2, "there is no command `lst`; did you mean `list`?", "coop project --help"),
        (
            ["run", "--prompt", "fix it", "--", "true"], 125, "cannot hand the prompt to true: it is no agent",
            "coop run --prompt TEXT AGENT"
        ),
        (["run", "--prompt-file", "/nope", "true"], 125, "cannot hand the prompt to true", "coop run --prompt TEXT AGENT"),
        (["profile", "list", "--agent", "claud"], 1, "did you mean `claude`?", "coop auth list"),
        (
            ["profile", "add", "work"], 2, "cannot tell which agent is meant",
            "add --agent NAME, or for this project: coop config set agent NAME"
        ),
        (["run"], 125, "there is no command to run", "coop run -- COMMAND"),
        (["run", "--"], 125, "there is no command to run", "coop run -- COMMAND"),
        (["exec"], 125, "Missing expected argument", "coop exec --help"),
        (["exec", "abcdefgh", "ls"], 125, "there is no running sandbox `abcdefgh`", "coop ps"),
        (["exec", "abc", "ls"], 125, "needs four characters", "coop ps"),
        (["shell", "nothere"], 125, "there is no running sandbox", "coop ps"),
        (["stop"], 2, "either an ID or --all", "coop stop --help"),
        (["stop", "x", "--all"], 2, "either an ID or --all", "coop stop --help"),
        (["stop", "nothere"], 1, "there is no running sandbox `nothere`", "coop ps"),
        (["why"], 2, "Missing expected argument", "coop why --help"),
        (["completions", "tcsh"], 2, "'tcsh' is invalid", "coop completions --help"),
        (["trust", "--yes", "--show"], 2, "one of --show, --revoke and --yes", "coop trust --help"),
        (["ps", "--bogus"], 2, "Unknown option '--bogus'", "coop ps --help"),
        (["doctor", "x"], 2, "Unexpected argument", "coop doctor --help"),
        (["config", "get"], 2, "Missing expected argument '<KEY>'", "coop config get --help"),
        (["exec", "\u{1B}[2J\n", "ls"], 125, "`\\x1b[2J\\n`", "coop ps"),
        (["run", "/nope/x"], 127, "cannot run /nope/x: no such program", "coop why /nope/x"),
        (["run", "nosuchprogram"], 127, "cannot run nosuchprogram", "coop why nosuchprogram"),
        (["run", "/usr"], 126, "cannot run /usr: Permission denied", "coop why /usr"),
    ]

    @Test("commands that do not exist, or miss what they need", arguments: mistakes.indices)
    func commands(_ index: Int) throws {
        let (arguments, code, message, next) = BadInputTests.mistakes[index]
        try Sandboxed(anyone).coop(arguments).expectError(code, message, next: next)
    }

    static let jsonMistakes: [(arguments: [String], code: String)] = [
        (["ps", "--json", "--bogus"], "usage"), (["config", "get", "--json", "nope"], "usage"),
        (["config", "get", "--json", "sandbox.memory"], "not-found"),
        (["explain", "--json", "--memory", "4X", "--", "true"], "configuration"),
        (["why", "--json", "--memory", "4X", "x"], "configuration"),
    ]

    @Test("with --json the error is an object on standard output, and still readable on standard error", arguments: jsonMistakes.indices)
    func json(_ index: Int) throws {
        let (arguments, code) = BadInputTests.jsonMistakes[index]
        let outcome = try Sandboxed(anyone).coop(arguments)
        let report = try outcome.json(ErrorReport.self)
        #expect(report.version == 1 && report.error.code == code && !report.error.message.isEmpty && report.error.next != nil)
        #expect(outcome.error.contains(report.error.message) && outcome.exitCode != 0)
    }

    @Test("--json after the command is the command's own")
    func jsonOfCommand() throws {
        let outcome = try Sandboxed(anyone).coop(["run", "--memory", "4X", "--", "true", "--json"])
        #expect(outcome.outputBytes.isEmpty)
        outcome.expectError(125, "4X")
    }

    // MARK: - Seccomp profiles

    @Test(
        "a seccomp profile that is no profile is named with its place",
        arguments: [
            "", "{", "[]", "null", "{\"defaultAction\": \"SCMP_ACT_NOPE\"}", "{\"defaultAction\": 7}", "{\"syscalls\": []}", "\u{0}\u{1}",
            "{\"defaultAction\":\"SCMP_ACT_ALLOW\",\"syscalls\":[{\"names\":[\"no_such_call\"],\"action\":\"SCMP_ACT_WEIRD\"}]}",
        ])
    func seccomp(_ text: String) throws {
        let place = try Sandboxed(anyone)
        try place.write("p.json", text)
        try place.run(["true"], options: ["--seccomp", "p.json"]).expectError(125, "p.json")
    }

    // MARK: - coop.toml

    static let files: [(text: String, message: String)] = [
        ("nam = \"x\"\n", "coop.toml:1:1: unknown key `nam`; did you mean `name`?"),
        ("name = \"x\"\n[sandbox]\nmemry = \"4G\"\n", "coop.toml:3:1: unknown key `sandbox.memry`; did you mean `sandbox.memory`?"),
        ("name = \"x\"\n[sandbx]\n", "coop.toml:2:"), ("[sandbox]\nmemory = \"1G\"\n", "coop.toml:1:1: `name` is missing"),
        ("name = \"x\"\n[sandbox]\nmemory = true\n", "coop.toml:3:10: `sandbox.memory` must be a size such as \"4G\""),
        ("name = \"x\"\n[sandbox]\nmounts = \"/x\"\n", "coop.toml:3:10:"), ("name = \"x\"\n[sandbox]\nmounts = [7]\n", "coop.toml:3:11:"),
        ("name = \"x\"\n[sandbox]\ncpus = \"x\"\n", "coop.toml:3:8: `sandbox.cpus` must be a number, not a string"),
        ("name = \"x\"\nname = \"y\"\n", "coop.toml:2:1: `name` is already defined"),
        ("name = \"a/b\"\n", "coop.toml:1:8: `name`: the name `a/b` may not hold /"),
        ("name = \"..\"\n", "coop.toml:1:8:"), ("name = \"x\\u0000\"\n", "coop.toml:1:8: `name`: it may not hold a NUL character"),
        ("name = \"x\\ny\"\n", "coop.toml:1:8:"), ("name = \"x\"\n[sandbox\n", "coop.toml:2:9: expected ] at the end of the header"),
        ("name = \"x\"\n[sandbox]\nexcludes = [\"../x\"]\n", "coop.toml:3:13:"),
        ("name = \"x\"\n[sandbox]\nexcludes = [\"/x\"]\n", "coop.toml:3:13:"),
        ("name = \"x\"\n[sandbox]\nenv = { \"A-B\" = \"1\" }\n", "coop.toml:3:"),
        ("name = \"x\"\n[sandbox]\nprotect = [\"..\"]\n", "coop.toml:3:12:"),
        ("\u{1B}]0;x\u{7} = 1\n", "coop.toml:1:1:"), ("name = \"x\"\n[network]\nmode = \"host\"\n", "coop.toml:3:8:"),
    ]

    @Test("a wrong coop.toml stops a run with file, line and column", arguments: files.indices)
    func badFile(_ index: Int) throws {
        let (text, message) = BadInputTests.files[index]
        let place = try Sandboxed(anyone)
        try place.write("coop.toml", text)
        let before = try place.snapshot()
        try place.run(["true"]).expectError(125, message)
        try place.coop(["config", "validate"]).expectError(3, message)
        #expect(try place.snapshot() == before)
    }

    @Test(
        "a coop.toml that is no regular file of the project is refused at once",
        arguments: ["fifo", "directory", "link", "dangling", "unreadable", "large", "bytes"])
    func oddFile(_ kind: String) throws {
        let place = try Sandboxed(anyone)
        let path = place("coop.toml")
        let message: String
        switch kind {
        case "fifo":
            try check("mkfifo") { mkfifo(path, 0o666) }
            message = "cannot read coop.toml: it is not a regular file"
        case "directory":
            try place.makeDirectory("coop.toml")
            message = "cannot read coop.toml: it is not a regular file"
        case "link":
            try place.link("coop.toml", to: "/etc/passwd")
            message = "cannot read coop.toml: it is a link to /etc/passwd, outside the project"
        case "dangling":
            try place.link("coop.toml", to: "nowhere")
            message = "cannot read coop.toml: it is a link that leads nowhere"
        case "unreadable":
            try place.write("coop.toml", "name = \"x\"\n", mode: 0)
            message = anyone == .root ? "" : "cannot read coop.toml: Permission denied"
        case "large":
            try place.write("coop.toml", "name = \"x\"\n" + String(repeating: "#", count: 10 << 20))
            message = "cannot read coop.toml: it is larger than"
        default:
            try FileSystem.replace(path, with: Array("name = \"x".utf8) + [0xFF, 0x22, 0x0A], mode: 0o644)
            message = "coop.toml:1:10: this byte is not UTF-8 text"
        }
        if kind != "link" && kind != "dangling" { try place.give(path) }
        if message.isEmpty { return }
        try place.coop(["run", "--", "true"], timeout: 60).expectError(125, message)
    }

    // MARK: - Where coop is run

    @Test("COOP_HOME must be a directory of the user's own that nobody else may write to")
    func coopHome() throws {
        let place = try Sandboxed(anyone)
        func run(_ home: String) throws -> ChildProcess.Outcome { try place.coop(["run", "--", "true"], environment: ["COOP_HOME": home]) }
        try run("relative").expectError(125, "`relative` is not an absolute path")
        try run("/").expectError(125, "/ is not a directory of coop's own")
        try run(place.home).expectError(125, "is not a directory of coop's own")
        try run(place("inside")).expectError(126, "lies inside it")
        try run("/proc/nothing/can/be/made").expectError(125, "/proc/nothing")
        let file = place.root + "/file"
        try FileSystem.replace(file, with: [])
        try place.give(file)
        try run(file).expectError(125, "it is not a directory")
        try run(file + "/below").expectError(125, "file")
        let open = place.root + "/open"
        try check("mkdir") { mkdir(open, 0o777) }
        try check("chmod") { chmod(open, 0o777) }
        try place.give(open)
        try run(open).expectError(125, "other users may write to it", next: "chmod go-w \(open)")
        guard anyone != .root else { return }
        try run("/usr").expectError(125, "it belongs to user 0")
        try run("/root/x").expectError(125, "Permission denied")
        try check("chmod") { chmod(open, 0) }
        try run(open).expectError(125, "Permission denied")
    }

    @Test("HOME may be missing, and must be absolute")
    func home() throws {
        let place = try Sandboxed(anyone)
        place.environment["HOME"] = nil
        try place.run(["true"]).expectSuccess()
        try place.coop(["run", "--", "true"], environment: ["HOME": "rel"]).expectError(125, "HOME is `rel`")
        try place.coop(["run", "--", "true"], environment: ["HOME": "/nonexistent"]).expectSuccess()
    }

    @Test("HOME, what is above it, /, git's own directory and a bare repository are no workspaces")
    func workspaces() throws {
        let place = try Sandboxed(anyone)
        func run(_ directory: String) throws -> ChildProcess.Outcome { try place.coop(["run", "--", "true"], directory: directory) }
        try run(place.home).expectError(126, "it is your home directory")
        try run(place.root).expectError(126, "your home directory lies inside it")
        try run("/").expectError(126, "it is the root of the file system")
        try run(place.coopHome).expectError(126, "where coop keeps")
        for command in [
            ["git", "init", "-q", "tree"],
            ["git", "-C", "tree", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-q", "--allow-empty", "-m", "x"],
            ["git", "clone", "-q", "--bare", "tree", "bare.git"],
        ] { try place.outside(command).expectSuccess() }
        try run(place("tree/.git")).expectError(126, "git's own directory", next: "cd \(place("tree"))")
        try run(place("bare.git")).expectError(126, "bare git repository without work trees")
        try place.outside(["git", "-C", "bare.git", "worktree", "add", "-q", place("linked"), "-b", "other"]).expectSuccess()
        try run(place("bare.git")).expectError(126, "its work trees are:\n  \(place("linked"))  (other)", next: "cd \(place("linked"))")
    }

    @Test("a working directory that was removed is an error, not a crash")
    func removedDirectory() throws {
        let place = try Sandboxed(anyone)
        try place.makeDirectory("gone")
        let coop = try BuiltPrograms.coop()
        let outcome = try place.outside(["/bin/sh", "-c", "cd gone && rmdir ../gone && exec \(coop) run -- true"])
        outcome.expectError(125)
    }

    @Test(
        "COOP_* variables with a slip or a wrong value are errors",
        arguments: [
            ("COOP_SANDBOX_MEMORY", "4X", "COOP_SANDBOX_MEMORY: `4X` is not a size"),
            ("COOP_MEMORY", "4G", "did you mean COOP_SANDBOX_MEMORY?"),
            ("COOP_MEMRY", "4G", "did you mean COOP_SANDBOX_MEMORY?"), ("COOP_NETWORK", "none", "COOP_NETWORK"),
            ("COOP_SANDBOX_MEMRY", "4G", "did you mean COOP_SANDBOX_MEMORY?"), ("COOP_SANDBOX_ENV", "A=1", "can only be set in a file"),
        ])
    func variables(_ name: String, _ value: String, _ message: String) throws {
        let place = try Sandboxed(anyone)
        try place.coop(["run", "--", "true"], environment: [name: value]).expectError(125, message)
        try place.coop(["config", "validate"], environment: [name: value]).expectError(3, message)
    }

    @Test("another program's COOP_ variables are left alone")
    func otherVariables() throws {
        try Sandboxed(anyone).coop(["run", "--", "true"], environment: ["COOP_GROCERY_STORE": "7"]).expectSuccess()
    }

    @Test("arguments that are not UTF-8 arrive as they were", arguments: TestIdentity.all)
    func bytes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let name = String(osBytes: [0x61, 0xFF, 0xFE, 0x62])
        let outcome = try place.run(["printf", "%s|%s", name, "ü"])
        #expect(outcome.outputBytes == [0x61, 0xFF, 0xFE, 0x62, 0x7C] + Array("ü".utf8))
    }
}
