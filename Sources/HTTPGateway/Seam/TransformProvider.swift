import Substitution

/// Makes the transforms of an exchange once its request has been allowed.
public protocol TransformProvider: Sendable {
    /// - Parameter request: as the client sent it, without secrets.
    /// - Returns: nil when the exchange needs none; it then passes without being touched.
    func transforms(for request: RequestHead, injections: [Injection], on connection: ConnectionInfo) -> (any ExchangeTransforms)?
}
