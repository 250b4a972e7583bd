/// What a decision is about: the bytes of a name that has been normalised, or an address.
struct HostView {
    enum Kind {
        case name(UnsafeRawBufferPointer)
        case address(IPAddress)
    }

    let kind: Kind

    var isAddress: Bool {
        if case .address = kind { return true }
        return false
    }
}
