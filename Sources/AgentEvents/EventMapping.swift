import EventLog

/// Applies rules to one line.
struct EventMapping {
    let line: JSONLine
    let agent: String

    /// The events of the line, in its order; nil when no rule describes it.
    func events(by rules: [StreamFormat.Rule]) -> [AgentStream.Emission]? {
        let matching = rules.filter { $0.conditions.allSatisfy { holds($0, element: 0) } }
        if matching.isEmpty { return nil }
        var result: [AgentStream.Emission] = []
        var isUnderstood = false
        var index = 0
        while index < matching.count {
            guard let each = matching[index].each else {
                if let events = apply(matching[index], element: 0) {
                    isUnderstood = true
                    result += events
                }
                index += 1
                continue
            }
            // Rules for elements of one array are tried element by element, so that their order stays.
            let group = matching[index...].prefix { $0.each == each }
            index += group.count
            for element in Selector(each + "[]").values(in: line, element: 0) {
                isUnderstood = true
                var known = false
                for rule in group where rule.elementConditions.allSatisfy({ holds($0, element: element) }) {
                    guard let events = apply(rule, element: element) else { continue }
                    known = true
                    result += events
                }
                if !known { result.append(EventMapping.raw(line.text(element), agent: agent)) }
            }
        }
        return isUnderstood ? result : nil
    }

    private func holds(_ condition: StreamFormat.Condition, element: Int) -> Bool {
        let values = condition.selector.values(in: line, element: element)
        guard let expected = condition.expected else { return !values.isEmpty }
        return values.contains { index in
            line.string(index).map { $0.elementsEqual(expected.utf8) } ?? line.text(index).elementsEqual(expected.utf8)
        }
    }

    /// The event of a rule, none for what is to be left out; nil when nothing is there of what it needs.
    private func apply(_ rule: StreamFormat.Rule, element: Int) -> [AgentStream.Emission]? {
        guard let type = rule.event else { return [] }
        var fields = EventFields()
        var isFilled = rule.fields.allSatisfy { if case .literal? = $0.selector.alternatives.first { true } else { false } }
        for field in rule.fields {
            if case .literal(let text)? = field.selector.alternatives.first {
                fields.put(field.name, text)
                continue
            }
            let values = field.selector.values(in: line, element: element)
            guard let first = values.first else { continue }
            isFilled = true
            if let parts = field.elements {
                fields.put(field.name, json: list(values, parts))
            } else if field.selector.isJoined {
                fields.put(field.name, content: Array(values.map { line.string($0) ?? Array(line.text($0)) }.joined(separator: [0x0A])))
            } else if let text = line.string(first) {
                fields.put(field.name, content: text)
            } else if line.text(first).count > EventFields.inlineLimit {
                fields.put(field.name, content: line.text(first))
            } else {
                fields.put(field.name, json: line.text(first))
            }
        }
        return isFilled ? [(type, fields)] : nil
    }

    /// An array of objects with chosen fields.
    private func list(_ values: [Int], _ parts: [(name: String, selector: Selector)]) -> [UInt8] {
        let elements = values.flatMap { line.nodes[$0].kind == .array ? line.children(of: $0) : [$0] }
        var result = Array("[".utf8)
        for (position, element) in elements.prefix(1000).enumerated() {
            if position > 0 { result.append(UInt8(ascii: ",")) }
            result.append(UInt8(ascii: "{"))
            var isFirst = true
            for part in parts {
                guard let value = part.selector.values(in: line, element: element).first else { continue }
                if !isFirst { result.append(UInt8(ascii: ",")) }
                isFirst = false
                result += "\"\(part.name)\":".utf8
                result += line.text(value)
            }
            result.append(UInt8(ascii: "}"))
        }
        result.append(UInt8(ascii: "]"))
        return result
    }

    static func raw(_ bytes: some Collection<UInt8>, agent: String) -> AgentStream.Emission {
        var fields = EventFields()
        fields.put("line", content: bytes)
        fields.put("agent", agent)
        return (.raw, fields)
    }
}
