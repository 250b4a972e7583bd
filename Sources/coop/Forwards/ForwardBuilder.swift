import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox

/// Finds what `sandbox.forward` names on the host, and says where it appears inside. Changes nothing.
struct ForwardBuilder {
    /// What is added to the spec.
    struct Result {
        var forwards: [Forward] = []
        var mounts: [Mount] = []
        var variables: [EnvironmentVariable] = []
        /// What could not be had, one sentence each.
        var missing: [String] = []
    }

    /// Where the sockets are inside.
    static let directory = "/run/coop/forward"

    let userHome: String
    /// The directory of the session, where the supervisor's own sockets are.
    let session: String

    /// - Throws: when an option of the command line names what is not there; what a file names may be missing on this machine.
    func build(_ settings: [Setting<ForwardChoice>]) throws(CoopError) -> Result {
        var result = Result()
        for setting in settings {
            do throws(CoopError) {
                try add(setting.value, &result)
            } catch {
                if setting.origin.layer == .flags { throw error }
                result.missing.append("\(setting.value.rawValue) is not forwarded (\(setting.origin)): \(error.why)")
            }
        }
        return result
    }

    private func add(_ choice: ForwardChoice, _ result: inout Result) throws(CoopError) {
        switch choice {
        case .sshAgent:
            let host = try socket(
                environmentVariable("SSH_AUTH_SOCK"), choice, "SSH_AUTH_SOCK is not set", "eval \"$(ssh-agent)\" && ssh-add")
            offer(choice, host, .filtered, &result)
            set("SSH_AUTH_SOCK", FileSystem.join(ForwardBuilder.directory, choice.rawValue), choice, &result)
        case .gpg:
            let candidates = gpgSockets
            let host = try socket(
                candidates.first { FileSystem.kind($0) == .socket }, choice, "the gpg-agent has no socket for this purpose",
                "gpgconf --launch gpg-agent && gpgconf --list-dirs agent-extra-socket")
            offer(choice, host, .relayed, at: FileSystem.join(userHome, ".gnupg/S.gpg-agent"), &result)
        case .docker:
            let set = environmentVariable("DOCKER_HOST") ?? ""
            guard set.isEmpty || set.hasPrefix("unix://") else {
                throw failure(choice, "DOCKER_HOST is no local socket", "coop run --allow HOST:PORT -- …")
            }
            let host = try socket(set.isEmpty ? "/var/run/docker.sock" : String(set.dropFirst(7)), choice, "", "docker info")
            offer(choice, host, .relayed, &result)
            self.set("DOCKER_HOST", "unix://" + FileSystem.join(ForwardBuilder.directory, choice.rawValue), choice, &result)
        case .display, .clipboard:
            // The one is the other.
            if result.forwards.contains(where: { $0.name == "display" || $0.name == "clipboard" }) { return }
            let found = [wayland(choice, &result), x11(choice, &result)]
            if !found.contains(true) {
                throw failure(
                    choice, "neither WAYLAND_DISPLAY nor DISPLAY names a display of this machine", "echo $WAYLAND_DISPLAY $DISPLAY")
            }
        }
    }

    /// The sockets for agents elsewhere (gpg-agent(1), --extra-socket): the agent behind refuses them what manages keys.
    private var gpgSockets: [String] {
        let name = "S.gpg-agent.extra"
        if let home = environmentVariable("GNUPGHOME"), !home.isEmpty { return [FileSystem.join(home, name)] }
        return ["/run/user/\(getuid())/gnupg/\(name)", FileSystem.join(userHome, ".gnupg/\(name)")]
    }

    private func wayland(_ choice: ForwardChoice, _ result: inout Result) -> Bool {
        guard let name = environmentVariable("WAYLAND_DISPLAY"), !name.isEmpty else { return false }
        let path = name.hasPrefix("/") ? name : FileSystem.join(environmentVariable("XDG_RUNTIME_DIR") ?? "/", name)
        guard let host = try? socket(path, choice, "", "") else { return false }
        let target = FileSystem.join(ForwardBuilder.directory, "wayland")
        offer(choice, host, .bound, at: target, &result)
        set("WAYLAND_DISPLAY", target, choice, &result)
        return true
    }

    private func x11(_ choice: ForwardChoice, _ result: inout Result) -> Bool {
        guard let display = XDisplay(environmentVariable("DISPLAY") ?? ""), let host = try? socket(display.socket, choice, "", "") else {
            return false
        }
        offer(choice, host, .bound, at: display.socket, &result)
        set("DISPLAY", display.name, choice, &result)
        if display.authority(userHome: userHome) != nil {
            let target = FileSystem.join(ForwardBuilder.directory, XDisplay.authorityName)
            result.mounts.append(
                Mount(
                    source: FileSystem.join(session, XDisplay.authorityName), target: target, readOnly: true, isDirectory: false,
                    reason: "forward \(choice.rawValue)"))
            set("XAUTHORITY", target, choice, &result)
        }
        return true
    }

    private func socket(_ path: String?, _ choice: ForwardChoice, _ without: String, _ next: String) throws(CoopError) -> String {
        guard let path, !path.isEmpty else { throw failure(choice, without, next) }
        guard path.hasPrefix("/"), let real = FileSystem.realPath(path), FileSystem.kind(real) == .socket else {
            throw failure(choice, "\(path.printable) is no socket", next)
        }
        return real
    }

    private func failure(_ choice: ForwardChoice, _ why: String, _ next: String) -> CoopError {
        CoopError(.notReady, "cannot forward \(choice.rawValue)", why, next: next)
    }

    private func offer(_ choice: ForwardChoice, _ host: String, _ way: Forward.Way, at target: String? = nil, _ result: inout Result) {
        let target = target ?? FileSystem.join(ForwardBuilder.directory, choice.rawValue)
        result.forwards.append(Forward(name: choice.rawValue, host: host, target: target, way: way))
        result.mounts.append(
            Mount(
                source: way == .bound ? host : FileSystem.join(session, choice.rawValue), target: target, readOnly: way != .bound,
                isDirectory: false, reason: "forward \(choice.rawValue)"))
    }

    private func set(_ name: String, _ value: String, _ choice: ForwardChoice, _ result: inout Result) {
        result.variables.append(EnvironmentVariable(name: name, value: value, origin: "forward \(choice.rawValue)"))
    }
}
