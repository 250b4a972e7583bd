/// Decides whether an address may be connected to at all, before any rule is looked at and again on the address that a
/// name has really led to, so that a name that changes its address in between (DNS rebinding) gains nothing.
public struct AddressGuard: Sendable, Equatable {
    /// The addresses of this machine's own interfaces.
    public var own: Set<IPAddress>

    public init(own: Set<IPAddress> = []) { self.own = own }

    /// The class by number, or `host` for a public or private address of this machine.
    public func classify(_ address: IPAddress) -> AddressClass {
        let byNumber = AddressClass(address)
        return own.contains(address) && byNumber != .metadata && byNumber != .loopback ? .host : byNumber
    }

    /// The class for which the address is closed; nil when it may be connected to.
    ///
    /// - Parameter isExplicit: an entry of `[network.hosts]` leads there.
    public func refusal(of address: IPAddress, isExplicit: Bool = false) -> AddressClass? {
        let found = classify(address)
        if found == .public || (isExplicit && found.mayBeOpened) { return nil }
        return found
    }
}
