import CYAML
import LinuxKernel

/// Reads YAML 1.1 as the tools write it: tables, lists and scalars. What a configuration has no use for is refused: anchors, tags of
/// one's own, several documents, keys that are not plain text. With anchors, a small file could describe an endless one.
struct YAMLReader: ~Copyable {
    /// What is wrong, and where.
    struct Problem: Error {
        var line: Int
        var column: Int
        var reason: String
    }

    private static let depthLimit = 32

    private var parser = yaml_parser_t()

    /// The document's contents; an empty table for an empty document.
    static func read(_ bytes: [UInt8]) throws(Problem) -> ImportNode {
        let result: Result<ImportNode, Problem> = bytes.withUnsafeBufferPointer { buffer in
            do throws(Problem) {
                var reader = try YAMLReader()
                yaml_parser_set_input_string(&reader.parser, buffer.baseAddress, buffer.count)
                yaml_parser_set_encoding(&reader.parser, YAML_UTF8_ENCODING)
                return .success(try reader.stream())
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private init() throws(Problem) {
        guard yaml_parser_initialize(&parser) == 1 else { throw Problem(line: 1, column: 1, reason: "there is no memory") }
    }

    deinit {
        var parser = parser
        yaml_parser_delete(&parser)
    }

    private mutating func stream() throws(Problem) -> ImportNode {
        var result: ImportNode?
        while true {
            var event = try next()
            defer { yaml_event_delete(&event) }
            switch event.type {
            case YAML_STREAM_START_EVENT, YAML_DOCUMENT_END_EVENT: continue
            case YAML_STREAM_END_EVENT: return result ?? ImportNode(.table([]), line: 1, column: 1)
            case YAML_DOCUMENT_START_EVENT:
                if result != nil { throw YAMLReader.problem(event, "it holds more than one document") }
                var first = try next()
                defer { yaml_event_delete(&first) }
                let node = try node(first, depth: 0)
                // A document of comments alone is one empty scalar.
                if node.text == "" { result = ImportNode(.table([]), line: 1, column: 1) } else { result = node }
            default: throw YAMLReader.problem(event, "it is not a document")
            }
        }
    }

    /// The value that begins with an event.
    private mutating func node(_ event: yaml_event_t, depth: Int) throws(Problem) -> ImportNode {
        guard depth < YAMLReader.depthLimit else { throw YAMLReader.problem(event, "it is nested too deeply") }
        let (line, column) = YAMLReader.place(event)
        switch event.type {
        case YAML_SCALAR_EVENT:
            let scalar = event.data.scalar
            if scalar.anchor != nil { throw YAMLReader.problem(event, "anchors are not read") }
            if scalar.tag != nil { throw YAMLReader.problem(event, "tags are not read") }
            let text = String(decoding: UnsafeBufferPointer(start: scalar.value, count: scalar.length), as: UTF8.self)
            let isNull = scalar.style == YAML_PLAIN_SCALAR_STYLE && ["~", "null", "Null", "NULL"].contains(text)
            return ImportNode(.scalar(isNull ? "" : text), line: line, column: column)
        case YAML_SEQUENCE_START_EVENT:
            if event.data.sequence_start.anchor != nil { throw YAMLReader.problem(event, "anchors are not read") }
            if event.data.sequence_start.tag != nil { throw YAMLReader.problem(event, "tags are not read") }
            var nodes: [ImportNode] = []
            while true {
                var next = try next()
                defer { yaml_event_delete(&next) }
                if next.type == YAML_SEQUENCE_END_EVENT { return ImportNode(.list(nodes), line: line, column: column) }
                nodes.append(try node(next, depth: depth + 1))
            }
        case YAML_MAPPING_START_EVENT:
            if event.data.mapping_start.anchor != nil { throw YAMLReader.problem(event, "anchors are not read") }
            if event.data.mapping_start.tag != nil { throw YAMLReader.problem(event, "tags are not read") }
            var entries: [(key: String, node: ImportNode)] = []
            while true {
                var key = try next()
                defer { yaml_event_delete(&key) }
                if key.type == YAML_MAPPING_END_EVENT { return ImportNode(.table(entries), line: line, column: column) }
                guard let name = try node(key, depth: depth + 1).text else { throw YAMLReader.problem(key, "a key must be plain text") }
                if entries.contains(where: { $0.key == name }) { throw YAMLReader.problem(key, "`\(name.printable)` is there twice") }
                var value = try next()
                defer { yaml_event_delete(&value) }
                entries.append((name, try node(value, depth: depth + 1)))
            }
        case YAML_ALIAS_EVENT: throw YAMLReader.problem(event, "aliases are not read")
        default: throw YAMLReader.problem(event, "a value is missing")
        }
    }

    private mutating func next() throws(Problem) -> yaml_event_t {
        var event = yaml_event_t()
        guard yaml_parser_parse(&parser, &event) == 1 else {
            let reason = parser.problem.map { String(cString: $0) } ?? "it is not YAML"
            let mark = parser.problem_mark
            throw Problem(line: Int(mark.line) + 1, column: Int(mark.column) + 1, reason: reason.printable)
        }
        return event
    }

    private static func place(_ event: yaml_event_t) -> (line: Int, column: Int) {
        (Int(event.start_mark.line) + 1, Int(event.start_mark.column) + 1)
    }

    private static func problem(_ event: yaml_event_t, _ reason: String) -> Problem {
        let (line, column) = place(event)
        return Problem(line: line, column: column, reason: reason)
    }
}
