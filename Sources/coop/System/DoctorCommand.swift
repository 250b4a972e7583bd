import ArgumentParser
import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import NativeEngine
import Projects
import Sandbox

struct DoctorCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "doctor", abstract: "Prove each layer by probing it from inside; name what is missing and the command that mends it.",
        discussion: """
            Exit code 4 when no sandbox can be made here, or none with network.

            Examples:
              coop doctor
              coop doctor --json
              sudo coop doctor --fix     install the AppArmor profile that Ubuntu 23.10 and later need
            """)

    @Flag(help: "Mend what can be mended.") var fix = false
    @Flag(help: "Print JSON.") var json = false

    private struct Report: Encodable {
        var version = 1
        var ready: Bool
        var layers: [LayerReport]
        var findings: [Diagnosis]
    }

    func run() throws {
        if fix { try DoctorFix().run() }
        let context = try Context()
        try context.home.prepare(context.run)
        try Sweep(context: context).run()
        let facts = try HostFacts.probe()
        let conditions = HostConditions.read()
        let examination = LayerExamination(context: context)
        var layers: [LayerReport] = []
        var failure: CoopError?
        do { layers = try examination.run() } catch let error as CoopError { failure = error }
        // A limit that cannot be had stops only those who ask for it.
        let missing = layers.filter { $0.strength == .missing }.map(\.layer)
        let ready = failure == nil && missing.isEmpty
        let cgroups = try CgroupHost.probe()
        layers = layers.map { report in cgroups.prospects.first { $0.layer == report.layer } ?? report }
        let refusal: Int32? = failure == nil ? nil : examination.namespaceRefusal()
        var findings = Diagnosis.recognise(facts: facts, conditions: conditions, refusal: refusal, cgroups: cgroups)
        findings += layers.filter { $0.layer == .network && $0.strength == .missing }.map(Diagnosis.init(closedNetwork:))
        if let failure, !findings.contains(where: { $0.severity == .blocking }) {
            findings.insert(Diagnosis(blocking: failure), at: 0)
        }
        if json {
            print(try JSONText.encode(Report(ready: ready, layers: layers, findings: findings)))
        } else {
            FileHandleOutput.standardOutput(text(layers: layers, findings: findings, ready: ready, missing: missing))
        }
        if !ready { throw ProcessResult(code: 4) }
    }

    private func text(layers: [LayerReport], findings: [Diagnosis], ready: Bool, missing: [Layer]) -> String {
        let isTerminal = isatty(1) == 1 && environmentVariable("NO_COLOR") == nil
        func mark(_ strength: LayerReport.Strength) -> String {
            let (word, color) =
                switch strength {
                case .enforced: ("ok", "32")
                case .weaker: ("weaker", "33")
                case .missing: ("missing", "31")
                case .unused: ("unused", "2")
                }
            let padded = word + String(repeating: " ", count: 8 - word.count)
            return isTerminal ? "\u{1B}[\(color)m\(padded)\u{1B}[0m" : padded
        }
        var result = ""
        for layer in layers where layer.strength != .unused {
            result += "\(mark(layer.strength)) \(layer.layer.rawValue): \(layer.detail.printable)\n"
        }
        for finding in findings {
            result += "\n\(finding.severity == .blocking ? "This stops every sandbox" : "This could be stronger"): \(finding.subject)\n"
            result += "  \(finding.why.printable)\n  Fix: \(finding.fix)\n"
        }
        if ready { return result + "\nSandboxes work here.\n" }
        return result
            + (missing == [.network]
                ? "\nOnly sandboxes without network work here: coop run --network none\n" : "\nNo sandbox can be made here yet.\n")
    }
}

/// Starts a sandbox with the probe inside and puts its findings beside what the engine promises.
struct LayerExamination {
    let context: Context

    /// With what leads the network to a gateway, as a run has it. Where the kernel does not take that, the layers of a sandbox that has no
    /// network are examined, and the missing one is said.
    func run() throws -> [LayerReport] {
        do {
            return try run(network: Network(mode: .scoped))
        } catch let error as CoopError {
            guard error.what == SetupExplanation.networkRefusal else { throw error }
            return try run(network: Network(mode: .none)).map { report in
                report.layer == .network ? LayerReport(.network, .missing, error.why, next: error.next) : report
            }
        }
    }

    private func run(network: Network) throws -> [LayerReport] {
        guard let own = FileSystem.readLink("/proc/self/exe") else {
            throw CoopError(.notReady, "cannot find coop's own program", "/proc is not mounted", next: "mount -t proc proc /proc")
        }
        let probe = "/run/coop/probe"
        let entry = try? UserDatabase.entry(of: getuid())
        let spec = SandboxSpec(
            id: SessionDirectory.newID(), workspace: Workspace(path: "/workspace", mode: .none),
            home: Home(path: context.home.userHome, source: nil),
            mounts: [Mount(source: FileSystem.realPath(own) ?? own, target: probe, readOnly: true, isDirectory: false, reason: "doctor")],
            environment: [EnvironmentVariable(name: "PATH", value: "/usr/bin:/bin", origin: "coop")],
            user: User(name: entry?.name ?? "user", id: getuid(), group: getgid(), groupName: "users", shell: "/bin/sh"),
            workingDirectory: "/", network: network, degraded: Layer.allCases.filter(\.isOptional), command: [probe, "probe"])
        let output = try Descriptor.memory()
        let (promised, end) = try HelperRecord.with(context) { record in
            let engine = NativeEngine(wardenPath: try WardenProgram.locate()) { try record.recordCgroups($0) }
            return (try engine.explain(spec).layers, try OneShotSandbox(engine: engine).run(spec, output: output, error: output))
        }
        try output.rewind()
        let text = String(osBytes: try output.readAll(subject: "probe"))
        guard end == .exited(0) else {
            throw CoopError(
                .failed, "the probe inside the sandbox failed", text.isEmpty ? "\(end)" : text.printable, next: "coop run -- true")
        }
        var found: [String: String] = [:]
        for line in text.split(separator: "\n") {
            let parts = line.split(separator: "\t", maxSplits: 1, omittingEmptySubsequences: false)
            if parts.count == 2 { found[String(parts[0])] = String(parts[1]) }
        }
        return promised.map { report in
            guard report.strength == .enforced || report.strength == .weaker, let result = found[report.layer.rawValue] else {
                return report
            }
            var report = report
            if result.isEmpty {
                report.detail += " (probed)"
            } else if report.strength == .enforced {
                report.strength = .missing
                report.detail = "promised, but the probe got through: \(result)"
                report.next = "report this: SECURITY.md"
            }
            return report
        }
    }

    /// The error with which the kernel refuses a user namespace; nil when it makes one.
    func namespaceRefusal() -> Int32? {
        let pid = coop_try_user_namespace()
        return pid == 0 ? nil : pid
    }
}

/// What `--fix` may change.
struct DoctorFix {
    func run() throws {
        let conditions = HostConditions.read()
        guard conditions.appArmorRestrictsNamespaces else {
            FileHandleOutput.standardError("coop: nothing to fix by itself: AppArmor does not restrict user namespaces here\n")
            return
        }
        guard let own = FileSystem.readLink("/proc/self/exe") else {
            throw CoopError(.notReady, "cannot find coop's own program", "/proc is not mounted", next: "mount -t proc proc /proc")
        }
        guard getuid() == 0 else {
            throw CoopError(
                .refused, "cannot install the AppArmor profile", "only root may write \(AppArmorProfile.path)",
                next: "sudo \(own.shellQuoted) doctor --fix")
        }
        do {
            try FileSystem.replace(AppArmorProfile.path, with: AppArmorProfile.text(program: own).utf8, mode: 0o644)
        } catch {
            throw CoopError(.failed, "cannot install the AppArmor profile", "\(error)", next: "ls -ld /etc/apparmor.d")
        }
        var pid: pid_t = 0
        var argv: [UnsafeMutablePointer<CChar>?] = ["apparmor_parser", "-r", AppArmorProfile.path].map { word in
            word.withOSBytes { strdup($0) }
        }
        argv.append(nil)
        defer { for pointer in argv { free(pointer) } }
        var status: Int32 = 0
        let code = posix_spawnp(&pid, "apparmor_parser", nil, nil, argv, environ)
        if code == 0 { while waitpid(pid, &status, 0) < 0 && errno == EINTR {} }
        guard code == 0, coop_wifexited(status) != 0, coop_wexitstatus(status) == 0 else {
            throw CoopError(
                .failed, "cannot load the AppArmor profile", "apparmor_parser refused it or is missing", next: "apt-get install apparmor")
        }
        FileHandleOutput.standardError("coop: installed and loaded \(AppArmorProfile.path)\n")
    }
}

extension Diagnosis {
    /// What a host without nf_tables lacks: everything but `--network none` is refused there.
    init(closedNetwork report: LayerReport) {
        self.init(severity: .weakening, subject: "network", why: report.detail, fix: report.next ?? "coop run --network none -- COMMAND")
    }

    /// A failure that no rule recognises, in its own words.
    init(blocking error: CoopError) {
        self.init(severity: .blocking, subject: error.what, why: error.why, fix: error.next ?? "coop explain -- true")
    }
}
