import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// A place of this machine's own interface, where a server may listen: `127.0.0.1:8080`, `localhost`, `[::1]:0`.
struct LoopbackAddress: Equatable {
    var isIPv6 = false
    /// Zero: one that is free.
    var port: UInt16 = 0

    static let standard = LoopbackAddress()

    /// - Throws: `usage` for what is no address, `refused` for one that others can reach.
    init(_ text: String) throws(CoopError) {
        let (host, digits) = try LoopbackAddress.parts(text)
        switch host.lowercased() {
        case "", "127.0.0.1", "localhost": isIPv6 = false
        case "::1": isIPv6 = true
        default:
            throw CoopError(
                .refused, "cannot listen on \(text.printable)", "only this machine's own programs may connect: 127.0.0.1 or [::1]",
                next: "ssh -L 8080:127.0.0.1:8080 HOST   # from another machine, with --bind 127.0.0.1:8080")
        }
        guard let digits else { return }
        guard let port = UInt16(digits), digits.utf8.allSatisfy({ $0 >= 0x30 && $0 <= 0x39 }) else { throw LoopbackAddress.wrong(text) }
        self.port = port
    }

    private init() {}

    /// Host and port, as they were written.
    private static func parts(_ text: String) throws(CoopError) -> (host: String, port: String?) {
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw wrong(text) }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw wrong(text) }
            return (String(text[text.index(after: text.startIndex)..<end]), rest.isEmpty ? nil : String(rest.dropFirst()))
        }
        let colons = text.count { $0 == ":" }
        guard colons == 1, let colon = text.firstIndex(of: ":") else { return (text, nil) }
        return (String(text[..<colon]), String(text[text.index(after: colon)...]))
    }

    private static func wrong(_ text: String) -> CoopError {
        CoopError(
            .usage, "cannot listen on \(text.printable)", "it is not an address such as 127.0.0.1:8080", next: "coop subscribe --help")
    }

    /// A socket that listens there, and its port.
    func listen() throws(CoopError) -> (socket: Descriptor, port: UInt16) {
        do {
            let family = isIPv6 ? AF_INET6 : AF_INET
            let socket = Descriptor(
                owning: try check("bind") { coop_loopback_socket(family, Int32(SOCK_STREAM.rawValue), port, 0) })
            var (found, type, listens): (Int32, Int32, Int32) = (0, 0, 0)
            var bound: UInt16 = 0
            try check("getsockname") { coop_describe_socket(socket.number, &found, &type, &listens, &bound) }
            return (socket, bound)
        } catch {
            throw CoopError(.failed, "cannot listen on port \(port)", error.reason, next: "ss -ltn   # who listens there")
        }
    }

    /// As it stands in a URL.
    func authority(port: UInt16) -> String { (isIPv6 ? "[::1]" : "127.0.0.1") + ":\(port)" }
}
