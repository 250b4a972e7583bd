import CoopErrors
import Egress
import Policy
import Projects
import Vault

/// Requests of coop's own to servers, made on the host.
enum HostRequests {
    /// - Parameters:
    ///   - settings: where names lead, further roots and the proxy. Those of a repository are left out: tokens would go there.
    ///   - trusted: a server that the user has named on the command line.
    static func transport(_ settings: Configuration.Network, context: Context, trusted: MCPServerURL? = nil) -> HostTransport {
        let certificates = settings.ca.filter { !$0.origin.layer.isRepository }.map(\.value)
        return HostTransport(
            program: { () throws(CoopError) in try GatewayProgram.locate() },
            policy: { () throws(CoopError) in
                try CompiledNetworkPolicy(policy(settings, certificates), addressGuard: AddressGuard(own: HostAddresses.own()))
            },
            roots: { () throws(CoopError) in try TrustedAuthority.roots(further: certificates) },
            proxy: { () throws(CoopError) in try context.upstreamProxy(try proxyAddress(settings), isUsers: true) }, trusted: trusted)
    }

    private static func policy(_ settings: Configuration.Network, _ certificates: [String]) throws(CoopError) -> NetworkPolicy {
        var hosts: [HostOverride] = []
        for (name, setting) in settings.hosts where !setting.origin.layer.isRepository {
            hosts.append(try HostOverride(parsing: name, target: setting.value, origin: setting.origin.description))
        }
        return NetworkPolicy(mode: .open, hosts: hosts, certificateFiles: certificates, proxy: try proxyAddress(settings))
    }

    private static func proxyAddress(_ settings: Configuration.Network) throws(CoopError) -> ProxyAddress? {
        guard let setting = settings.proxy, !setting.origin.layer.isRepository else { return nil }
        return try ProxyAddress(parsing: setting.value)
    }
}
