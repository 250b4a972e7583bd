import EventLog

/// Turns what an agent writes into events, line by line. A line that no rule describes is kept as it is; nothing is lost, whatever comes.
public struct AgentStream: Sendable {
    /// A line may be this long; what is longer is kept in pieces of this size, uninterpreted.
    public static let longestLine = 8 << 20

    private let agent: String
    private let format: StreamFormat?
    private var pending: [UInt8] = []
    /// Inside a line that is too long.
    private var isOverlong = false

    /// - Parameter format: nil for an agent whose lines nobody describes.
    public init(agent: String, format: StreamFormat?) {
        self.agent = agent
        self.format = format
    }

    public typealias Emission = (type: EventType, fields: EventFields)

    /// Takes bytes, cut anywhere.
    public mutating func feed(_ bytes: some Collection<UInt8>) -> [Emission] {
        var result: [Emission] = []
        var rest = Array(bytes)[...]
        while let end = rest.firstIndex(of: 0x0A) {
            pending += rest[..<end]
            rest = rest[(end + 1)...]
            line(into: &result)
        }
        pending += rest
        while pending.count > AgentStream.longestLine {
            result.append(raw(pending.prefix(AgentStream.longestLine)))
            pending = Array(pending.dropFirst(AgentStream.longestLine))
            isOverlong = true
        }
        return result
    }

    /// The last line, if it does not end.
    public mutating func finish() -> [Emission] {
        var result: [Emission] = []
        line(into: &result)
        return result
    }

    private mutating func line(into result: inout [Emission]) {
        defer {
            pending = []
            isOverlong = false
        }
        if pending.last == 0x0D { pending.removeLast() }
        if pending.allSatisfy({ $0 == 0x20 || $0 == 0x09 }) { return }
        guard !isOverlong, pending.count <= AgentStream.longestLine, let format, let line = JSONLine(pending) else {
            result.append(raw(pending))
            return
        }
        let events = EventMapping(line: line, agent: agent).events(by: format.rules)
        if let events { result += events } else { result.append(raw(pending)) }
    }

    private func raw(_ bytes: some Collection<UInt8>) -> Emission { EventMapping.raw(bytes, agent: agent) }
}
