import CLinux
import Policy

/// The addresses of this machine's own interfaces (getifaddrs(3)), which are closed to every sandbox.
public enum HostAddresses {
    public static func own() -> Set<IPAddress> {
        var bytes = [UInt8](repeating: 0, count: 16 * 1024)
        let count = Int(coop_interface_addresses(&bytes, 1024))
        return Set((0..<max(0, count)).compactMap { IPAddress(bytes: bytes[$0 * 16..<$0 * 16 + 16]) })
    }
}
