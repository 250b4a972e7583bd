import WorkerConfinement

extension Confinement {
    /// The channel's descriptor; those below are the standard streams, and nothing else stays open.
    static let channel: Int32 = 3

    /// The gateway's: thousands of TLS connections fit into its memory.
    static func gateway(withoutLandlock: Bool) -> Confinement {
        Confinement(highest: channel, descriptors: 1 << 16, memory: 4 << 30, withoutLandlock: withoutLandlock)
    }
}
