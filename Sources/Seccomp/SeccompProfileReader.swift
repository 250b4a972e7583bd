import CoopErrors

/// Turns the text of a profile into rules, with errors that name the line.
struct SeccompProfileReader {
    let json: [UInt8]
    let path: String
    private var unknownNames: Set<String> = []

    init(json: [UInt8], path: String) {
        self.json = json
        self.path = path
    }

    private static let actions = [
        "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
        "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG",
    ]
    private static let comparisons = [
        "SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE", "SCMP_CMP_EQ", "SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ",
    ]

    mutating func read() throws(CoopError) -> SeccompProfile {
        if json.allSatisfy({ $0 == 0x20 || ($0 >= 0x09 && $0 <= 0x0D) }) { throw failure("the file is empty", at: 0) }
        let document: JSONValue
        do {
            document = try JSONParser.parse(json)
        } catch {
            throw failure(error.reason, at: error.offset)
        }
        var notes: [String] = []
        var action: (name: JSONValue, errno: JSONValue?)?
        var defaultErrno: JSONValue?
        var rules: [SeccompProfile.Rule] = []
        for (key, value) in try object(document, "the profile") {
            switch key.name {
            case "defaultAction": action = (value, nil)
            case "defaultErrnoRet": defaultErrno = value
            case "syscalls":
                for entry in try array(value) { rules.append(contentsOf: try rule(entry)) }
            case "flags":
                let names = try array(value).map { (element) throws(CoopError) in try string(element) }
                if !names.isEmpty { notes.append("flags (\(names.joined(separator: ", "))) are not used") }
            case "listenerPath", "listenerMetadata":
                if case .null = value.content { continue }
                if case .string("") = value.content { continue }
                throw failure("coop has no agent for notifications ('\(key.name)')", at: key.offset)
            // Only this machine's own architecture runs in a sandbox, whatever a profile lists; `defaultErrno` and
            // `comment` are words beside a number.
            case "architectures", "archMap", "defaultErrno", "comment": continue
            default:
                throw unknown(
                    key, among: ["defaultAction", "defaultErrnoRet", "syscalls", "flags", "architectures", "archMap", "listenerPath"])
            }
        }
        guard let action else { throw failure("'defaultAction' is missing", at: document.offset) }
        let defaultAction = try self.action(action.name, errno: defaultErrno)
        if !unknownNames.isEmpty {
            notes.append("unknown system calls are ignored: \(unknownNames.sorted().joined(separator: ", "))")
        }
        return SeccompProfile(path: path, notes: notes, defaultAction: defaultAction, rules: rules)
    }

    private mutating func rule(_ value: JSONValue) throws(CoopError) -> [SeccompProfile.Rule] {
        var names: [String] = []
        var action: JSONValue?
        var errno: JSONValue?
        var tests: [ArgumentTest] = []
        var includes = SeccompProfile.Condition()
        var excludes = SeccompProfile.Condition()
        for (key, value) in try object(value, "an entry of 'syscalls'") {
            switch key.name {
            case "names": for element in try array(value) { names.append(try string(element)) }
            case "name": names.append(try string(value))
            case "action": action = value
            case "errnoRet": errno = value
            case "args": for element in try array(value) { tests.append(try test(element)) }
            case "includes": includes = try condition(value)
            case "excludes": excludes = try condition(value)
            case "comment", "errno": continue
            default: throw unknown(key, among: ["names", "name", "action", "errnoRet", "args", "includes", "excludes", "comment"])
            }
        }
        guard let action else { throw failure("'action' is missing in this entry", at: value.offset) }
        guard !names.isEmpty else { throw failure("'names' is missing or empty in this entry", at: value.offset) }
        for name in names where !SyscallTable.isKnownAnywhere(name) { unknownNames.insert(name) }
        return [
            SeccompProfile.Rule(
                names: names, action: try self.action(action, errno: errno), tests: tests, includes: includes, excludes: excludes)
        ]
    }

    private func action(_ value: JSONValue, errno: JSONValue?) throws(CoopError) -> SeccompAction {
        var number: UInt16?
        if let errno, !errno.isNull {
            let given = try unsigned(errno)
            guard given <= UInt64(ErrorNumber.limit) else {
                throw failure("an error number is at most \(ErrorNumber.limit)", at: errno.offset)
            }
            number = UInt16(given)
        }
        let name = try string(value)
        switch name {
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return .killThread
        case "SCMP_ACT_KILL_PROCESS": return .killProcess
        case "SCMP_ACT_TRAP": return .trap
        case "SCMP_ACT_ERRNO": return .errno(number ?? ErrorNumber.EPERM)
        case "SCMP_ACT_TRACE": return .trace(number ?? ErrorNumber.EPERM)
        case "SCMP_ACT_ALLOW": return .allow
        case "SCMP_ACT_LOG": return .log
        case "SCMP_ACT_NOTIFY": throw failure("coop has no agent for SCMP_ACT_NOTIFY", at: value.offset)
        default: throw unknownWord("action", name, at: value.offset, among: SeccompProfileReader.actions)
        }
    }

    private func test(_ value: JSONValue) throws(CoopError) -> ArgumentTest {
        var index: UInt64?
        var first: UInt64 = 0
        var second: UInt64 = 0
        var comparison: JSONValue?
        for (key, value) in try object(value, "an entry of 'args'") {
            switch key.name {
            case "index":
                let given = try unsigned(value)
                guard given < 6 else { throw failure("a system call has arguments 0 to 5", at: value.offset) }
                index = given
            case "value": first = try unsigned(value)
            case "valueTwo": second = try unsigned(value)
            case "op": comparison = value
            case "comment": continue
            default: throw unknown(key, among: ["index", "value", "valueTwo", "op"])
            }
        }
        guard let index else { throw failure("'index' is missing in this entry", at: value.offset) }
        guard let comparison else { throw failure("'op' is missing in this entry", at: value.offset) }
        let position = Int(index)
        let name = try string(comparison)
        switch name {
        case "SCMP_CMP_NE": return ArgumentTest(position, .notEqual, first)
        case "SCMP_CMP_LT": return ArgumentTest(position, .less, first)
        case "SCMP_CMP_LE": return ArgumentTest(position, .lessOrEqual, first)
        case "SCMP_CMP_EQ": return ArgumentTest(position, .equal, first)
        case "SCMP_CMP_GE": return ArgumentTest(position, .greaterOrEqual, first)
        case "SCMP_CMP_GT": return ArgumentTest(position, .greater, first)
        // The first value is the mask, the second what must be left.
        case "SCMP_CMP_MASKED_EQ": return ArgumentTest(position, .equal, second, mask: first)
        default: throw unknownWord("comparison", name, at: comparison.offset, among: SeccompProfileReader.comparisons)
        }
    }

    private func condition(_ value: JSONValue) throws(CoopError) -> SeccompProfile.Condition {
        var result = SeccompProfile.Condition()
        for (key, value) in try object(value, "'includes' and 'excludes'") {
            switch key.name {
            case "caps": for element in try array(value) { result.capabilities.append(try string(element)) }
            case "arches": for element in try array(value) { result.architectures.append(try string(element)) }
            case "minKernel":
                if value.isNull { continue }
                let text = try string(value)
                guard let release = KernelRelease(text) else {
                    throw failure("'\(text)' is not a kernel version such as 4.8", at: value.offset)
                }
                result.minimumKernel = release
            default: throw unknown(key, among: ["caps", "arches", "minKernel"])
            }
        }
        return result
    }

    // MARK: Values of the expected kind. Runtimes write null for what is left out.

    private func object(_ value: JSONValue, _ what: String) throws(CoopError) -> [(key: JSONKey, value: JSONValue)] {
        switch value.content {
        case .object(let members): return members
        case .null: return []
        default: throw failure("\(what) must be an object", at: value.offset)
        }
    }

    private func array(_ value: JSONValue) throws(CoopError) -> [JSONValue] {
        switch value.content {
        case .array(let elements): return elements
        case .null: return []
        default: throw failure("a list is expected here", at: value.offset)
        }
    }

    private func string(_ value: JSONValue) throws(CoopError) -> String {
        guard case .string(let text) = value.content else { throw failure("a string is expected here", at: value.offset) }
        return text
    }

    private func unsigned(_ value: JSONValue) throws(CoopError) -> UInt64 {
        guard case .number(let text) = value.content, let number = UInt64(text) else {
            throw failure("a whole number from 0 to 2^64-1 is expected here", at: value.offset)
        }
        return number
    }

    // MARK: Errors

    private func failure(_ reason: String, at offset: Int) -> CoopError {
        let place = JSONParser.place(of: offset, in: json)
        return CoopError(
            .configuration, "cannot read the seccomp profile", "\(path):\(place.line):\(place.column): \(reason)", next: "$EDITOR \(path)")
    }

    /// An unknown key may be a mistyped `args`; to ignore it would allow more than was meant.
    private func unknown(_ key: JSONKey, among known: [String]) -> CoopError {
        unknownWord("key", key.name, at: key.offset, among: known)
    }

    private func unknownWord(_ kind: String, _ word: String, at offset: Int, among known: [String]) -> CoopError {
        let hint = nearest(to: word, among: known).map { "; did you mean '\($0)'?" } ?? ""
        return failure("unknown \(kind) '\(word)'\(hint)", at: offset)
    }
}

extension JSONValue {
    fileprivate var isNull: Bool {
        if case .null = content { true } else { false }
    }
}
