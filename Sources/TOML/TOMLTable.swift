/// A table: keys and values in the order of the document.
public struct TOMLTable: Sendable {
    /// How a table came to be; it decides how a key can be added to it.
    public enum Definition: Sendable, Hashable {
        /// The document itself.
        case root
        /// Only named as the parent of another table's header.
        case implicit
        /// By a header of its own, `[a.b]`, or as an element of `[[a.b]]`.
        case header
        /// By dotted keys, `a.b = 1`.
        case dotted
        /// `{ … }`.
        case inline
    }

    /// A key with its value.
    public struct Entry: Sendable {
        /// The last part of the key, decoded.
        public var key: String
        /// Where that part stands.
        public var keyPosition: TOMLPosition
        public var node: TOMLNode
        /// The first byte of the whole, possibly dotted, key.
        var pairStart: Int
    }

    public private(set) var entries: [Entry]
    public var definition: Definition
    /// Only for tables too large to scan: a document with 100 000 keys must not take 100 000² steps.
    private var places: [ByteKey: Int]?

    /// Tables up to this size are scanned; hashing costs more.
    static let scanLimit = 12

    init(entries: [Entry], definition: Definition, places: [ByteKey: Int]? = nil) {
        self.entries = entries
        self.definition = definition
        self.places = places
    }

    /// A table to write, in the given order.
    public init(_ pairs: [(key: String, value: TOMLValue)]) {
        self.init(entries: [], definition: .inline)
        for pair in pairs { set(pair.key, pair.value) }
    }

    /// The place of `key` in `entries`. Keys are compared byte by byte, as TOML demands, not by Unicode equivalence.
    public func index(of key: String) -> Int? {
        if let places { return places[ByteKey(key)] }
        return entries.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }

    /// The value of `key`.
    public subscript(key: String) -> TOMLNode? { index(of: key).map { entries[$0].node } }

    /// The value at a path of keys.
    public func node(at path: some Collection<String>) -> TOMLNode? {
        guard let first = path.first, let node = self[first] else { return nil }
        let rest = path.dropFirst()
        if rest.isEmpty { return node }
        guard case .table(let table) = node.value else { return nil }
        return table.node(at: rest)
    }

    public func hasSameContent(as other: TOMLTable) -> Bool {
        entries.count == other.entries.count
            && entries.allSatisfy { entry in other[entry.key].map { entry.node.value.hasSameContent(as: $0.value) } ?? false }
    }

    /// Sets, or with nil removes, one key.
    mutating func set(_ key: String, _ value: TOMLValue?) {
        let found = index(of: key)
        places = nil
        guard let value else {
            if let found { entries.remove(at: found) }
            return
        }
        let node = TOMLNode(value: value, position: .start)
        if let found {
            entries[found].node = node
        } else {
            entries.append(Entry(key: key, keyPosition: .start, node: node, pairStart: 0))
        }
    }

    /// Sets, or with nil removes, the value at a path, making tables on the way. False where something on the way is no table.
    mutating func set(at path: ArraySlice<String>, _ value: TOMLValue?) -> Bool {
        guard let first = path.first else { return false }
        if path.count == 1 {
            set(first, value)
            return true
        }
        var inner: TOMLTable
        switch self[first]?.value {
        case .table(let table): inner = table
        case nil: inner = TOMLTable([])
        default: return false
        }
        guard inner.set(at: path.dropFirst(), value) else { return false }
        set(first, .table(inner))
        return true
    }
}

/// A key compared by its bytes.
struct ByteKey: Hashable {
    let text: String

    init(_ text: String) { self.text = text }

    static func == (left: ByteKey, right: ByteKey) -> Bool { left.text.utf8.elementsEqual(right.text.utf8) }

    func hash(into hasher: inout Hasher) {
        for byte in text.utf8 { hasher.combine(byte) }
    }
}
