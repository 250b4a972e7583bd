import Glibc
import LinuxKernel
import TestSupport

/// Sessions in the background, as a test looks at them from outside.
struct HostedSession {
    let place: Sandboxed
    let id: String

    /// Starts one in the background.
    init(_ place: Sandboxed, _ options: [String] = [], command: [String]) throws {
        let outcome = try place.coop(["run", "-d", "--network", "none"] + options + ["--"] + command)
        guard outcome.exitCode == 0 else { throw TestSupportError("run -d: \(outcome)") }
        self.init(place, id: outcome.output.trimmed)
    }

    init(_ place: Sandboxed, id: String) {
        self.place = place
        self.id = id
    }

    /// A field of `coop info`, as text.
    func field(_ name: String) throws -> String? {
        let outcome = try place.coop(["info", id])
        guard outcome.exitCode == 0 else { throw TestSupportError("info: \(outcome)") }
        return outcome.output.split(separator: "\n").first { $0.hasPrefix(name + " ") }.map {
            String($0.dropFirst(name.count)).trimmed
        }
    }

    /// Waits for a state, as `coop info` begins it.
    func reaches(_ state: String, seconds: Double = 60) throws -> Bool {
        try Deadline.poll(seconds: seconds) { try field("state")?.hasPrefix(state) ?? false }
    }

    /// The directory of its log.
    var directory: String {
        get throws {
            for key in try FileSystem.list(place.coopHome + "/projects") {
                let path = "\(place.coopHome)/projects/\(key)/sessions/\(id)"
                if FileSystem.kind(path) == .directory { return path }
            }
            throw TestSupportError("no log of \(id)")
        }
    }

    /// What its terminal received.
    var terminal: String {
        get throws {
            let path = try directory + "/terminal"
            // Made with the first bytes.
            return FileSystem.kind(path) == nil ? "" : String(osBytes: try FileSystem.read(path))
        }
    }

    /// Waits until its terminal has received just this. The log is written beside the session, a moment later.
    func shows(_ text: String) throws -> Bool { try Deadline.poll(seconds: 60) { try terminal == text } }

    /// Its events, a line of `type fields` each.
    func events() throws -> [String] {
        // Made once the database has its tables.
        let tip = try directory + "/tip"
        Deadline.poll(seconds: 30) { FileSystem.kind(tip) == .file }
        let script =
            "import sqlite3,sys; [print(t, f) for t, f in sqlite3.connect('file:' + sys.argv[1] + '?mode=ro', uri=True, timeout=60)"
            + ".execute('SELECT type, fields FROM events ORDER BY seq')]"
        let outcome = try ChildProcess.run(["/usr/bin/python3", "-c", script, try directory + "/events.db"])
        guard outcome.exitCode == 0 else { throw TestSupportError("events: \(outcome)") }
        return outcome.output.split(separator: "\n").map(String.init)
    }

    func stop() throws { _ = try place.coop(["stop", id]) }
}

extension String {
    fileprivate var trimmed: String {
        String(drop { $0 == " " || $0 == "\n" }.reversed().drop { $0 == " " || $0 == "\n" }.reversed())
    }
}
