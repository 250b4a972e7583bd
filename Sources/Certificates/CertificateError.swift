/// A certificate that cannot be read or used.
public struct CertificateError: Error, Sendable, Equatable, CustomStringConvertible {
    public var description: String

    init(_ description: String) { self.description = description }
}
