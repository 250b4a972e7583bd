/// A table of nf_tables with its chains and rules, as a value: what is to be installed, and what the kernel's own report is
/// compared with.
public struct PacketRuleset: Sendable, Hashable {
    /// A chain that the kernel calls for every packet that leaves a process of this network namespace.
    public struct Chain: Sendable, Hashable {
        public enum Kind: String, Sendable {
            case nat
            case filter
        }

        public var name: String
        public var kind: Kind
        /// Its place among the chains of the same hook; lower comes first.
        public var priority: Int32
        /// Whether a packet that no rule decides about goes on.
        public var acceptsByDefault: Bool
        public var rules: [[PacketExpression]]

        public init(name: String, kind: Kind, priority: Int32, acceptsByDefault: Bool, rules: [[PacketExpression]]) {
            self.name = name
            self.kind = kind
            self.priority = priority
            self.acceptsByDefault = acceptsByDefault
            self.rules = rules
        }
    }

    public var table: String
    public var chains: [Chain]

    public init(table: String, chains: [Chain]) {
        self.table = table
        self.chains = chains
    }

    /// NFPROTO_INET: IPv4 and IPv6 in one table.
    private static let family: UInt8 = 1
    /// NF_INET_LOCAL_OUT.
    private static let outputHook: UInt32 = 3
    /// Bytes of `struct nfgenmsg`.
    private static let headerSize = 4

    /// Messages to nf_tables: NFT_MSG_*, with NFNL_SUBSYS_NFTABLES in the upper byte.
    private enum Operation: UInt16 {
        case newTable = 0xA00
        case listTables = 0xA01
        case newChain = 0xA03
        case listChains = 0xA04
        case newRule = 0xA06
        case listRules = 0xA07
    }

    // MARK: - Installing

    /// Installs the whole in one transaction: all of it, or nothing and an error.
    public func install(_ socket: NetlinkSocket) throws(NetlinkError) {
        try socket.perform(transaction(), acknowledgements: 1)
    }

    /// The messages of the transaction: begin, the table, the chains, their rules in order, end.
    public func transaction() -> NetlinkWriter {
        var result = NetlinkWriter(capacity: 8192)
        // NFNL_MSG_BATCH_BEGIN and _END, for NFNL_SUBSYS_NFTABLES in network order.
        result.message(type: 0x10, flags: 0, header: [0, 0, 0, 10], subject: "transaction")
        let new = NetlinkFlags.create | NetlinkFlags.exclusive
        message(.newTable, new, "table", &result) { $0.attribute(1, text: table) }
        for chain in chains {
            message(.newChain, new, "chain \(chain.name)", &result) { writer in
                writer.attribute(1, text: table)
                writer.attribute(3, text: chain.name)
                writer.nested(4) { hook in
                    hook.attribute(1, bigEndian: PacketRuleset.outputHook)
                    hook.attribute(2, bigEndian: UInt32(bitPattern: chain.priority))
                }
                writer.attribute(5, bigEndian: chain.acceptsByDefault ? 1 : 0)
                writer.attribute(7, text: chain.kind.rawValue)
            }
        }
        let last = chains.last { !$0.rules.isEmpty }
        for chain in chains {
            for (index, rule) in chain.rules.enumerated() {
                // The kernel answers once the whole is in force.
                let isLast = chain == last && index == chain.rules.count - 1
                let flags = NetlinkFlags.create | NetlinkFlags.append | (isLast ? NetlinkFlags.acknowledge : 0)
                message(.newRule, flags, "rule \(index + 1) of \(chain.name)", &result) { writer in
                    writer.attribute(1, text: table)
                    writer.attribute(2, text: chain.name)
                    writer.nested(4) { list in for expression in rule { expression.write(to: &list) } }
                }
            }
        }
        result.message(type: 0x11, flags: 0, header: [0, 0, 0, 10], subject: "transaction")
        return result
    }

    private func message(
        _ operation: Operation, _ flags: UInt16, _ subject: String, _ writer: inout NetlinkWriter,
        _ attributes: (inout NetlinkWriter) -> Void
    ) {
        writer.message(
            type: operation.rawValue, flags: flags, header: [PacketRuleset.family, 0, 0, 0], subject: subject, attributes: attributes)
    }

    // MARK: - Comparing

    /// Compares the kernel's own report of this network namespace with this ruleset: the same table, chains and rules with the
    /// same instructions in the same order, and nothing else.
    ///
    /// - Returns: the first difference in words; nil when there is none.
    public func difference(_ socket: NetlinkSocket) throws(NetlinkError) -> String? {
        try difference(tables: list(.listTables, socket), chains: list(.listChains, socket), rules: list(.listRules, socket))
    }

    private func list(_ operation: Operation, _ socket: NetlinkSocket) throws(NetlinkError) -> NetlinkMessages {
        var request = NetlinkWriter()
        // NFPROTO_UNSPEC: of every family.
        request.message(type: operation.rawValue, flags: NetlinkFlags.dump, header: [0, 0, 0, 0], subject: "list of rules")
        return try socket.list(request)
    }

    /// The comparison itself, on the kernel's answers.
    public func difference(
        tables: NetlinkMessages, chains: NetlinkMessages, rules: NetlinkMessages
    ) throws(NetlinkError) -> String? {
        let asked = try NetlinkMessages(transaction().bytes)
        let wanted = asked.list.dropFirst().dropLast()
        let ruleCount = self.chains.map(\.rules.count).reduce(0, +)
        guard tables.list.count == 1 else { return "\(tables.list.count) tables" }
        guard chains.list.count == self.chains.count else { return "\(chains.list.count) chains" }
        guard rules.list.count == ruleCount else { return "\(rules.list.count) rules" }
        let reported = tables.list.map { (tables, $0) } + chains.list.map { (chains, $0) } + rules.list.map { (rules, $0) }
        for (index, (message, (list, found))) in zip(wanted, reported).enumerated() {
            guard try list.header(found, size: PacketRuleset.headerSize).first == PacketRuleset.family,
                try agrees(list, found, asked, message)
            else { return "table, chain or rule \(index + 1) of \(reported.count) is another one" }
        }
        return nil
    }

    private func agrees(
        _ list: NetlinkMessages, _ found: NetlinkMessages.Message, _ asked: NetlinkMessages, _ wanted: NetlinkMessages.Message
    ) throws(NetlinkError) -> Bool {
        let range = try list.attributes(found, after: PacketRuleset.headerSize)
        let wantedRange = try asked.attributes(wanted, after: PacketRuleset.headerSize)
        guard wanted.type == Operation.newRule.rawValue else {
            // It also holds numbers that the kernel gives.
            return try list.agrees(range, with: asked, wantedRange, isClosed: false)
        }
        for type: UInt16 in [1, 2] {
            guard let name = try list.content(type, in: range), let wantedName = try asked.content(type, in: wantedRange),
                name.elementsEqual(wantedName)
            else { return false }
        }
        guard let expressions = try list.attribute(4, in: range), let wantedExpressions = try asked.attribute(4, in: wantedRange) else {
            return false
        }
        return try list.agreesInOrder(expressions.content, with: asked, wantedExpressions.content)
    }
}
