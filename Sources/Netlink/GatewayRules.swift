/// The rules of a network namespace whose only way out are the gateway's listening sockets. Every packet is made by a process
/// inside and stays on the loopback device, so the hook for leaving packets sees all of them.
public struct GatewayRules: Sendable, Hashable {
    /// The namespace's own address, besides those of loopback: four bytes.
    public var address: [UInt8]
    /// The port on 127.0.0.1 that takes TCP connections to anywhere else.
    public var redirectPort: UInt16
    /// The port on 127.0.0.1 that takes DNS over UDP.
    public var dnsPort: UInt16

    public init(address: [UInt8], redirectPort: UInt16, dnsPort: UInt16) {
        self.address = address
        self.redirectPort = redirectPort
        self.dnsPort = dnsPort
    }

    private static let tcp: [UInt8] = [6]
    private static let udp: [UInt8] = [17]
    /// IPS_DST_NAT: the connection came by a redirection.
    private static let redirectedStatus: UInt32 = 1 << 5

    /// The ruleset that says this.
    public var ruleset: PacketRuleset {
        PacketRuleset(
            table: "coop",
            chains: [
                // Ahead of the filter (priority 0), where NF_IP_PRI_NAT_DST is.
                .init(
                    name: "capture", kind: .nat, priority: -100, acceptsByDefault: true,
                    rules: [
                        toLoopback + [.accept],
                        toOwnAddress + [.accept],
                        ipv4 + transport(GatewayRules.tcp) + [.load(bigEndian(redirectPort)), .redirect],
                        ipv4 + transport(GatewayRules.udp) + port(53) + [.load(bigEndian(dnsPort)), .redirect],
                    ]),
                .init(
                    name: "guard", kind: .filter, priority: 0, acceptsByDefault: false,
                    rules: [
                        // The ports themselves are for redirected connections only.
                        toLoopback + transport(GatewayRules.tcp) + port(redirectPort) + notRedirected + [.resetConnection],
                        toLoopback + transport(GatewayRules.udp) + port(dnsPort) + notRedirected + [.answerUnreachable],
                        toLoopback + [.accept],
                        toOwnAddress + [.accept],
                        toLoopback6 + [.accept],
                        transport(GatewayRules.tcp) + [.resetConnection],
                        [.answerUnreachable],
                    ]),
            ])
    }

    private var ipv4: [PacketExpression] { [.meta(.networkProtocol), .equals([2])] }
    /// 127.0.0.0/8, by the first byte of the destination.
    private var toLoopback: [PacketExpression] { ipv4 + [.payload(.network, offset: 16, length: 1), .equals([127])] }
    private var toOwnAddress: [PacketExpression] { ipv4 + [.payload(.network, offset: 16, length: 4), .equals(address)] }
    private var toLoopback6: [PacketExpression] {
        [
            .meta(.networkProtocol), .equals([10]), .payload(.network, offset: 24, length: 16),
            .equals([UInt8](repeating: 0, count: 15) + [1]),
        ]
    }
    private func transport(_ number: [UInt8]) -> [PacketExpression] { [.meta(.transportProtocol), .equals(number)] }
    private func port(_ number: UInt16) -> [PacketExpression] {
        [.payload(.transport, offset: 2, length: 2), .equals(bigEndian(number))]
    }
    private var notRedirected: [PacketExpression] {
        [.connectionStatus, .masked(GatewayRules.redirectedStatus), .equals([0, 0, 0, 0])]
    }
    private func bigEndian(_ number: UInt16) -> [UInt8] { [UInt8(number >> 8), UInt8(truncatingIfNeeded: number)] }
}
