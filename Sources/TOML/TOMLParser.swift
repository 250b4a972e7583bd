/// Reads TOML 1.0 in one pass over the bytes, in time linear in their number.
struct TOMLParser {
    /// One part of a key.
    struct KeyPart {
        var text: String
        var position: TOMLPosition
    }

    let bytes: [UInt8]
    let name: String
    var index = 0
    var line = 1
    var comments: [Int] = []
    /// Up to this byte of the current line, `countedColumn` is known. It only moves forward: a line of a megabyte is
    /// counted once, not once per value.
    private var countedIndex = 0
    private var countedColumn = 1
    private var nextSection = 1

    init(bytes: [UInt8], name: String) throws(TOMLError) {
        self.bytes = bytes
        self.name = name
        if bytes.count > TOMLDocument.sizeLimit {
            throw TOMLError(
                name: name, position: .start,
                reason: "the file is larger than \(TOMLDocument.sizeLimit) bytes, which no configuration needs")
        }
        if let bad = firstInvalidUTF8(bytes) {
            while index < bad {
                if bytes[index] == .newline { advanceLine() } else { index += 1 }
            }
            throw error("this byte is not UTF-8 text")
        }
        if bytes.starts(with: [0xEF, 0xBB, 0xBF]) {
            throw error("the file starts with a byte order mark; save it as UTF-8 without one")
        }
    }

    // MARK: Places

    /// The place of the next byte.
    mutating func mark() -> TOMLPosition {
        while countedIndex < index {
            if bytes[countedIndex] & 0xC0 != 0x80 { countedColumn += 1 }
            countedIndex += 1
        }
        return TOMLPosition(line: line, column: countedColumn, range: index..<index)
    }

    mutating func error(_ reason: String) -> TOMLError { TOMLError(name: name, position: mark(), reason: reason) }

    func error(at position: TOMLPosition, _ reason: String) -> TOMLError {
        TOMLError(name: name, position: position, reason: reason)
    }

    /// Steps over the newline at `index`.
    mutating func advanceLine() {
        index += 1
        line += 1
        countedIndex = index
        countedColumn = 1
    }

    /// The next byte; 0, which no document may hold, at the end.
    var next: UInt8 { index < bytes.count ? bytes[index] : 0 }
    func byte(_ offset: Int) -> UInt8 { index + offset < bytes.count ? bytes[index + offset] : 0 }
    var atEnd: Bool { index >= bytes.count }

    // MARK: Blank space

    mutating func skipBlanks() {
        while next == .space || next == .tab { index += 1 }
    }

    /// Steps over `\n` or `\r\n`; false when there is none.
    mutating func skipNewline() throws(TOMLError) -> Bool {
        if next == .newline {
            advanceLine()
            return true
        }
        if next == .carriageReturn {
            guard byte(1) == .newline else { throw error("a carriage return must be followed by a newline") }
            index += 1
            advanceLine()
            return true
        }
        return false
    }

    mutating func skipComment() throws(TOMLError) {
        guard next == .hash else { return }
        comments.append(index)
        while !atEnd {
            let byte = next
            if byte == .newline || (byte == .carriageReturn && self.byte(1) == .newline) { return }
            if byte.isForbiddenControl { throw error("a comment may not hold the control character \(byte.hexName)") }
            index += 1
        }
    }

    /// Blank space, comments and newlines, between the elements of an array.
    mutating func skipBlankLines() throws(TOMLError) {
        while true {
            skipBlanks()
            try skipComment()
            if try !skipNewline() { return }
        }
    }

    private mutating func endOfLine(after what: String) throws(TOMLError) {
        skipBlanks()
        try skipComment()
        if atEnd { return }
        if try skipNewline() { return }
        throw error("expected the end of the line after \(what)")
    }

    // MARK: The document

    mutating func document() throws(TOMLError) -> TOMLTable {
        let root = TableBuilder(.root, depth: 0, section: 0)
        var current = root
        while true {
            try skipBlankLines()
            if atEnd { return root.table() }
            if next == .openBracket {
                current = try header(root)
                try endOfLine(after: "the table's header")
            } else {
                try pair(into: current, section: current.section)
                try endOfLine(after: "the value")
            }
        }
    }

    mutating func loneKey() throws(TOMLError) -> [String] {
        skipBlanks()
        let parts = try key()
        skipBlanks()
        if !atEnd { throw error("this is not part of a key; quote a part that holds other characters than A-Z a-z 0-9 _ -") }
        return parts.map(\.text)
    }

    mutating func loneValue() throws(TOMLError) -> TOMLValue {
        skipBlanks()
        let node = try value(depth: 0)
        try skipBlankLines()
        if !atEnd { throw error("expected nothing more after the value") }
        return node.value
    }

    /// `[a.b]` or `[[a.b]]`: finds or makes the table that the following keys belong to.
    private mutating func header(_ root: TableBuilder) throws(TOMLError) -> TableBuilder {
        let start = mark()
        let isArray = byte(1) == .openBracket
        index += isArray ? 2 : 1
        skipBlanks()
        let parts = try key()
        skipBlanks()
        guard next == .closeBracket, !isArray || byte(1) == .closeBracket else {
            throw error(isArray ? "expected ]] at the end of the header" : "expected ] at the end of the header")
        }
        index += isArray ? 2 : 1
        let position = start.extended(to: index)

        var table = root
        for part in parts.dropLast() { table = try step(into: part, of: table, headerStart: start) }
        guard let last = parts.last else { throw error(at: start, "expected a key") }
        try checkDepth(table.depth + 1, at: last.position)
        nextSection += 1
        if isArray {
            let element = TableBuilder(.header, depth: table.depth + 2, section: nextSection)
            element.position = position
            try checkDepth(element.depth, at: last.position)
            switch table[last.text] {
            case nil:
                let array = ArrayBuilder(element, position)
                table.append(.init(part: last, pairStart: start.range.lowerBound, value: .tables(array)))
            case .tables(let array):
                array.elements.append(element)
            default:
                throw error(at: last.position, "`\(last.text)` is already defined, and not as an array of tables")
            }
            return element
        }
        switch table[last.text] {
        case nil:
            let made = TableBuilder(.header, depth: table.depth + 1, section: nextSection)
            made.position = position
            table.append(.init(part: last, pairStart: start.range.lowerBound, value: .table(made)))
            return made
        case .table(let found) where found.definition == .implicit:
            found.definition = .header
            found.position = position
            found.section = nextSection
            table.relocate(last.text, part: last, pairStart: start.range.lowerBound)
            return found
        case .table:
            throw error(at: last.position, "the table `\(last.text)` is already defined")
        default:
            throw error(at: last.position, "`\(last.text)` is already defined, and not as a table with a header")
        }
    }

    /// One step on the way of a header: tables may be made, and `[[a]]` means its last element.
    private mutating func step(
        into part: KeyPart, of table: TableBuilder, headerStart: TOMLPosition
    ) throws(TOMLError) -> TableBuilder {
        switch table[part.text] {
        case nil:
            try checkDepth(table.depth + 1, at: part.position)
            let made = TableBuilder(.implicit, depth: table.depth + 1, section: 0)
            made.position = part.position
            table.append(.init(part: part, pairStart: headerStart.range.lowerBound, value: .table(made)))
            return made
        case .table(let found): return found
        case .tables(let array): return array.last
        case .leaf:
            throw error(at: part.position, "`\(part.text)` is a value, so no table can be defined inside it")
        }
    }

    /// `key = value`, where the key may be dotted.
    mutating func pair(into target: TableBuilder, section: Int) throws(TOMLError) {
        let start = index
        let parts = try key()
        skipBlanks()
        guard next == .equals else { throw error("expected = after the key") }
        index += 1
        skipBlanks()
        var table = target
        for part in parts.dropLast() {
            switch table[part.text] {
            case nil:
                try checkDepth(table.depth + 1, at: part.position)
                let made = TableBuilder(.dotted, depth: table.depth + 1, section: section)
                made.position = part.position
                table.append(.init(part: part, pairStart: start, value: .table(made)))
                table = made
            case .table(let found) where found.definition == .implicit:
                // From now on it counts as defined by dotted keys; no header may define it again.
                found.definition = .dotted
                found.section = section
                table = found
            case .table(let found) where found.definition == .dotted && found.section == section:
                table = found
            case .table, .tables:
                throw error(at: part.position, "the table `\(part.text)` is already defined elsewhere; dotted keys cannot add to it")
            case .leaf:
                throw error(at: part.position, "`\(part.text)` is already a value, so nothing can be added inside it")
            }
        }
        guard let last = parts.last else { throw error("expected a key") }
        if table[last.text] != nil { throw error(at: last.position, "`\(last.text)` is already defined") }
        let node = try value(depth: table.depth + 1)
        table.append(.init(part: last, pairStart: start, value: .leaf(node)))
    }

    func checkDepth(_ depth: Int, at position: TOMLPosition) throws(TOMLError) {
        if depth > TOMLDocument.depthLimit {
            throw error(at: position, "nested more than \(TOMLDocument.depthLimit) levels deep")
        }
    }

    // MARK: Keys

    mutating func key() throws(TOMLError) -> [KeyPart] {
        var parts: [KeyPart] = []
        while true {
            parts.append(try keyPart())
            let mark = index
            skipBlanks()
            guard next == .dot else {
                index = mark
                return parts
            }
            index += 1
            skipBlanks()
            if parts.count > TOMLDocument.depthLimit { throw error("nested more than \(TOMLDocument.depthLimit) levels deep") }
        }
    }

    private mutating func keyPart() throws(TOMLError) -> KeyPart {
        let start = mark()
        switch next {
        case .quote, .apostrophe:
            if byte(1) == next, byte(2) == next { throw error("a key may not be a multi-line string") }
            let text = next == .quote ? try basicString() : try literalString()
            return KeyPart(text: text, position: start.extended(to: index))
        default:
            while next.isBareKey { index += 1 }
            if index == start.range.lowerBound {
                throw error(atEnd || next == .newline || next == .carriageReturn ? "expected a key" : "expected a key; \(found) cannot start one")
            }
            let text = String(decoding: bytes[start.range.lowerBound..<index], as: UTF8.self)
            return KeyPart(text: text, position: start.extended(to: index))
        }
    }

    /// The next character, for a message.
    var found: String {
        if atEnd { return "the end of the file" }
        if next < 0x20 || next == 0x7F { return "the control character \(next.hexName)" }
        var end = index + 1
        while end < bytes.count, bytes[end] & 0xC0 == 0x80 { end += 1 }
        return "`" + String(decoding: bytes[index..<end], as: UTF8.self) + "`"
    }

    // MARK: Arrays and inline tables

    mutating func value(depth: Int) throws(TOMLError) -> TOMLNode {
        let start = mark()
        try checkDepth(depth, at: start)
        let value: TOMLValue
        switch next {
        case .quote:
            value = .string(byte(1) == .quote && byte(2) == .quote ? try multilineBasicString() : try basicString())
        case .apostrophe:
            value = .string(byte(1) == .apostrophe && byte(2) == .apostrophe ? try multilineLiteralString() : try literalString())
        case .openBracket: value = .array(try array(depth: depth))
        case .openBrace: value = .table(try inlineTable(depth: depth))
        default: value = try scalar(start)
        }
        return TOMLNode(value: value, position: start.extended(to: index))
    }

    private mutating func array(depth: Int) throws(TOMLError) -> [TOMLNode] {
        index += 1
        var elements: [TOMLNode] = []
        while true {
            try skipBlankLines()
            if next == .closeBracket, !atEnd { break }
            if atEnd { throw error("the array has no closing ]") }
            elements.append(try value(depth: depth + 1))
            try skipBlankLines()
            if next == .comma {
                index += 1
            } else if next != .closeBracket {
                throw error(atEnd ? "the array has no closing ]" : "expected , or ] in the array, not \(found)")
            }
        }
        index += 1
        return elements
    }

    private mutating func inlineTable(depth: Int) throws(TOMLError) -> TOMLTable {
        index += 1
        nextSection += 1
        let section = nextSection
        let table = TableBuilder(.inline, depth: depth, section: section)
        skipBlanks()
        if next == .closeBrace {
            index += 1
            return table.table()
        }
        while true {
            skipBlanks()
            try pair(into: table, section: section)
            skipBlanks()
            if next == .comma {
                index += 1
                skipBlanks()
                if next == .closeBrace { throw error("an inline table may not end with a comma") }
            } else if next == .closeBrace {
                index += 1
                return table.table()
            } else if next == .newline || next == .carriageReturn || next == .hash {
                throw error("an inline table must be on one line")
            } else {
                throw error(atEnd ? "the inline table has no closing }" : "expected , or } in the inline table, not \(found)")
            }
        }
    }
}

/// The first byte that does not belong to valid UTF-8 (RFC 3629), nil when there is none.
func firstInvalidUTF8(_ bytes: [UInt8]) -> Int? {
    var index = 0
    while index < bytes.count {
        let first = bytes[index]
        if first < 0x80 {
            index += 1
            continue
        }
        let length: Int
        var low: UInt8 = 0x80
        var high: UInt8 = 0xBF
        switch first {
        case 0xC2...0xDF: length = 2
        case 0xE0: (length, low) = (3, 0xA0)
        case 0xED: (length, high) = (3, 0x9F)
        case 0xE1...0xEF: length = 3
        case 0xF0: (length, low) = (4, 0x90)
        case 0xF4: (length, high) = (4, 0x8F)
        case 0xF1...0xF3: length = 4
        default: return index
        }
        guard index + length <= bytes.count, bytes[index + 1] >= low, bytes[index + 1] <= high else { return index }
        for offset in 2..<max(length, 2) where bytes[index + offset] & 0xC0 != 0x80 { return index }
        index += length
    }
    return nil
}
