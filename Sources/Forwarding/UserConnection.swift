import CLinux
import Glibc
import LinuxKernel

/// Connections to a socket that a sandbox is given.
enum UserConnection {
    /// Takes one of the own user's (SO_PEERCRED of unix(7)), without blocking; nil, and closed, when it is another's.
    static func accept(_ listener: Descriptor) -> Descriptor? {
        let number = coop_accept_nonblocking(listener.number)
        guard number >= 0 else { return nil }
        let socket = Descriptor(owning: number)
        var pid: pid_t = 0
        var user: uid_t = 0
        return coop_peer(number, &pid, &user) == 0 && user == getuid() ? socket : nil
    }
}
