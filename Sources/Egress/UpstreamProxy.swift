import CoopErrors
import Policy
import Substitution

/// The proxy between the gateway and the internet, with what it wants to know of the user.
public struct UpstreamProxy: Sendable {
    let address: ProxyAddress
    /// `USER:PASSWORD`, for basic authentication (RFC 7617).
    private let credentials: SecretBytes?

    /// - Throws: for a proxy that is spoken to in another way than HTTP.
    public init(_ address: ProxyAddress, credentials: SecretBytes?) throws(CoopError) {
        guard address.kind == .http else {
            throw CoopError(
                .notReady, "cannot use the proxy \(address)", "this version speaks HTTP with upstream proxies, and neither TLS nor SOCKS",
                next: "coop config set network.proxy http://\(address.host):PORT")
        }
        self.address = address
        self.credentials = credentials
    }

    /// The request for a connection (RFC 9110, section 9.3.6).
    func request(for destination: Policy.Destination, port: UInt16) -> SecretBytes {
        var host = "\(destination)"
        if case .address(let address) = destination, address.v4 == nil { host = "[\(host)]" }
        var text = Array("CONNECT \(host):\(port) HTTP/1.1\r\nHost: \(host):\(port)\r\n".utf8)
        if let credentials {
            var encoded = credentials.withBytes { Base64.encode($0) }
            text += Array("Proxy-Authorization: Basic ".utf8) + encoded + [13, 10]
            encoded.wipe()
        }
        text += [13, 10]
        return SecretBytes(wiping: &text)
    }
}
