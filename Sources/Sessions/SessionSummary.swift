import CoopErrors
import Glibc
import LinuxKernel

/// What lists show of a session, in one small file beside its log: a thousand of them are read in a few milliseconds, a thousand
/// databases are not.
///
/// A line for each field: its name, a space, its value. In values `\` is `\\` and a line end is `\n`. Unknown names are passed over.
public struct SessionSummary: Sendable, Equatable {
    public static let fileName = "summary"
    private static let header = "coop-session 1"

    public var id: String
    public var name: String?
    public var label: String?
    public var task: String?
    public var agent: String?
    public var profile: String?
    /// The project's root as it is shown.
    public var workspace: String
    public var command: [String]
    /// Seconds since 1970.
    public var started: Int64
    public var ended: Int64?
    public var state: SessionState
    /// Since when, in seconds since 1970.
    public var since: Int64
    /// Why it needs a person, or failed.
    public var reason: String?
    /// The exit code as a shell shows it: 128+n for a signal.
    public var code: Int32?
    public var inputTokens: Int64 = 0
    public var outputTokens: Int64 = 0
    /// In millionths of a dollar.
    public var cost: Int64 = 0
    /// Whether there is a terminal that one can attach to.
    public var hasTerminal: Bool
    /// The words of coop's command line that started it, and where: for `restart`.
    public var arguments: [String]
    public var directory: String

    public init(
        id: String, name: String?, label: String? = nil, task: String? = nil, agent: String?, profile: String? = nil, workspace: String,
        command: [String], started: Int64, hasTerminal: Bool, arguments: [String], directory: String
    ) {
        self.id = id
        self.name = name
        self.label = label
        self.task = task
        self.agent = agent
        self.profile = profile
        self.workspace = workspace
        self.command = command
        self.started = started
        state = .starting
        since = started
        self.hasTerminal = hasTerminal
        self.arguments = arguments
        self.directory = directory
    }

    // MARK: - The file

    /// Reads a session's summary; nil when the directory has none, or one that is not to be understood.
    public static func read(directory: String) -> SessionSummary? {
        guard let bytes = try? FileSystem.read(FileSystem.join(directory, fileName), limit: 1 << 20) else { return nil }
        return SessionSummary(parsing: bytes)
    }

    /// Replaces the file as a whole.
    public func write(directory: String) throws(CoopError) {
        let path = FileSystem.join(directory, SessionSummary.fileName)
        do {
            // The log says the same: after a power loss an older summary is still a summary.
            let temporary = path + ".new"
            try Descriptor.open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, mode: 0o600).writeAll(encoded, subject: temporary)
            try FileSystem.rename(temporary, to: path)
        } catch {
            throw CoopError(.failed, "cannot keep a record of the session", "\(error)", next: "check the space in \(directory.printable)")
        }
    }

    public var encoded: [UInt8] {
        var lines = SessionSummary.header + "\n"
        func put(_ key: String, _ value: String?) {
            guard let value else { return }
            lines += key + " "
            for character in value.unicodeScalars {
                switch character {
                case "\\": lines += "\\\\"
                case "\n": lines += "\\n"
                default: lines.unicodeScalars.append(character)
                }
            }
            lines += "\n"
        }
        put("id", id)
        put("name", name)
        put("label", label)
        put("task", task)
        put("agent", agent)
        put("profile", profile)
        put("workspace", workspace)
        for word in command { put("command", word) }
        put("started", String(started))
        put("ended", ended.map { String($0) })
        put("state", state.rawValue)
        put("since", String(since))
        put("reason", reason)
        put("code", code.map { String($0) })
        put("input_tokens", String(inputTokens))
        put("output_tokens", String(outputTokens))
        put("cost", String(cost))
        put("terminal", hasTerminal ? "yes" : "no")
        for word in arguments { put("argument", word) }
        put("directory", directory)
        return lines.osBytes
    }

    public init?(parsing bytes: [UInt8]) {
        var lines = bytes.split(separator: 0x0A)[...]
        guard let first = lines.popFirst(), first.elementsEqual(SessionSummary.header.utf8) else { return nil }
        self.init(
            id: "", name: nil, agent: nil, workspace: "", command: [], started: 0, hasTerminal: false, arguments: [], directory: "")
        for line in lines {
            guard let space = line.firstIndex(of: 0x20) else { continue }
            take(String(decoding: line[..<space], as: UTF8.self), SessionSummary.value(line[(space + 1)...]))
        }
        guard !id.isEmpty else { return nil }
    }

    private mutating func take(_ key: String, _ value: String) {
        switch key {
        case "id": id = value
        case "name": name = value
        case "label": label = value
        case "task": task = value
        case "agent": agent = value
        case "profile": profile = value
        case "workspace": workspace = value
        case "command": command.append(value)
        case "started": started = Int64(value) ?? 0
        case "ended": ended = Int64(value)
        case "state": state = SessionState(rawValue: value) ?? .failed
        case "since": since = Int64(value) ?? 0
        case "reason": reason = value
        case "code": code = Int32(value)
        case "input_tokens": inputTokens = Int64(value) ?? 0
        case "output_tokens": outputTokens = Int64(value) ?? 0
        case "cost": cost = Int64(value) ?? 0
        case "terminal": hasTerminal = value == "yes"
        case "argument": arguments.append(value)
        case "directory": directory = value
        default: break
        }
    }

    private static func value(_ escaped: ArraySlice<UInt8>) -> String {
        guard escaped.contains(UInt8(ascii: "\\")) else { return String(osBytes: escaped) }
        var result: [UInt8] = []
        var isEscape = false
        for byte in escaped {
            if isEscape {
                result.append(byte == UInt8(ascii: "n") ? 0x0A : byte)
                isEscape = false
            } else if byte == UInt8(ascii: "\\") {
                isEscape = true
            } else {
                result.append(byte)
            }
        }
        return String(osBytes: result)
    }
}
