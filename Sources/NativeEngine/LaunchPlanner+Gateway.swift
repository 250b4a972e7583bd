import Sandbox
import WardenProtocol

extension LaunchPlanner {
    /// What leads all traffic to the gateway: sockets before the rules that lead to them, and nothing of it without a gateway.
    /// It is no part of the beginning, so that a warden which was started early serves every kind of network.
    static func gateway(_ spec: SandboxSpec) -> [PlanOperation] {
        let network = spec.network
        guard network.usesGateway else { return [] }
        var sockets = [
            ListeningSocket(.redirect, port: Network.redirectPort), ListeningSocket(.reserved, port: Network.redirectPort, isIPv6: true),
            ListeningSocket(.dns, port: Network.dnsPort),
            ListeningSocket(.proxy, port: network.proxyPort), ListeningSocket(.proxy, port: network.proxyPort, isIPv6: true),
        ]
        for port in network.hostPorts.sorted() {
            sockets += [ListeningSocket(.hostPort, port: port), ListeningSocket(.hostPort, port: port, isIPv6: true)]
        }
        return [.gatewayRoute(address: Network.address)] + sockets.map { .listen($0) } + [
            .gatewayRules(address: Network.address, redirectPort: Network.redirectPort, dnsPort: Network.dnsPort)
        ]
    }
}
