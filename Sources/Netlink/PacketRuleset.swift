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

    // NFPROTO_INET: IPv4 and IPv6 in one table.
    private static let family: UInt8 = 1
    /// NF_INET_LOCAL_OUT.
    private static let outputHook: UInt32 = 3
    /// Bytes of `struct nfgenmsg`.
    private static let headerSize = 4

    private enum Operation: UInt16 {
        case newTable = 0
        case listTables = 1
        case newChain = 3
        case listChains = 4
        case newRule = 6
        case listRules = 7
        /// NFNL_SUBSYS_NFTABLES in the upper byte.
        var type: UInt16 { 10 << 8 | rawValue }
    }

    // MARK: - Installing

    /// Installs the whole in one transaction: all of it, or nothing and an error.
    public func install(_ socket: inout NetlinkSocket) throws(NetlinkError) {
        try socket.perform(transaction())
    }

    /// The messages of the transaction.
    public func transaction() -> [NetlinkMessage] {
        // NFNL_MSG_BATCH_BEGIN and _END, for NFNL_SUBSYS_NFTABLES in network order.
        var result = [NetlinkMessage(type: 0x10, flags: 0, header: [0, 0, 0, 10], subject: "transaction")]
        result.append(message(.newTable, NetlinkMessage.create | NetlinkMessage.exclusive, [NetlinkAttribute(1, text: table)], "table"))
        for chain in chains {
            result.append(message(.newChain, NetlinkMessage.create | NetlinkMessage.exclusive, attributes(of: chain), "chain \(chain.name)"))
        }
        for chain in chains {
            for (index, rule) in chain.rules.enumerated() {
                let attributes = [
                    NetlinkAttribute(1, text: table), NetlinkAttribute(2, text: chain.name),
                    NetlinkAttribute(4, nested: rule.map(\.element)),
                ]
                let names = rule.map(\.name).joined(separator: " ")
                result.append(
                    message(
                        .newRule, NetlinkMessage.create | NetlinkMessage.append, attributes, "rule \(index + 1) of \(chain.name) (\(names))"))
            }
        }
        result[result.count - 1].flags |= NetlinkMessage.acknowledge
        result.append(NetlinkMessage(type: 0x11, flags: 0, header: [0, 0, 0, 10], subject: "transaction"))
        return result
    }

    private func message(
        _ operation: Operation, _ flags: UInt16, _ attributes: [NetlinkAttribute], _ subject: String
    ) -> NetlinkMessage {
        NetlinkMessage(
            type: operation.type, flags: flags, header: [PacketRuleset.family, 0, 0, 0], attributes: attributes, subject: subject)
    }

    private func attributes(of chain: Chain) -> [NetlinkAttribute] {
        [
            NetlinkAttribute(1, text: table), NetlinkAttribute(3, text: chain.name),
            NetlinkAttribute(
                4,
                nested: [
                    NetlinkAttribute(1, bigEndian: PacketRuleset.outputHook),
                    NetlinkAttribute(2, bigEndian: UInt32(bitPattern: chain.priority)),
                ]),
            NetlinkAttribute(5, bigEndian: chain.acceptsByDefault ? 1 : 0), NetlinkAttribute(7, text: chain.kind.rawValue),
        ]
    }

    // MARK: - Comparing

    /// Compares the kernel's own report of this network namespace with this ruleset: the same table, chains and rules with the
    /// same instructions in the same order, and nothing else.
    ///
    /// - Returns: the first difference in words; nil when there is none.
    public func difference(_ socket: inout NetlinkSocket) throws(NetlinkError) -> String? {
        let tables = try list(.listTables, &socket)
        let chains = try list(.listChains, &socket)
        let rules = try list(.listRules, &socket)
        return try difference(tables: tables, chains: chains, rules: rules)
    }

    private func list(_ operation: Operation, _ socket: inout NetlinkSocket) throws(NetlinkError) -> [NetlinkAnswer] {
        // NFPROTO_UNSPEC: the tables of every family.
        try socket.list(
            NetlinkMessage(type: operation.type, flags: NetlinkMessage.dump, header: [0, 0, 0, 0], subject: "list of rules"))
    }

    /// The comparison itself, on the answers.
    public func difference(
        tables: [NetlinkAnswer], chains: [NetlinkAnswer], rules: [NetlinkAnswer]
    ) throws(NetlinkError) -> String? {
        guard tables.count == 1 else { return "\(tables.count) tables" }
        guard tables[0].body.first == PacketRuleset.family, try text(1, tables[0]) == table else { return "another table" }
        guard chains.count == self.chains.count else { return "\(chains.count) chains" }
        for (wanted, found) in zip(self.chains, chains) {
            guard try has(attributes(of: wanted), found) else { return "chain \(wanted.name) is another one" }
        }
        guard rules.count == self.chains.map(\.rules.count).reduce(0, +) else { return "\(rules.count) rules" }
        var rest = rules[...]
        for chain in self.chains {
            for (index, rule) in chain.rules.enumerated() {
                guard let found = rest.popFirst() else { return "a rule is missing" }
                let place = [NetlinkAttribute(1, text: table), NetlinkAttribute(2, text: chain.name)]
                guard try has(place, found), try hasInstructions(rule, found) else {
                    return "rule \(index + 1) of \(chain.name) is another one"
                }
            }
        }
        return nil
    }

    private func text(_ type: UInt16, _ answer: NetlinkAnswer) throws(NetlinkError) -> String? {
        let content = try answer.attributes(after: PacketRuleset.headerSize).first { $0.type == type }?.content
        return content.map { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
    }

    /// Whether the answer is of this family and holds these attributes; it also holds numbers that the kernel gives.
    private func has(_ wanted: [NetlinkAttribute], _ answer: NetlinkAnswer) throws(NetlinkError) -> Bool {
        guard answer.body.first == PacketRuleset.family else { return false }
        let found = try answer.attributes(after: PacketRuleset.headerSize)
        for attribute in wanted {
            let same = found.filter { $0.type == attribute.type }
            guard same.count == 1 else { return false }
            switch attribute.value {
            case .bytes(let bytes): guard same[0].content.elementsEqual(bytes) else { return false }
            case .nested(let inner): guard try NetlinkAttribute.agree(inner, same[0].content) else { return false }
            }
        }
        return true
    }

    private func hasInstructions(_ rule: [PacketExpression], _ answer: NetlinkAnswer) throws(NetlinkError) -> Bool {
        guard let list = try answer.attributes(after: PacketRuleset.headerSize).first(where: { $0.type == 4 })?.content else { return false }
        let elements = try NetlinkAttribute.parse(list)
        guard elements.count == rule.count else { return false }
        for (expression, element) in zip(rule, elements) {
            let parts = try NetlinkAttribute.parse(element.content)
            guard parts.count == 2, let name = parts.first(where: { $0.type == 1 })?.content,
                name.elementsEqual(Array(expression.name.utf8) + [0]), let data = parts.first(where: { $0.type == 2 })?.content,
                try NetlinkAttribute.agree(expression.attributes, data)
            else { return false }
        }
        return true
    }
}
