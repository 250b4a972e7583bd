import Glibc
import LinuxKernel
import TestSupport

extension Sandboxed {
    /// Runs lines of sh(1) on the host, in the project, as the identity. `$coop` is the built program.
    func hostShell(_ script: String, input: ChildProcess.Input = .null, timeout: Double = 120) throws -> ChildProcess.Outcome {
        try startHostShell(script, input: input).wait(timeout: timeout)
    }

    /// Starts lines of a shell on the host. `$coop` is the built program.
    func startHostShell(_ script: String, shell: [String] = ["/bin/sh", "-c"], input: ChildProcess.Input = .null) throws -> ChildProcess {
        try startOutside(shell + [script], input: input)
    }

    /// Starts a program on the host as the identity.
    func startOutside(_ command: [String], input: ChildProcess.Input = .null) throws -> ChildProcess {
        try ChildProcess(
            identity.arguments(command), environment: environment.merging(["coop": try BuiltPrograms.coop()]) { $1 }, directory: project,
            input: input)
    }

    /// The ids of the sandboxes that live, or have left something.
    func sandboxIDs() throws -> [String] {
        let run = coopHome + "/run"
        guard FileSystem.kind(run) == .directory else { return [] }
        return try FileSystem.list(run).filter { !$0.hasPrefix(".") }
    }

    /// The number of a field in the record of a running sandbox.
    func recorded(_ field: String, of id: String) throws -> Int32? {
        let path = "\(coopHome)/run/\(id)/session.json"
        guard FileSystem.kind(path) == .file else { return nil }
        let text = String(osBytes: try FileSystem.read(path))
        guard let range = text.range(of: "\"\(field)\":") else { return nil }
        return Int32(text[range.upperBound...].prefix { $0.isNumber })
    }

    /// The first process of the only running sandbox.
    func warden() throws -> Int32 {
        var found: Int32?
        try Deadline.poll(seconds: 60) {
            if let id = try sandboxIDs().first { found = try recorded("warden", of: id) }
            return found != nil
        }
        guard let found else { throw TestSupportError("no sandbox is running") }
        return found
    }

    /// The cgroups that running sandboxes have recorded.
    func cgroups() throws -> [String] {
        try sandboxIDs().flatMap { id in
            let path = "\(coopHome)/run/\(id)/cgroups"
            guard FileSystem.kind(path) == .file else { return [String]() }
            return String(osBytes: try FileSystem.read(path)).split(separator: "\n").map(String.init)
        }
    }
}

extension String {
    /// The place of a text, without Foundation.
    func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
