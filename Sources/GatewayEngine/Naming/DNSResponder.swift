import GatewayProtocol

/// Answers DNS queries from inside without asking anybody: a name gets a synthetic address, which stands for it in later
/// connections, and there is nothing else to learn.
struct DNSResponder {
    private(set) var table: NameTable

    init(table: NameTable) { self.table = table }

    /// The types that are asked of it (RFC 1035, RFC 3596, RFC 8482).
    private enum RecordType {
        static let address: UInt16 = 1
        static let authority: UInt16 = 6
        static let pointer: UInt16 = 12
        static let incrementalTransfer: UInt16 = 251
        static let transfer: UInt16 = 252
    }

    /// Seconds that an answer holds. The addresses hold for the session, and a resolver's cache may outlive it.
    private static let timeToLive: UInt32 = 60

    private enum Answer {
        case records([[UInt8]], type: UInt16)
        /// The name exists and has no record of this type.
        case noData
        case code(DNSQuestion.ResponseCode)
    }

    /// The answer to a query; nil for what is not answered.
    mutating func answer(_ query: ArraySlice<UInt8>) -> [UInt8]? {
        switch DNSQuestion.read(query) {
        case .drop: return nil
        case .failure(let id, let repeated, let opcode, let code):
            return DNSResponder.header(id: id, flags: 0x8080 | repeated | opcode | code.rawValue & 0xF, counts: [0, 0, 0, 0])
        case .question(let question):
            if let version = question.extensionVersion, version > 0 { return respond(to: question, .code(.badVersion)) }
            return respond(to: question, lookUp(question))
        }
    }

    private mutating func lookUp(_ question: DNSQuestion) -> Answer {
        if question.type == RecordType.transfer || question.type == RecordType.incrementalTransfer { return .code(.refused) }
        // A label may hold a dot, which the joined name would not show.
        guard !question.labels.contains(where: { $0.contains(UInt8(ascii: ".")) }),
            let name = HostNames.name(Array(question.labels.joined(separator: [UInt8(ascii: ".")])))
        else { return question.labels.isEmpty ? .noData : .code(.nameError) }
        if let address = DNSResponder.reversed(name) {
            guard question.type == RecordType.pointer else { return .noData }
            if address.value >> 24 == 127 { return .records([DNSResponder.encoded("localhost")], type: RecordType.pointer) }
            guard let known = table.name(of: address) else { return .code(.nameError) }
            return .records([DNSResponder.encoded(known)], type: RecordType.pointer)
        }
        let last = name.split(separator: ".").last
        // RFC 6761: names that only this machine has, and names that nobody has; RFC 7686: names that DNS must not see.
        if last == "localhost" {
            return question.type == RecordType.address ? .records([[127, 0, 0, 1]], type: RecordType.address) : .noData
        }
        if last == "invalid" || last == "onion" || last == "arpa" { return .code(.nameError) }
        guard question.type == RecordType.address else { return .noData }
        guard let address = table.address(of: name) else { return .code(.serverFailure) }
        return .records([address.bytes], type: RecordType.address)
    }

    private func respond(to question: DNSQuestion, _ answer: Answer) -> [UInt8] {
        var code = DNSQuestion.ResponseCode.noError
        var answers: [[UInt8]] = []
        var type: UInt16 = 0
        var authority = false
        switch answer {
        case .records(let records, let kind): (answers, type) = (records, kind)
        case .noData: authority = true
        case .code(let failure):
            code = failure
            // Without it a client may not keep the negative answer (RFC 2308).
            authority = failure == .nameError
        }
        let extended = question.extensionVersion != nil
        var bytes = DNSResponder.header(
            id: question.id, flags: 0x8080 | question.repeatedFlags | code.rawValue & 0xF,
            counts: [1, UInt16(answers.count), authority ? 1 : 0, extended ? 1 : 0])
        bytes += question.section
        for data in answers { bytes += DNSResponder.record(type: type, timeToLive: DNSResponder.timeToLive, data: data) }
        if authority {
            // No server, no mailbox, serial 1, and how long a negative answer holds in the last number.
            let numbers: [UInt32] = [1, 3600, 600, 86400, 5]
            let data: [UInt8] = [0, 0] + numbers.flatMap { number in withUnsafeBytes(of: number.bigEndian) { [UInt8]($0) } }
            bytes += DNSResponder.record(type: RecordType.authority, timeToLive: 5, data: data)
        }
        if extended {
            // Root name, OPT, 1232 bytes of datagrams, upper bits of the code, version 0, no flags, no options.
            bytes += [0, 0, 41, 0x04, 0xD0, UInt8(code.rawValue >> 4), 0, 0, 0, 0, 0]
        }
        return bytes
    }

    private static func header(id: UInt16, flags: UInt16, counts: [UInt16]) -> [UInt8] {
        ([id, flags] + counts).flatMap { [UInt8($0 >> 8), UInt8($0 & 0xFF)] }
    }

    /// A record of the name in the question, which lies behind the header.
    private static func record(type: UInt16, timeToLive: UInt32, data: [UInt8]) -> [UInt8] {
        var bytes: [UInt8] = [0xC0, 12, UInt8(type >> 8), UInt8(type & 0xFF), 0, 1]
        bytes += withUnsafeBytes(of: timeToLive.bigEndian) { Array($0) }
        bytes += [UInt8(data.count >> 8), UInt8(data.count & 0xFF)]
        return bytes + data
    }

    private static func encoded(_ name: String) -> [UInt8] {
        name.split(separator: ".").flatMap { [UInt8($0.utf8.count)] + Array($0.utf8) } + [0]
    }

    /// The address that a name below in-addr.arpa stands for.
    private static func reversed(_ name: String) -> IPv4Address? {
        let labels = name.split(separator: ".")
        guard labels.count == 6, labels[4] == "in-addr", labels[5] == "arpa" else { return nil }
        return IPv4Address(labels[0..<4].reversed().joined(separator: "."))
    }
}
