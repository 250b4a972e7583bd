/// Where in a line a value is: `message.content`, `@text` (from the element at hand), `@content[].text` (of every element, joined),
/// or a text of its own, `=assistant`. Alternatives are parted by `|`: the first that is there counts.
struct Selector: Sendable, Equatable {
    enum Step: Sendable, Equatable {
        case name(String)
        /// Every element of an array.
        case each
    }

    enum Source: Sendable, Equatable {
        case literal(String)
        case path(fromElement: Bool, [Step])
    }

    let alternatives: [Source]

    init(_ text: String) {
        if text.hasPrefix("=") {
            alternatives = [.literal(String(text.dropFirst()))]
            return
        }
        alternatives = text.split(separator: "|").map { alternative in
            let fromElement = alternative.hasPrefix("@")
            var steps: [Step] = []
            for part in alternative.drop(while: { $0 == "@" }).split(separator: ".") {
                let isEach = part.hasSuffix("[]")
                let name = isEach ? part.dropLast(2) : part
                if !name.isEmpty { steps.append(.name(String(name))) }
                if isEach { steps.append(.each) }
            }
            return .path(fromElement: fromElement, steps)
        }
    }

    /// The values that are meant; null counts as nothing.
    func values(in line: JSONLine, element: Int) -> [Int] {
        for case .path(let fromElement, let steps) in alternatives {
            var found = [fromElement ? element : 0]
            for step in steps {
                switch step {
                case .name(let name): found = found.compactMap { line.member(name, of: $0) }
                case .each: found = found.flatMap { line.nodes[$0].kind == .array ? line.children(of: $0) : [] }
                }
            }
            found.removeAll { line.nodes[$0].kind == .null }
            if !found.isEmpty { return found }
        }
        return []
    }

    /// Whether several values may be meant, which are then joined as text.
    var isJoined: Bool {
        alternatives.contains { if case .path(_, let steps) = $0 { steps.contains(.each) } else { false } }
    }
}
