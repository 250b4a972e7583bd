/// A query that the DNS answers (RFC 1035, 4.1), read strictly.
struct DNSQuestion: Hashable {
    var id: UInt16
    /// The flags RD and CD, which the answer repeats.
    var repeatedFlags: UInt16
    /// The name's labels as they were sent, letter case included.
    var labels: [[UInt8]]
    var type: UInt16
    /// The question section as it was sent.
    var section: [UInt8]
    /// The version of EDNS that the client speaks (RFC 6891); nil without EDNS.
    var extensionVersion: UInt8?

    enum Reading: Hashable {
        case question(DNSQuestion)
        /// Answered with a response code only. The id and the repeated flags come from the query.
        case failure(id: UInt16, repeatedFlags: UInt16, opcode: UInt16, ResponseCode)
        /// Not a query, or too short to be answered.
        case drop
    }

    enum ResponseCode: UInt16 {
        case noError = 0
        case formatError = 1
        case serverFailure = 2
        case nameError = 3
        case notImplemented = 4
        case refused = 5
        /// 16; its upper bits are in the OPT record.
        case badVersion = 16
    }

    /// The longest query that is read, in bytes.
    static let sizeLimit = 4096
    private static let headerSize = 12

    static func read(_ bytes: ArraySlice<UInt8>) -> Reading {
        var reader = ByteReader(bytes)
        guard bytes.count >= headerSize, let id = reader.uint16().map(UInt16.init), let flags = reader.uint16().map(UInt16.init) else {
            return .drop
        }
        // An answer is never answered: two responders would talk for ever.
        guard flags & 0x8000 == 0 else { return .drop }
        let repeated = flags & 0x0110
        let opcode = flags & 0x7800
        func fail(_ code: ResponseCode) -> Reading { .failure(id: id, repeatedFlags: repeated, opcode: opcode, code) }
        guard opcode == 0 else { return fail(.notImplemented) }
        // TC, AA, RA and the answer's code have no meaning in a query; Z is reserved.
        guard flags & 0x0640 == 0, let questions = reader.uint16(), let answers = reader.uint16(), let authorities = reader.uint16(),
            let additions = reader.uint16(), questions == 1, answers == 0, authorities == 0, additions <= 1
        else { return fail(.formatError) }
        let start = reader.position
        guard let labels = readName(&reader), let type = reader.uint16(), let group = reader.uint16() else { return fail(.formatError) }
        let section = Array(bytes[start..<reader.position])
        // The Internet's class, and ANY, which clients send who mean it.
        guard group == 1 || group == 255 else { return fail(.refused) }
        var version: UInt8?
        if additions == 1 {
            // The only addition to a query is OPT: root name, type 41, size, extended code, version, flags, options.
            guard reader.byte() == 0, reader.uint16() == 41, reader.uint16() != nil, reader.byte() == 0, let spoken = reader.byte(),
                reader.uint16() != nil, reader.long() != nil
            else { return fail(.formatError) }
            version = spoken
        }
        guard reader.isAtEnd else { return fail(.formatError) }
        return .question(
            DNSQuestion(
                id: id, repeatedFlags: repeated, labels: labels, type: UInt16(type), section: section, extensionVersion: version))
    }

    /// A name without compression, which a query's only name cannot have.
    private static func readName(_ reader: inout ByteReader) -> [[UInt8]]? {
        var labels: [[UInt8]] = []
        var length = 1
        while true {
            guard let count = reader.byte(), count < 64 else { return nil }
            if count == 0 { return labels }
            guard let label = reader.take(Int(count)) else { return nil }
            length += label.count + 1
            guard length <= 255 else { return nil }
            labels.append(Array(label))
        }
    }
}
