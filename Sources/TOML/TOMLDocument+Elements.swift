/// Adding to an array and taking out of it, so that the other elements keep their lines, their comments and their order.
extension TOMLDocument {
    /// The document with further elements at the end of the array at `path`, which is made where there is none.
    ///
    /// - Throws: `TOMLError` as `setting` does.
    public func adding(_ values: [TOMLValue], to path: [String]) throws(TOMLError) -> TOMLDocument {
        let nodes = values.map { TOMLNode(value: $0, position: .start) }
        guard let node = root.node(at: path) else { return try setting(path, to: .array(nodes)) }
        guard case .array(let elements) = node.value else {
            throw cannotEdit(path, at: node.position, "it is \(node.value.kindName), not an array")
        }
        if case .table(let table)? = elements.first?.value, table.definition == .header {
            throw cannotEdit(path, at: node.position, "it is an array of tables")
        }
        guard let last = elements.last else { return try setting(path, to: .array(nodes)) }
        var wanted = root
        guard wanted.set(at: path[...], .array(elements + nodes)) else {
            throw cannotEdit(path, at: .start, "a part of the key is not a table")
        }
        let end = last.position.range.upperBound
        let comma = separator(after: end)
        let hasOwnLine = !isSameLine(node.position.range.lowerBound, last.position.range.lowerBound)
        // `]` behind the last element, on its line, leaves no line to put another one on.
        guard hasOwnLine, !isSameLine(last.position.range.lowerBound, node.position.range.upperBound) else {
            let text = values.map { ", " + $0.text }.joined()
            return try applying(Splice(range: end..<end, text: text), wanted: wanted, path: path)
        }
        let indent = String(
            decoding: bytes[lineStart(before: last.position.range.lowerBound)..<last.position.range.lowerBound], as: UTF8.self)
        let isPlain = indent.utf8.allSatisfy { $0 == .space || $0 == .tab }
        let margin = isPlain ? indent : String(indent.prefix { $0 == " " || $0 == "\t" })
        // What stands behind the last element on its line, such as a comment, stays there.
        let lineEnd = lineEnd(after: comma.map { $0 + 1 } ?? end)
        let between = String(decoding: bytes[end..<lineEnd], as: UTF8.self)
        let lines = values.enumerated().map { index, value in
            margin + value.text + (comma != nil || index < values.count - 1 ? "," : "") + newline
        }
        let text = (comma == nil ? "," : "") + between + lines.joined()
        return try applying(Splice(range: end..<lineEnd, text: text), wanted: wanted, path: path)
    }

    /// The document without one element of the array at `path`. A comment behind it on its line goes with it.
    ///
    /// - Throws: `TOMLError` as `setting` does.
    public func removing(element index: Int, at path: [String]) throws(TOMLError) -> TOMLDocument {
        guard let node = root.node(at: path), case .array(var elements) = node.value, elements.indices.contains(index) else {
            throw cannotEdit(path, at: .start, "there is no such element")
        }
        let place = elements[index].position.range
        let comma = separator(after: place.upperBound)
        var range: Range<Int>
        let start = lineStart(before: place.lowerBound)
        let end = lineEnd(after: comma.map { $0 + 1 } ?? place.upperBound)
        let isAlone =
            bytes[start..<place.lowerBound].allSatisfy { $0 == .space || $0 == .tab }
            && !elements.enumerated().contains {
                $0.offset != index && $0.element.position.range.lowerBound < end && $0.element.position.range.upperBound > start
            }
            && end <= node.position.range.upperBound - 1
        if isAlone {
            range = start..<end
        } else if index > 0 {
            range = elements[index - 1].position.range.upperBound..<place.upperBound
        } else if elements.count > 1 {
            range = place.lowerBound..<elements[1].position.range.lowerBound
        } else {
            range = place.lowerBound..<(comma.map { $0 + 1 } ?? place.upperBound)
        }
        if !isAlone { try keepComments(in: range, path, elements[index].position) }
        elements.remove(at: index)
        var wanted = root
        guard wanted.set(at: path[...], .array(elements)) else { throw cannotEdit(path, at: .start, "a part of the key is not a table") }
        return try applying(Splice(range: range, text: ""), wanted: wanted, path: path)
    }

    /// The comma that follows an element, behind spaces, line breaks and comments; nil where `]` follows.
    private func separator(after end: Int) -> Int? {
        var index = end
        while index < bytes.count {
            switch bytes[index] {
            case UInt8(ascii: ","): return index
            case .space, .tab, .newline, .carriageReturn: index += 1
            case .hash: index = lineEnd(after: index)
            default: return nil
            }
        }
        return nil
    }

    private func isSameLine(_ first: Int, _ second: Int) -> Bool {
        !bytes[min(first, second)..<min(max(first, second), bytes.count)].contains(.newline)
    }
}
