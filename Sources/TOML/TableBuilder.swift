/// A table while it is being read: headers may come back to it.
final class TableBuilder {
    struct Entry {
        var key: String
        var keyPosition: TOMLPosition
        var pairStart: Int
        var value: Value

        init(part: TOMLParser.KeyPart, pairStart: Int, value: Value) {
            key = part.text
            keyPosition = part.position
            self.pairStart = pairStart
            self.value = value
        }
    }

    enum Value {
        case leaf(TOMLNode)
        case table(TableBuilder)
        case tables(ArrayBuilder)
    }

    var definition: TOMLTable.Definition
    let depth: Int
    /// Which header's keys may add to a table that dotted keys made.
    var section: Int
    var position = TOMLPosition.start
    private var entries: [Entry] = []
    private var places: [ByteKey: Int] = [:]

    init(_ definition: TOMLTable.Definition, depth: Int, section: Int) {
        self.definition = definition
        self.depth = depth
        self.section = section
    }

    private func index(of key: String) -> Int? {
        if entries.count > TOMLTable.scanLimit { return places[ByteKey(key)] }
        return entries.firstIndex { $0.key.utf8.elementsEqual(key.utf8) }
    }

    subscript(key: String) -> Value? { index(of: key).map { entries[$0].value } }

    func append(_ entry: Entry) {
        entries.append(entry)
        if entries.count == TOMLTable.scanLimit + 1 {
            for (index, entry) in entries.enumerated() { places[ByteKey(entry.key)] = index }
        } else if entries.count > TOMLTable.scanLimit {
            places[ByteKey(entry.key)] = entries.count - 1
        }
    }

    /// A table that another header had named in passing now has its own header, which is where a person looks for it.
    func relocate(_ key: String, part: TOMLParser.KeyPart, pairStart: Int) {
        guard let index = index(of: key) else { return }
        entries[index].keyPosition = part.position
        entries[index].pairStart = pairStart
    }

    /// The finished value. The depth limit bounds the recursion.
    func table() -> TOMLTable {
        TOMLTable(
            entries: entries.map { entry in
                let node: TOMLNode
                switch entry.value {
                case .leaf(let leaf): node = leaf
                case .table(let inner): node = TOMLNode(value: .table(inner.table()), position: inner.position)
                case .tables(let array):
                    node = TOMLNode(
                        value: .array(array.elements.map { TOMLNode(value: .table($0.table()), position: $0.position) }),
                        position: array.position)
                }
                return TOMLTable.Entry(key: entry.key, keyPosition: entry.keyPosition, node: node, pairStart: entry.pairStart)
            },
            definition: definition,
            places: entries.count > TOMLTable.scanLimit ? places : nil)
    }
}

/// An array of tables while it is being read; never empty.
final class ArrayBuilder {
    var elements: [TableBuilder]
    let position: TOMLPosition
    private let first: TableBuilder

    init(_ first: TableBuilder, _ position: TOMLPosition) {
        self.first = first
        elements = [first]
        self.position = position
    }

    /// The element that the following headers and keys belong to.
    var last: TableBuilder { elements.last ?? first }
}
