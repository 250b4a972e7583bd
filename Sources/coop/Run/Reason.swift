import CoopErrors
import Egress
import Glibc
import LinuxKernel
import Policy
import Projects
import Sandbox
import WardenProtocol

/// Works out why something is or is not there inside, from the plan that would be run.
struct Reason {
    let spec: SandboxSpec
    let plan: LaunchPlan
    let policy: EnvironmentPolicy
    let currentDirectory: String
    let home: String

    struct Answer: Encodable {
        enum Verdict: String, Encodable { case writable, readable, hidden, allowed, denied, asked }

        var version = 1
        var subject: String
        var verdict: Verdict
        /// The rule that decides.
        var rule: String
        /// How to change it.
        var next: String?
        /// Of a host: what the live sandboxes of the project say.
        var live: [Live]?

        var isHost = false

        private enum CodingKeys: String, CodingKey { case version, subject, verdict, rule, next, live }
    }

    /// The answer of one live sandbox.
    struct Live: Encodable {
        /// Its name, or its id.
        var sandbox: String
        var verdict: Answer.Verdict
        var rule: String
    }

    func answer(_ subject: String) -> Answer {
        if subject.hasPrefix("$") { return variable(String(subject.dropFirst())) }
        if subject.contains("/") || subject.hasPrefix("~") || subject == "." || subject == ".." { return path(subject) }
        if FileSystem.kind(FileSystem.join(currentDirectory, subject), followLinks: false) != nil { return path(subject) }
        if let found = program(subject) { return path(found) }
        if subject.contains(".") {
            var answer = host(subject)
            answer.isHost = true
            return answer
        }
        return Answer(
            subject: subject, verdict: .hidden,
            rule: "no program of that name is on the PATH of the sandbox, and no file of that name is here",
            next: "coop run -m DIRECTORY:ro -e PATH=DIRECTORY:$PATH -- \(subject.shellQuoted)")
    }

    /// Where no mount is ever allowed.
    private static let kernelTrees = ["/proc", "/sys", "/dev"]

    private func program(_ name: String) -> String? {
        let hostPath = HostPath.callers
        for directory in hostPath.split(separator: ":") {
            let candidate = FileSystem.join(String(directory), name)
            if FileSystem.isExecutable(candidate) { return candidate }
        }
        return nil
    }

    private func variable(_ name: String) -> Answer {
        if let found = spec.environment.first(where: { $0.name == name }) {
            return Answer(subject: "$\(name)", verdict: .allowed, rule: "set, from \(found.origin)")
        }
        let verdict = policy.verdict(for: name)
        if verdict.passes { return Answer(subject: "$\(name)", verdict: .allowed, rule: "\(verdict.rule); it is not set here") }
        return Answer(subject: "$\(name)", verdict: .denied, rule: verdict.rule, next: "coop run -e \(name) -- …")
    }

    private func host(_ name: String) -> Answer {
        guard spec.network.usesGateway else {
            return Answer(
                subject: name, verdict: .denied, rule: "network none: nothing leaves the sandbox",
                next: "coop run --network scoped --allow \(name.shellQuoted) -- COMMAND")
        }
        return Reason.host(name, policy: spec.network.policy)
    }

    static func host(_ name: String, policy: NetworkPolicy) -> Answer {
        let parts = name.split(separator: ":", maxSplits: 1).map(String.init)
        let port = parts.count == 2 ? UInt16(parts[1]) ?? 443 : 443
        do throws(CoopError) {
            let found = try PolicyExplanation(host: parts[0], port: port, policy: CompiledNetworkPolicy(policy))
            if found.action == "deny" { return Answer(subject: name, verdict: .denied, rule: found.reason, next: found.next) }
            if found.action == "ask" { return Answer(subject: name, verdict: .asked, rule: found.reason) }
            return Answer(
                subject: name, verdict: .allowed,
                rule: found.action == "inspect" ? "it depends on the request: coop policy test https://\(name)/PATH" : found.rule)
        } catch {
            return Answer(subject: name, verdict: .denied, rule: error.message, next: error.next)
        }
    }

    private func path(_ text: String) -> Answer {
        var wanted = text
        if wanted == "~" { wanted = home }
        if wanted.hasPrefix("~/") { wanted = FileSystem.join(home, String(wanted.dropFirst(2))) }
        let path = FileSystem.normalize(FileSystem.join(currentDirectory, wanted))
        var answer = Answer(
            subject: path, verdict: .hidden, rule: "nothing of the host appears there inside",
            next: Reason.kernelTrees.contains { FileSystem.contains($0, path) } ? nil : "coop run -m \(path.shellQuoted):ro -- …")
        // The last operation that covers the path decides, as in the kernel.
        for operation in plan.operations {
            switch operation {
            case .bind(let source, let target, let restrictions, _) where FileSystem.contains(target, path):
                let readOnly = restrictions.contains(.readOnly)
                if target == spec.home.path {
                    answer = Answer(
                        subject: path, verdict: .hidden, rule: "HOME is private: \(target) inside is another directory, \(source)",
                        next: "coop run -m \(path.shellQuoted):ro -- …")
                } else {
                    let reason =
                        spec.mounts.first { $0.target == target }.map { " (\($0.reason))" }
                        ?? (target == spec.workspace.path ? " (workspace)" : "")
                    let place = source == target ? target : "\(source) at \(target)"
                    answer = Answer(
                        subject: path, verdict: readOnly ? .readable : .writable,
                        rule: "\(place)\(reason) is shown \(readOnly ? "read-only" : "writable")")
                }
            case .tmpfs(let target, _, _, _, _, _) where FileSystem.contains(target, path):
                answer = Answer(
                    subject: path, verdict: .hidden, rule: "\(target) inside is empty at the start and in memory",
                    next: "coop run -m \(path.shellQuoted):ro -- …")
            case .cover(let place, _, _) where FileSystem.contains(place, path):
                let reason = spec.covers.first { $0.path == place }?.reason ?? "coop"
                answer = Answer(subject: path, verdict: .readable, rule: "\(place) is one of the sandbox's own (\(reason))")
            case .readOnly(let place) where FileSystem.contains(place, path):
                let reason = spec.protected.first { $0.path == place }?.reason ?? "it changes the kernel"
                answer = Answer(subject: path, verdict: .readable, rule: "\(place) is read-only: \(reason)")
            case .proc(let target) where FileSystem.contains(target, path):
                answer = Answer(subject: path, verdict: .readable, rule: "\(target) inside is fresh and shows the sandbox's own processes")
            case .mask(let place) where FileSystem.contains(place, path):
                let reason = spec.protected.first { $0.path == place }?.reason ?? "it tells about the whole machine"
                let next = reason.hasPrefix("excluded") ? "coop config get sandbox.excludes" : nil
                answer = Answer(subject: path, verdict: .hidden, rule: "\(place) is hidden: \(reason)", next: next)
            case .symlink(let place, let destination) where FileSystem.contains(place, path):
                let target = FileSystem.normalize(FileSystem.join(FileSystem.parent(of: place), destination)) + path.dropFirst(place.count)
                if target != path { return self.path(target) }
            case .copy(_, let place) where place == path:
                answer = Answer(subject: path, verdict: .readable, rule: "a copy of the host's")
            case .compose(let place, _) where place == path:
                let reason = spec.covers.first { $0.path == place }?.reason ?? "coop"
                answer = Answer(subject: path, verdict: .readable, rule: "\(place) is one of the sandbox's own (\(reason))")
            case .homeFile(let place, _) where place == path:
                let reason = spec.home.files.first { $0.path == place }?.reason ?? "coop"
                answer = Answer(subject: path, verdict: .writable, rule: "a file of the sandbox's own, with stubs (\(reason))")
            case .file(let place, _, _) where place == path:
                answer = Answer(
                    subject: path, verdict: .readable, rule: "coop writes a \(FileSystem.lastComponent(of: place)) of the sandbox's own")
            default: break
            }
        }
        return answer
    }
}
