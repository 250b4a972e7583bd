import CLinux
import Glibc
import LinuxKernel
import Netlink
import WardenProtocol

/// The part of a plan that leads all traffic to the gateway: sets it up, and compares the kernel's own report with it.
struct GatewayNetwork {
    private let operation: PlanOperation

    init(_ operation: PlanOperation) { self.operation = operation }

    /// Does the operation.
    ///
    /// - Parameter made: takes a socket that it has made.
    func set(_ made: ((socket: ListeningSocket, descriptor: Descriptor)) -> Void) throws {
        switch operation {
        case .gatewayRoute(let address):
            let socket = try NetlinkSocket(.route)
            try LoopbackRouting.install(address: GatewayNetwork.bytes(address), socket)
            // Only speed depends on it.
            try? LoopbackPackets.enlarge(socket)
        case .gatewayRules:
            guard let rules = try GatewayNetwork.rules(operation) else { return }
            let socket = try NetlinkSocket(.netfilter)
            try rules.ruleset.install(socket)
        case .listen(let wanted):
            let family = wanted.isIPv6 ? AF_INET6 : AF_INET
            let type = Int32((wanted.isDatagram ? SOCK_DGRAM : SOCK_STREAM).rawValue)
            let number = coop_loopback_socket(family, type, wanted.port, wanted.purpose == .reserved ? 1 : 0)
            if number < 0 {
                // A kernel without IPv6, or one that is told not to use it: there is nothing to take.
                if wanted.isIPv6, errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL { return }
                throw SystemError("bind", "\(wanted)")
            }
            made((wanted, Descriptor(owning: number)))
        default: return
        }
    }

    /// Compares routes, addresses and packet filter rules of this network namespace with the plan: the same, and nothing else.
    ///
    /// - Returns: how many facts were compared.
    static func verify(_ plan: LaunchPlan) throws -> UInt32 {
        var checks: UInt32 = 0
        for operation in plan.operations {
            let difference: String?
            switch operation {
            case .gatewayRoute(let address):
                let socket = try NetlinkSocket(.route)
                difference = try LoopbackRouting.difference(address: bytes(address), socket)
            case .gatewayRules:
                guard let rules = try rules(operation) else { continue }
                let socket = try NetlinkSocket(.netfilter)
                difference = try rules.ruleset.difference(socket)
            default: continue
            }
            checks += 1
            if let difference { throw SetupFailure(step: "verify", subject: "network", reason: "is not what was planned: \(difference)") }
        }
        return checks
    }

    private static func rules(_ operation: PlanOperation) throws -> GatewayRules? {
        guard case .gatewayRules(let address, let redirectPort, let dnsPort) = operation else { return nil }
        return GatewayRules(address: try bytes(address), redirectPort: redirectPort, dnsPort: dnsPort)
    }

    private static func bytes(_ address: String) throws -> [UInt8] {
        guard let bytes = AddressText.bytes(address) else { throw SystemError("address", address, errno: EINVAL) }
        return bytes
    }
}
