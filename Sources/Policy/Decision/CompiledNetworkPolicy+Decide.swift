extension CompiledNetworkPolicy {
    /// Judges what cannot be read as requests: a connection whose bytes are passed on as they are.
    ///
    /// A rule with methods or paths cannot be checked then: it does not allow, and it does deny or ask.
    public func decide(_ host: HostName, port: UInt16) -> Decision {
        withBytes(of: host.text) { decide(HostView(kind: .name($0)), port: port) }
    }

    /// The same for a direct connection to an address.
    public func decide(_ address: IPAddress, port: UInt16) -> Decision {
        if let closed = addressGuard.refusal(of: address, isExplicit: policy.override(for: .address(address)) != nil) {
            return Decision(.deny, .closedAddress(closed))
        }
        return decide(HostView(kind: .address(address)), port: port)
    }

    /// The same for what a client has asked for.
    public func decide(_ host: Destination, port: UInt16) -> Decision {
        switch host {
        case .name(let name): decide(name, port: port)
        case .address(let address): decide(address, port: port)
        }
    }

    /// Judges one request.
    ///
    /// - Parameters:
    ///   - method: as it was sent.
    ///   - target: the path as it was sent, with or without the query.
    public func decide(_ host: HostName, port: UInt16, method: String, target: String) -> Decision {
        withBytes(of: host.text) { host in
            withBytes(of: method) { method in
                withBytes(of: target) { target in decide(HostView(kind: .name(host)), port: port, method: method, target: target) }
            }
        }
    }

    /// The same for the bytes on the wire.
    public func decide(
        _ host: HostName, port: UInt16, method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer
    ) -> Decision {
        withBytes(of: host.text) { decide(HostView(kind: .name($0)), port: port, method: method, target: target) }
    }

    /// Judges one request to a name or address.
    public func decide(_ host: Destination, port: UInt16, method: String, target: String) -> Decision {
        switch host {
        case .name(let name): return decide(name, port: port, method: method, target: target)
        case .address(let address):
            if let closed = addressGuard.refusal(of: address, isExplicit: policy.override(for: host) != nil) {
                return Decision(.deny, .closedAddress(closed))
            }
            return withBytes(of: method) { method in
                withBytes(of: target) { target in decide(HostView(kind: .address(address)), port: port, method: method, target: target) }
            }
        }
    }

    /// Judges one request by the bytes on the wire. The name is checked and normalised first; one that is no name is denied.
    public func decide(
        untrustedName name: UnsafeRawBufferPointer, port: UInt16, method: UnsafeRawBufferPointer, target: UnsafeRawBufferPointer
    ) -> Decision {
        withUnsafeTemporaryAllocation(byteCount: HostName.lengthLimit, alignment: 8) { buffer in
            do throws(HostNameProblem) {
                let count = try HostName.normalise(name, into: buffer)
                let name = UnsafeRawBufferPointer(rebasing: buffer[..<count])
                return decide(HostView(kind: .name(name)), port: port, method: method, target: target)
            } catch {
                return Decision(.deny, .badName(error))
            }
        }
    }

    /// What happens to a connection before anything of its content is known.
    public func connection(_ host: Destination, port: UInt16) -> ConnectionDecision {
        switch host {
        case .name(let name): return withBytes(of: name.text) { connection(HostView(kind: .name($0)), port: port) }
        case .address(let address):
            if let closed = addressGuard.refusal(of: address, isExplicit: policy.override(for: host) != nil) {
                return .settled(Decision(.deny, .closedAddress(closed)))
            }
            return connection(HostView(kind: .address(address)), port: port)
        }
    }

    /// Whether requests to this host have to be read because they do not all meet the same fate.
    public func needsInspection(_ host: Destination, port: UInt16) -> Bool { connection(host, port: port) == .inspect }

    /// Why an address that a name has led to may not be connected to after all: its class, or a rule that denies it.
    ///
    /// - Parameter isExplicit: an entry of `[network.hosts]` leads there.
    public func refusal(of address: IPAddress, port: UInt16, isExplicit: Bool = false) -> Decision? {
        if let closed = addressGuard.refusal(of: address, isExplicit: isExplicit) { return Decision(.deny, .closedAddress(closed)) }
        return denial(by: host(of: address), port: port)
    }

    /// The UTF-8 of a text in place; every text that Swift itself has made is contiguous. (`utf8.span` would be a call into the
    /// standard library, and two atomic counts.)
    @inline(__always)
    private func withBytes<Result>(of text: String, _ body: (UnsafeRawBufferPointer) -> Result) -> Result {
        if let result = text.utf8.withContiguousStorageIfAvailable({ body(UnsafeRawBufferPointer($0)) }) { return result }
        var own = text
        return own.withUTF8 { body(UnsafeRawBufferPointer($0)) }
    }
}
