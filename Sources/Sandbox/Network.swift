import CoopErrors
import Policy

/// What of the network there is inside.
public struct Network: Codable, Sendable, Equatable {
    public enum Mode: String, Codable, Sendable, CaseIterable {
        /// Nothing: a network namespace with a loopback device of its own and no route.
        case none
        /// What the rules name, by the gateway.
        case scoped
        /// The public internet, by the gateway.
        case open
    }

    public var mode: Mode
    /// Ports of the host's loopback that appear at the same port inside.
    public var hostPorts: [UInt16]
    /// The port on 127.0.0.1 and ::1 inside where the gateway is an ordinary proxy.
    public var proxyPort: UInt16
    /// What the gateway lets through.
    public var policy: NetworkPolicy

    public init(
        mode: Mode = .none, hostPorts: [UInt16] = [], proxyPort: UInt16 = Network.standardProxyPort, policy: NetworkPolicy = .closed
    ) {
        self.mode = mode
        self.hostPorts = hostPorts
        self.proxyPort = proxyPort
        self.policy = policy
    }

    /// Whether traffic is led to the gateway.
    public var usesGateway: Bool { mode != .none }

    // Addresses of RFC 2544, which never appear on the internet: what the gateway answers for names lies in 198.18.0.0/15 as well,
    // and must leave out 198.18.0.0/24.

    /// The sandbox's own address beside 127.0.0.1.
    public static let address = "198.18.0.1"
    /// The name server in /etc/resolv.conf. Nobody has this address: its queries are redirected as all are.
    public static let nameserver = "198.18.0.2"

    // Ports for experiments (RFC 4727): below 1024, so that no program inside could bind them anyway.

    /// Where redirected TCP connections arrive, on 127.0.0.1.
    public static let redirectPort: UInt16 = 1021
    /// Where redirected DNS queries arrive, on 127.0.0.1.
    public static let dnsPort: UInt16 = 1022
    public static let standardProxyPort: UInt16 = 3128

    /// The most ports of the host that one sandbox may have.
    public static let hostPortLimit = 64

    /// Refuses ports that cannot be had at the same time.
    public func check() throws(CoopError) {
        guard usesGateway else { return }
        let next = "coop config get network.host_ports"
        guard hostPorts.count <= Network.hostPortLimit else {
            throw CoopError(
                .configuration, "cannot open \(hostPorts.count) ports of the host", "\(Network.hostPortLimit) are the most", next: next)
        }
        let own = [Network.redirectPort, Network.dnsPort, proxyPort]
        guard proxyPort != 0, proxyPort != Network.redirectPort, proxyPort != Network.dnsPort else {
            throw CoopError(.configuration, "cannot use port \(proxyPort) for the proxy", "coop needs it itself", next: next)
        }
        for (index, port) in hostPorts.enumerated() {
            guard port != 0, !hostPorts[..<index].contains(port), !own.contains(port) else {
                let why = own.contains(port) ? "inside, the gateway has it" : port == 0 ? "it is no port" : "it is asked for twice"
                throw CoopError(.configuration, "cannot open port \(port) of the host", why, next: next)
            }
        }
    }

    /// The variables that lead programs to the gateway as a proxy; empty without one.
    ///
    /// `ALL_PROXY` is an HTTP proxy too: some clients end with an error when they see a SOCKS one that they cannot use. `HTTP_PROXY`
    /// is left out, as everywhere: in a CGI program it is a header of the request (CVE-2016-5385).
    public var proxyEnvironment: [EnvironmentVariable] {
        guard usesGateway else { return [] }
        let proxy = "http://127.0.0.1:\(proxyPort)"
        let direct = "localhost,127.0.0.1,::1"
        return ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY"].map { EnvironmentVariable(name: $0, value: proxy, origin: "coop") }
            + ["no_proxy", "NO_PROXY"].map { EnvironmentVariable(name: $0, value: direct, origin: "coop") }
    }
}
