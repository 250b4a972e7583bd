import Vault

/// A coding agent as data: how it is found, what it keeps, what it needs to work alone, and how it is spoken to.
///
/// Each is a file of Data, compiled into the program; users add their own, or change fields of these, in `agents/` of coop's own
/// directory. No agent's name stands in the code.
public struct Agent: Sendable, Equatable {
    /// What `coop run NAME` is written with: lower-case letters, digits and `-`.
    public var name: String
    public var title: String
    /// The program, as it is looked up in PATH.
    public var binary: String
    /// Where else the program may lie, `~` for the home directory; the first that is there counts.
    public var places: [String]
    /// What else of the home its installation consists of, beside what the program's own links and interpreter show.
    public var exposes: [String]
    /// The command that installs it, for a person.
    public var install: String
    /// Variables that it is always given.
    public var environment: [Variable]
    public var autonomy: Autonomy
    public var login: Login?
    public var state: State
    /// What it obeys in a project, relative to the project's root; a directory has `/` behind it. Protected beside what coop protects
    /// for every command.
    public var settings: [String]
    public var network: Network
    /// Providers of the vault whose variables it reads.
    public var providers: [String]
    public var prompt: Prompt?
    public var events: Events?
    public var attention = Attention()

    public struct Variable: Sendable, Equatable {
        public var name: String
        public var value: String
    }

    /// How it is told not to ask before each step: the sandbox is what keeps it in bounds.
    public struct Autonomy: Sendable, Equatable {
        /// Put before the agent's own arguments.
        public var flags: [String] = []
        /// Arguments that say it already, or say otherwise: with one of these among the agent's own nothing is added. An argument
        /// `--flag=value` is the same as `--flag`.
        public var marks: [String] = []
        /// First arguments with which it does something else than work, so that `flags` would not be understood.
        public var except: [String] = []
        /// Variables that say it.
        public var environment: [Variable] = []
    }

    /// How a person logs in, and where the login is then kept.
    public struct Login: Sendable, Equatable {
        /// The command that starts it.
        public var command: [String]
        /// What the command has to reach, in the form of `--allow`.
        public var hosts: [String] = []
        /// Ports of the loopback interface at which the command waits for the browser, beside the one that the address names.
        public var ports: [UInt16] = []
        /// Where the login is kept, for one that can stay outside.
        public var service: OAuthService?
        /// Whether a sandbox is given the login that there is.
        public var isTaken = true
    }

    /// What of its files outlives a run: paths relative to the home directory.
    public struct State: Sendable, Equatable {
        public var directories: [String] = []
        public var files: [String] = []
        public var seeds: [Seed] = []
    }

    /// A value that a file of its state has from the beginning, so that it need not ask: that a directory is trusted, a tour was seen.
    public struct Seed: Sendable, Equatable {
        public enum Format: String, Sendable, CaseIterable { case json, toml }
        public enum Value: Sendable, Equatable {
            case boolean(Bool)
            case text(String)
            case integer(Int64)
        }

        /// Relative to the home directory.
        public var file: String
        public var format: Format
        /// The keys that lead to it; `{workspace}` in one stands for the workspace's path.
        public var path: [String]
        /// Nil for the stub that `variable` holds.
        public var value: Value?
        /// A variable; without a stub in it the value is left out.
        public var variable: String?
        /// How many characters at the end of the stub are the value; nil for all.
        public var last: Int?
        /// Whether the value is one element of an array, beside those that are there.
        public var isElement = false
        /// Whether the value is for runs with a login of the agent, or for those without one; nil for both.
        public var login: Bool?
    }

    public struct Network: Sendable, Equatable {
        public var bundles: [String] = []
        /// In the form of `--allow`.
        public var hosts: [String] = []
        /// Hosts that it asks unbidden and can do without, in the same form: that they are refused is recorded, and not said.
        public var optional: [String] = []
    }

    /// The arguments that hand it a task; `{prompt}` in one stands for the text.
    public struct Prompt: Sendable, Equatable {
        /// It works on the task in a terminal and then waits for more; as `headless` for an agent that cannot.
        public var interactive: [String]
        /// It works on the task and ends.
        public var headless: [String]
    }

    /// The arguments that make it tell what it does as a stream of JSON on standard output.
    public struct Events: Sendable, Equatable {
        public var flags: [String]
        /// The name of the stream's format.
        public var format: String
    }

    /// What its terminal shows while it waits for a person, as parts of single rows, in upper and lower case as they are.
    public struct Attention: Sendable, Equatable {
        /// It asks whether it may do something.
        public var permission: [String] = []
        /// It asks anything else.
        public var question: [String] = []
        /// How many rows are looked at, counted from the last one that is not blank.
        public var rows = 16
    }

    /// The arguments with which the agent starts.
    ///
    /// - Parameters:
    ///   - own: what the user wrote behind the agent's name; it is passed on whole and in order.
    ///   - isSafe: whether it shall ask as if it ran without a sandbox.
    public func arguments(_ own: [String], isSafe: Bool) -> [String] { isAutonomous(own, isSafe: isSafe) ? autonomy.flags + own : own }

    /// Whether coop tells it not to ask.
    public func isAutonomous(_ own: [String], isSafe: Bool) -> Bool {
        if isSafe { return false }
        if let first = own.first, autonomy.except.contains(first) { return false }
        // What stands behind `--` is a task, not an option.
        return !own.prefix { $0 != "--" }.contains { word in
            autonomy.marks.contains { word == $0 || ($0.hasPrefix("--") && word.hasPrefix($0 + "=")) }
        }
    }

    /// Its variables in a run.
    public func variables(_ own: [String], isSafe: Bool) -> [Variable] {
        environment + (isAutonomous(own, isSafe: isSafe) ? autonomy.environment : [])
    }
}
