import CoopErrors

/// A network policy made ready for deciding: immutable, shared by all threads, without allocation or locks.
///
/// A decision looks up each suffix of the name in a hash table, from the right, and then looks only at the rules of the
/// narrowest pattern that it has found and of the wider ones. What it costs depends on the name and not on the number of rules.
///
/// Order of decision: closed addresses (`refusal(of:port:isExplicit:)`), rules that deny, the other rules in their
/// order, the mode.
public final class CompiledNetworkPolicy: Sendable {
    /// The policy as it was given.
    public let policy: NetworkPolicy
    /// The classes of addresses and this machine's own ones.
    public let addressGuard: AddressGuard

    let names: SuffixTable
    /// Sorted by address.
    let addresses: FrozenArray<AddressEntry>
    let rules: FrozenArray<CompiledRule>
    let paths: FrozenArray<CompiledPath>
    let patterns: FrozenArray<UInt8>
    let methods: MethodTable
    let pathTable: PathTable
    /// Names that `[network.hosts]` places, which `open` allows though they are not public.
    let placed: Set<Destination>

    struct AddressEntry: BitwiseCopyable {
        var address: UInt128
        var host: UInt32
    }

    /// Compiles a policy, in time proportional to its size.
    ///
    /// - Throws: `CoopError` if it names more than 63 different methods.
    public convenience init(_ policy: NetworkPolicy, addressGuard: AddressGuard = AddressGuard()) throws(CoopError) {
        try self.init(policy, addressGuard: addressGuard, seed: UInt64.random(in: .min ... .max))
    }

    init(_ policy: NetworkPolicy, addressGuard: AddressGuard, seed: UInt64) throws(CoopError) {
        var builder = try PolicyBuilder(policy)
        builder.addRules()
        self.policy = policy
        self.addressGuard = addressGuard
        names = SuffixTable(names: builder.names, suffixes: builder.suffixes, hosts: builder.hosts, seed: seed)
        addresses = FrozenArray(
            builder.addresses.sorted { $0.key < $1.key }.map {
                AddressEntry(address: $0.key.bits, host: $0.value)
            })
        rules = FrozenArray(builder.rules)
        paths = FrozenArray(builder.paths)
        patterns = FrozenArray(builder.patterns)
        methods = MethodTable(builder.methods)
        pathTable = PathTable(builder, seed: seed)
        placed = Set(policy.hosts.map(\.host))
    }
}
