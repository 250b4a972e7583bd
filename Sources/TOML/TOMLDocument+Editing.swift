/// Editing keeps every byte that is not part of the change: comments, order, blank lines, alignment, line endings.
///
/// Each edit is one splice of bytes. The result is read again and compared with what was meant, so an edit either has
/// exactly the wanted effect or is refused.
extension TOMLDocument {
    /// The document with `value` at `path`; missing tables are made.
    ///
    /// - Throws: `TOMLError` where the change cannot be made safely: `path` names a table with a header of its own or an
    ///   array of tables, leads through a value or an array, or the old value holds comments that would be lost.
    public func setting(_ path: [String], to value: TOMLValue) throws(TOMLError) -> TOMLDocument {
        guard !path.isEmpty else { throw TOMLError(name: name, position: .start, reason: "the key is empty") }
        let edit: Splice
        if let node = root.node(at: path) {
            edit = try replacement(of: node, at: path, with: value)
        } else {
            edit = try insertion(of: value, at: path)
        }
        var wanted = root
        guard wanted.set(at: path[...], value) else { throw cannotEdit(path, at: .start, "a part of the key is not a table") }
        return try applying(edit, wanted: wanted, path: path)
    }

    /// The document without the key at `path`, or nil when it has no such key. A comment on the same line goes with it.
    ///
    /// - Throws: `TOMLError` as `setting` does.
    public func removing(_ path: [String]) throws(TOMLError) -> TOMLDocument? {
        guard let last = path.last, root.node(at: path) != nil else { return nil }
        let parent = try table(at: path.dropLast(), of: path)
        guard let entryIndex = parent.index(of: last) else { return nil }
        let entry = parent.entries[entryIndex]
        var wanted = root
        _ = wanted.set(at: path[...], nil)
        if case .table(let table) = entry.node.value, table.definition == .header {
            return try applying(try removal(of: table, entry.node, at: path), wanted: pruned(wanted, path), path: path)
        }
        try refuseSections(entry.node, at: path)

        if let inline = enclosingInlineTable(of: path) {
            // A dotted key may stand apart from its siblings inside the braces, so neighbours are found by place.
            let pairs = inline.pairs.sorted { $0.start < $1.start }
            guard let here = pairs.firstIndex(where: { $0.start == entry.pairStart }) else {
                throw cannotEdit(path, at: entry.keyPosition, "its place was not found")
            }
            let range: Range<Int>
            if here > 0 {
                range = pairs[here - 1].end..<pairs[here].end
            } else if pairs.count > 1 {
                range = pairs[0].start..<pairs[1].start
            } else {
                range = pairs[0].start..<pairs[0].end
            }
            try keepComments(in: range, path, entry.keyPosition)
            return try applying(Splice(range: range, text: ""), wanted: pruned(wanted, path), path: path)
        }
        let valueRange = entry.node.position.range
        try keepComments(in: valueRange, path, entry.keyPosition)
        let range = lineStart(before: entry.pairStart)..<lineEnd(after: valueRange.upperBound)
        return try applying(Splice(range: range, text: ""), wanted: pruned(wanted, path), path: path)
    }

    /// The document with one more table at the end of an array of tables, `[[NAME]]`, which is begun if there is none.
    ///
    /// - Throws: `TOMLError` where the array is written in another form.
    public func appending(_ pairs: [(key: String, value: TOMLValue)], to name: String) throws(TOMLError) -> TOMLDocument {
        var elements: [TOMLNode] = []
        if let node = root[name] {
            guard case .array(let found) = node.value, case .table(let first)? = found.first?.value, first.definition == .header else {
                throw cannotEdit([name], at: node.position, "it is not written as [[\(TOMLValue.keyText(name))]]")
            }
            elements = found
        }
        var text = bytes.isEmpty ? "" : (bytes.last == .newline ? "" : newline) + newline
        text += "[[\(TOMLValue.keyText(name))]]" + newline
        for pair in pairs { text += "\(TOMLValue.keyText(pair.key)) = \(pair.value.text)" + newline }
        elements.append(TOMLNode(value: .table(TOMLTable(pairs)), position: .start))
        var wanted = root
        _ = wanted.set(at: [name], .array(elements))
        return try applying(Splice(range: bytes.count..<bytes.count, text: text), wanted: wanted, path: [name])
    }

    /// The document without one table of an array of tables, `[[NAME]]`.
    ///
    /// - Throws: `TOMLError` where it holds comments or tables with headers of their own, or is written in another form.
    public func removing(element index: Int, of name: String) throws(TOMLError) -> TOMLDocument {
        guard let node = root[name], case .array(var elements) = node.value, elements.indices.contains(index),
            case .table(let table) = elements[index].value, table.definition == .header
        else { throw cannotEdit([name], at: root[name]?.position ?? .start, "it is not written as [[\(TOMLValue.keyText(name))]]") }
        let isPlain = table.entries.allSatisfy { entry in
            if case .table(let inner) = entry.node.value { return inner.definition != .header && inner.definition != .implicit }
            return true
        }
        guard isPlain else { throw cannotEdit([name], at: elements[index].position, "it holds tables of its own") }
        let edit = try removal(of: table, elements[index], at: [name])
        // The empty line before it goes as well.
        var start = edit.range.lowerBound
        if start >= 2, bytes[start - 1] == .newline,
            lineStart(before: start - 1) == start - 1 || bytes[lineStart(before: start - 1)] == .carriageReturn
        {
            start = lineStart(before: start - 1)
        }
        elements.remove(at: index)
        var wanted = root
        _ = wanted.set(at: [name], elements.isEmpty ? nil : .array(elements))
        return try applying(Splice(range: start..<edit.range.upperBound, text: ""), wanted: wanted, path: [name])
    }

    // MARK: One splice

    /// Bytes to take out, and text to put in their place.
    struct Splice {
        var range: Range<Int>
        var text: String
    }

    func applying(_ edit: Splice, wanted: TOMLTable, path: [String]) throws(TOMLError) -> TOMLDocument {
        var changed = bytes
        changed.replaceSubrange(edit.range, with: edit.text.utf8)
        let result: TOMLDocument
        do {
            result = try TOMLDocument(parsing: changed, name: name)
        } catch {
            throw cannotEdit(path, at: error.position, "the result would not be valid: \(error.reason)")
        }
        guard result.root.hasSameContent(as: wanted) else {
            throw cannotEdit(path, at: .start, "the change would alter other keys")
        }
        return result
    }

    func cannotEdit(_ path: [String], at position: TOMLPosition, _ reason: String) -> TOMLError {
        TOMLError(name: name, position: position, reason: "cannot edit `\(TOMLValue.keyText(path))`: \(reason); edit the file by hand")
    }

    /// A table with its header and all its keys, where nothing else stands between them.
    private func removal(of table: TOMLTable, _ node: TOMLNode, at path: [String]) throws(TOMLError) -> Splice {
        let start = lineStart(before: node.position.range.lowerBound)
        let end = lineEnd(after: table.ownPairs.map(\.end).max() ?? node.position.range.upperBound)
        try keepComments(in: start..<end, path, node.position)
        return Splice(range: start..<end, text: "")
    }

    /// Tables that only dotted keys or the headers of their own tables made disappear with the last thing in them.
    private func pruned(_ wanted: TOMLTable, _ path: [String]) -> TOMLTable {
        var result = wanted
        var parent = path.dropLast()
        while !parent.isEmpty {
            guard case .table(let table)? = result.node(at: parent)?.value, table.entries.isEmpty,
                case .table(let original)? = root.node(at: parent)?.value,
                original.definition == .dotted || original.definition == .implicit
            else { break }
            _ = result.set(at: parent, nil)
            parent = parent.dropLast()
        }
        return result
    }

    // MARK: Replacing

    private func replacement(of node: TOMLNode, at path: [String], with value: TOMLValue) throws(TOMLError) -> Splice {
        _ = try table(at: path.dropLast(), of: path)
        try refuseSections(node, at: path)
        try keepComments(in: node.position.range, path, node.position)
        return Splice(range: node.position.range, text: value.text)
    }

    /// Tables that are spread over lines of their own are not one value.
    private func refuseSections(_ node: TOMLNode, at path: [String]) throws(TOMLError) {
        switch node.value {
        case .table(let table) where table.definition != .inline:
            throw cannotEdit(path, at: node.position, "it is a table; name one of its keys")
        case .array(let elements):
            if let first = elements.first, case .table(let table) = first.value, table.definition == .header {
                throw cannotEdit(path, at: node.position, "it is an array of tables")
            }
        default: break
        }
    }

    func keepComments(in range: Range<Int>, _ path: [String], _ position: TOMLPosition) throws(TOMLError) {
        var low = 0
        var high = comments.count
        while low < high {
            let middle = (low + high) / 2
            if comments[middle] < range.lowerBound { low = middle + 1 } else { high = middle }
        }
        if low < comments.count, comments[low] < range.upperBound {
            throw cannotEdit(path, at: position, "its value holds comments that would be lost")
        }
    }

    /// The table at a path that leads through tables only.
    private func table(at path: ArraySlice<String>, of whole: [String]) throws(TOMLError) -> TOMLTable {
        var table = root
        for (depth, key) in path.enumerated() {
            guard let node = table[key] else { throw cannotEdit(whole, at: .start, "it does not exist") }
            guard case .table(let inner) = node.value else {
                let name = TOMLValue.keyText(path.prefix(depth + 1))
                if case .array = node.value {
                    throw cannotEdit(whole, at: node.position, "`\(name)` is an array, so it is unclear which element is meant")
                }
                throw cannotEdit(whole, at: node.position, "`\(name)` is \(node.value.kindName), not a table")
            }
            table = inner
        }
        return table
    }

    // MARK: Inserting

    private func insertion(of value: TOMLValue, at path: [String]) throws(TOMLError) -> Splice {
        // The deepest table that exists on the way.
        var depth = 0
        var table = root
        var position = TOMLPosition.start
        while depth < path.count - 1, let node = table[path[depth]] {
            table = try self.table(at: path[...depth], of: path)
            position = node.position
            depth += 1
        }
        let rest = path[depth...]
        if let inline = enclosingInlineTable(of: Array(path.prefix(depth)) + [""]) {
            return try insertion(of: value, inline, path)
        }
        let pair = "\(TOMLValue.keyText(rest)) = \(value.text)"
        switch table.definition {
        case .dotted:
            let last = table.ownPairs.max { $0.end < $1.end }
            guard let last else { throw cannotEdit(path, at: position, "its table has no place for it") }
            // The same spelling from the section's header on: everything that is not defined by a header.
            var section = depth
            while section > 0, case .table(let above)? = root.node(at: path.prefix(section))?.value, above.definition == .dotted {
                section -= 1
            }
            return line("\(TOMLValue.keyText(path[section...])) = \(value.text)", after: last)
        case .header where rest.count == 1:
            if let last = table.ownPairs.max(by: { $0.end < $1.end }) { return line(pair, after: last) }
            return line(pair, after: (start: position.range.lowerBound, end: position.range.upperBound))
        case .root where rest.count == 1:
            if let last = table.ownPairs.max(by: { $0.end < $1.end }) { return line(pair, after: last) }
            return firstLine(pair)
        default:
            // A header of its own, at the end, where no following key can fall into it.
            let header = "[\(TOMLValue.keyText(path.dropLast()))]"
            let text = "\(header)\(newline)\(TOMLValue.keyText(path.suffix(1))) = \(value.text)\(newline)"
            if bytes.isEmpty { return Splice(range: 0..<0, text: text) }
            let unfinished = bytes.last != .newline
            return Splice(range: bytes.count..<bytes.count, text: (unfinished ? newline : "") + newline + text)
        }
    }

    /// A line of its own behind the line on which `pair` ends, indented alike.
    private func line(_ text: String, after pair: (start: Int, end: Int)) -> Splice {
        let start = lineStart(before: pair.start)
        var indentEnd = start
        while indentEnd < pair.start, bytes[indentEnd] == .space || bytes[indentEnd] == .tab { indentEnd += 1 }
        let indent = String(decoding: bytes[start..<indentEnd], as: UTF8.self)
        let end = lineEnd(after: pair.end)
        let unfinished = end == 0 || bytes[end - 1] != .newline
        return Splice(range: end..<end, text: (unfinished ? newline : "") + indent + text + newline)
    }

    /// The first key of the document itself: it must stand before the first header, but behind the comment that opens the
    /// file and before the comment that belongs to the header.
    private func firstLine(_ text: String) -> Splice {
        guard let header = root.entries.map(\.pairStart).min() else {
            let unfinished = !bytes.isEmpty && bytes.last != .newline
            return Splice(range: bytes.count..<bytes.count, text: (unfinished ? newline : "") + text + newline)
        }
        var place = lineStart(before: header)
        while place > 0 {
            let above = lineStart(before: place - 1)
            var first = above
            while first < place, bytes[first] == .space || bytes[first] == .tab { first += 1 }
            guard bytes[first] == .hash else { break }
            place = above
        }
        return Splice(range: place..<place, text: text + newline + newline)
    }

    /// A further pair inside braces.
    private func insertion(of value: TOMLValue, _ inline: InlineTable, _ path: [String]) throws(TOMLError) -> Splice {
        let pair = "\(TOMLValue.keyText(path[inline.depth...])) = \(value.text)"
        if let last = inline.pairs.map(\.end).max() { return Splice(range: last..<last, text: ", " + pair) }
        return Splice(range: inline.range, text: "{ \(pair) }")
    }

    // MARK: Places

    private typealias Pair = (start: Int, end: Int)

    private struct InlineTable {
        /// How many keys of the path lead to it.
        var depth: Int
        var range: Range<Int>
        var pairs: [(start: Int, end: Int)]
    }

    /// The innermost `{ … }` that holds the key at `path`.
    private func enclosingInlineTable(of path: [String]) -> InlineTable? {
        var table = root
        var result: InlineTable?
        for (depth, key) in path.dropLast().enumerated() {
            guard let node = table[key], case .table(let inner) = node.value else { break }
            if inner.definition == .inline {
                result = InlineTable(depth: depth + 1, range: node.position.range, pairs: inner.ownPairs)
            }
            table = inner
        }
        return result
    }

    func lineStart(before place: Int) -> Int {
        var index = place
        while index > 0, bytes[index - 1] != .newline { index -= 1 }
        return index
    }

    /// Behind the newline that ends the line of `place`.
    func lineEnd(after place: Int) -> Int {
        var index = place
        while index < bytes.count {
            index += 1
            if bytes[index - 1] == .newline { break }
        }
        return index
    }

    /// What the document uses.
    var newline: String {
        guard let first = bytes.firstIndex(of: .newline), first > 0, bytes[first - 1] == .carriageReturn else { return "\n" }
        return "\r\n"
    }
}

extension TOMLTable {
    /// The pairs written directly in this table's own part of the document: its values, and those of tables that dotted keys
    /// made, but nothing that has a header of its own.
    fileprivate var ownPairs: [(start: Int, end: Int)] {
        var result: [(start: Int, end: Int)] = []
        for entry in entries {
            switch entry.node.value {
            case .table(let inner) where inner.definition == .dotted: result += inner.ownPairs
            case .table(let inner) where inner.definition != .inline: break
            case .array(let elements):
                if case .table(let inner)? = elements.first?.value, inner.definition == .header { break }
                result.append((entry.pairStart, entry.node.position.range.upperBound))
            default: result.append((entry.pairStart, entry.node.position.range.upperBound))
            }
        }
        return result
    }
}
