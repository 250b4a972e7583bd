import CoopErrors
import Glibc
import LinuxKernel

/// Turns the warden's report of a failed step into words that help.
public enum SetupExplanation {
    /// What an error is about where the kernel does not lead a sandbox's traffic to its gateway.
    public static let networkRefusal = "layer \(Layer.network.rawValue) cannot be enforced"

    static func error(step: String, subject: String, errno: Int32, reason: String) -> CoopError {
        let place = subject.isEmpty ? "" : " " + subject.printable
        let what = "cannot set up the sandbox"
        // Before the warden's program runs there is no text, only the number.
        let reason = reason.isEmpty ? SystemError.text(for: errno) : reason
        let why = "\(step)\(place): \(reason.printable)"
        if step == "verify" {
            return CoopError(
                .refused, "the sandbox is not what was planned", "\(subject.printable) \(reason.printable)", next: "coop doctor")
        }
        if step == "gateway-rules" || step == "gateway-route" {
            return CoopError(
                .refused, networkRefusal, "the kernel does not take the rules that lead to the gateway: \(why)",
                next: remedy(for: errno))
        }
        if step == "listen", errno == EADDRINUSE {
            return CoopError(.configuration, what, why + " (two settings ask for one port)", next: "coop config get network.host_ports")
        }
        if step == "overlay" { return overlayRefusal(why, errno) }
        switch errno {
        case ENOENT where step == "bind":
            return CoopError(.notFound, what, why, next: "coop explain --json, to see what asks for the path")
        case EPERM where step == "proc":
            return CoopError(
                .notReady, what, why + " (parts of /proc are covered on this host, as in most containers)", next: "coop doctor")
        case ENOSPC where step == "unshare":
            return CoopError(
                .notReady, "cannot make a namespace", "the limit in /proc/sys/user is reached (\(reason.printable))", next: "coop doctor")
        case ELOOP where reason.hasPrefix("mount target"), ENOTDIR where reason.hasPrefix("mount target"):
            return CoopError(
                .refused, what, why + " (something that is no directory stands where one has to be mounted)",
                next: "move it away, or mount elsewhere")
        case ELOOP:
            return CoopError(.refused, what, why + " (a link stands where a plain path was checked)", next: "run the command again")
        default:
            return CoopError(.notReady, what, why, next: "coop doctor")
        }
    }

    /// What keeps overlayfs from working; nothing else could take its place.
    private static func overlayRefusal(_ why: String, _ errno: Int32) -> CoopError {
        let what = "cannot lay an overlay over the workspace"
        let bind = "coop run --workspace bind -- …"
        switch errno {
        case ENODEV: return CoopError(.notReady, what, "this kernel has no overlayfs: \(why)", next: "sudo modprobe overlay, or \(bind)")
        case EPERM: return CoopError(.notReady, what, "this kernel refuses one to this user (before Linux 5.11): \(why)", next: bind)
        case EINVAL, EOPNOTSUPP:
            return CoopError(
                .notReady, what, "the file system of the workspace or of coop's own directory cannot carry one: \(why)",
                next: "export COOP_HOME to a directory on ext4, xfs, btrfs or tmpfs, or \(bind)")
        default: return CoopError(.notReady, what, why, next: bind)
        }
    }

    /// What makes nf_tables work: its parts are modules on most kernels, and a container cannot load them.
    private static func remedy(for errno: Int32) -> String {
        switch errno {
        case ENOENT, EOPNOTSUPP, EPROTONOSUPPORT, EAFNOSUPPORT:
            "sudo modprobe -a nf_tables nft_ct nft_chain_nat nft_redir nft_reject_inet nf_conntrack, on the host, or add --network none"
        default: "coop doctor, or add --network none"
        }
    }
}
