/// One D-Bus message and its bytes (D-Bus Specification 0.43, "Message Protocol").
///
/// Only what coop says to systemd is here: calls with basic types, arrays, structures and variants, little-endian out,
/// either order in. What comes in is treated as hostile: every length is checked against what is there.
struct DBusMessage: Equatable, Sendable {
    /// What a message is (the second byte of its header).
    enum Kind: UInt8, Sendable {
        case methodCall = 1
        case methodReturn = 2
        case error = 3
        case signal = 4
    }

    /// A message that breaks the format.
    struct Malformed: Error, Equatable {
        /// What is wrong, in a few words.
        var reason: String
    }

    /// The longest message that is accepted, in bytes. The specification allows 128 MiB; a reply to coop has some hundred.
    static let longest = 1 << 20

    var kind: Kind
    /// Flags of the header: 1 no reply expected, 2 no auto-start, 4 may ask the user for authorisation.
    var flags: UInt8 = 0
    /// The sender's number of this message; never zero.
    var serial: UInt32
    var path: String?
    var interface: String?
    var member: String?
    var errorName: String?
    /// The serial of the call that this answers.
    var replySerial: UInt32?
    var destination: String?
    var sender: String?
    /// The types of the body, as a signature: `ssa(sv)`.
    var signature = ""
    var body: [UInt8] = []
    /// The byte order of the body: always little-endian in what coop writes.
    var isBigEndian = false

    /// A reader at the start of the body.
    var bodyReader: Reader { Reader(body, isBigEndian: isBigEndian) }

    /// The message's bytes, little-endian.
    var encoded: [UInt8] {
        var fields = Writer()
        fields.byte(UInt8(ascii: "l"))
        fields.byte(kind.rawValue)
        fields.byte(flags)
        fields.byte(1)
        fields.uint32(UInt32(truncatingIfNeeded: body.count))
        fields.uint32(serial)
        fields.array(elementAlignment: 8) { array in
            // In the order of their codes ("Header Fields").
            for (code, type, text) in [(1, "o", path), (2, "s", interface), (3, "s", member), (4, "s", errorName)] {
                if let text { array.headerField(UInt8(code), type) { $0.string(text) } }
            }
            if let replySerial { array.headerField(5, "u") { $0.uint32(replySerial) } }
            if let destination { array.headerField(6, "s") { $0.string(destination) } }
            if let sender { array.headerField(7, "s") { $0.string(sender) } }
            if !signature.isEmpty { array.headerField(8, "g") { $0.signature(signature) } }
        }
        fields.align(8)
        return fields.bytes + body
    }

    /// The length of the message that begins with `bytes`, nil while there are too few bytes to tell.
    static func length(of bytes: some Collection<UInt8>) throws(Malformed) -> Int? {
        let head = Array(bytes.prefix(16))
        guard head.count == 16 else { return nil }
        var reader = Reader(head, isBigEndian: try isBigEndian(head[0]))
        try reader.skip(4)
        let body = Int(try reader.uint32())
        try reader.skip(4)
        let fields = Int(try reader.uint32())
        guard body <= longest, fields <= longest else { throw Malformed(reason: "a message that is too long") }
        let total = (16 + fields + 7) / 8 * 8 + body
        guard total <= longest else { throw Malformed(reason: "a message that is too long") }
        return total
    }

    /// Reads the one message that `bytes` are.
    init(decoding bytes: [UInt8]) throws(Malformed) {
        guard bytes.count >= 16, let length = try DBusMessage.length(of: bytes), length == bytes.count else {
            throw Malformed(reason: "a message of another length than it says")
        }
        isBigEndian = try DBusMessage.isBigEndian(bytes[0])
        var reader = Reader(bytes, isBigEndian: isBigEndian)
        try reader.skip(1)
        guard let kind = Kind(rawValue: try reader.byte()) else { throw Malformed(reason: "an unknown kind of message") }
        self.kind = kind
        flags = try reader.byte()
        guard try reader.byte() == 1 else { throw Malformed(reason: "an unknown version of the protocol") }
        let bodyLength = Int(try reader.uint32())
        serial = try reader.uint32()
        guard serial != 0 else { throw Malformed(reason: "a message with the serial zero") }
        let end = try reader.arrayEnd(elementAlignment: 8)
        while reader.position < end {
            try reader.align(8)
            let code = try reader.byte()
            let type = try reader.signature()
            switch (code, type) {
            case (1, "o"): path = try reader.string()
            case (2, "s"): interface = try reader.string()
            case (3, "s"): member = try reader.string()
            case (4, "s"): errorName = try reader.string()
            case (5, "u"): replySerial = try reader.uint32()
            case (6, "s"): destination = try reader.string()
            case (7, "s"): sender = try reader.string()
            case (8, "g"): signature = try reader.signature()
            // The number of descriptors, and fields of later versions ("Unknown fields must be ignored").
            case (_, "u"): _ = try reader.uint32()
            case (_, "s"), (_, "o"): _ = try reader.string()
            case (_, "g"): _ = try reader.signature()
            default: throw Malformed(reason: "a header field of an unexpected type")
            }
        }
        guard reader.position == end else { throw Malformed(reason: "a header field that is longer than the header") }
        try reader.align(8)
        guard bytes.count - reader.position == bodyLength else { throw Malformed(reason: "a body of another length than it says") }
        body = Array(bytes[reader.position...])
    }

    init(kind: Kind, serial: UInt32) {
        self.kind = kind
        self.serial = serial
    }

    /// A call of a method, without a body.
    static func call(
        _ member: String, of interface: String, at path: String, destination: String?, serial: UInt32
    ) -> DBusMessage {
        var message = DBusMessage(kind: .methodCall, serial: serial)
        message.path = path
        message.interface = interface
        message.member = member
        message.destination = destination
        return message
    }

    /// The same message with a body of the given types.
    func with(_ signature: String, _ write: (inout Writer) -> Void) -> DBusMessage {
        var writer = Writer()
        write(&writer)
        var message = self
        message.signature = signature
        message.body = writer.bytes
        return message
    }

    private static func isBigEndian(_ mark: UInt8) throws(Malformed) -> Bool {
        switch mark {
        case UInt8(ascii: "l"): return false
        case UInt8(ascii: "B"): return true
        default: throw Malformed(reason: "an unknown byte order")
        }
    }
}

extension DBusMessage {
    /// Puts values into the wire format, little-endian ("Marshaling"). The bytes start at an offset that is a multiple of 8.
    struct Writer {
        private(set) var bytes: [UInt8] = []

        /// Zeros up to the next multiple of `alignment`.
        mutating func align(_ alignment: Int) {
            while bytes.count % alignment != 0 { bytes.append(0) }
        }

        mutating func byte(_ value: UInt8) { bytes.append(value) }

        mutating func uint32(_ value: UInt32) {
            align(4)
            for shift: UInt32 in [0, 8, 16, 24] { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }

        mutating func uint64(_ value: UInt64) {
            align(8)
            for shift in stride(from: UInt64(0), to: 64, by: 8) { bytes.append(UInt8(truncatingIfNeeded: value >> shift)) }
        }

        mutating func boolean(_ value: Bool) { uint32(value ? 1 : 0) }

        /// A STRING or an OBJECT_PATH: they look the same.
        mutating func string(_ value: String) {
            let text = Array(value.utf8)
            uint32(UInt32(truncatingIfNeeded: text.count))
            bytes += text
            bytes.append(0)
        }

        /// A SIGNATURE: at most 255 bytes.
        mutating func signature(_ value: String) {
            let text = Array(value.utf8.prefix(255))
            bytes.append(UInt8(truncatingIfNeeded: text.count))
            bytes += text
            bytes.append(0)
        }

        /// An ARRAY: its length in bytes does not count the padding before the first element.
        mutating func array(elementAlignment: Int, _ write: (inout Writer) -> Void) {
            uint32(0)
            let place = bytes.count - 4
            align(elementAlignment)
            let start = bytes.count
            write(&self)
            let length = UInt32(truncatingIfNeeded: bytes.count - start)
            for (index, shift) in [UInt32(0), 8, 16, 24].enumerated() {
                bytes[place + index] = UInt8(truncatingIfNeeded: length >> shift)
            }
        }

        /// One `(sv)` of a list of properties.
        mutating func property(_ name: String, _ type: String, _ write: (inout Writer) -> Void) {
            align(8)
            string(name)
            signature(type)
            write(&self)
        }

        /// One `(yv)` of the header.
        fileprivate mutating func headerField(_ code: UInt8, _ type: String, _ write: (inout Writer) -> Void) {
            align(8)
            byte(code)
            signature(type)
            write(&self)
        }
    }

    /// Takes values out of the wire format; throws `Malformed` instead of reading past the end.
    struct Reader {
        private let bytes: [UInt8]
        private let isBigEndian: Bool
        private(set) var position = 0

        init(_ bytes: [UInt8], isBigEndian: Bool = false) {
            self.bytes = bytes
            self.isBigEndian = isBigEndian
        }

        mutating func skip(_ count: Int) throws(Malformed) {
            guard count >= 0, count <= bytes.count - position else { throw Malformed(reason: "a message that ends too early") }
            position += count
        }

        /// Moves on to a multiple of `alignment`; what lies between must be zero.
        mutating func align(_ alignment: Int) throws(Malformed) {
            while position % alignment != 0 {
                guard try byte() == 0 else { throw Malformed(reason: "padding that is not zero") }
            }
        }

        mutating func byte() throws(Malformed) -> UInt8 {
            guard position < bytes.count else { throw Malformed(reason: "a message that ends too early") }
            defer { position += 1 }
            return bytes[position]
        }

        mutating func uint32() throws(Malformed) -> UInt32 {
            try align(4)
            let start = position
            try skip(4)
            var value: UInt32 = 0
            for index in 0..<4 {
                value = value << 8 | UInt32(bytes[isBigEndian ? start + index : start + 3 - index])
            }
            return value
        }

        /// A STRING or an OBJECT_PATH.
        mutating func string() throws(Malformed) -> String {
            try text(count: Int(try uint32()))
        }

        mutating func signature() throws(Malformed) -> String {
            try text(count: Int(try byte()))
        }

        /// Reads the length of an array, moves to its first element and returns the position behind its last.
        mutating func arrayEnd(elementAlignment: Int) throws(Malformed) -> Int {
            let length = Int(try uint32())
            try align(elementAlignment)
            guard length <= bytes.count - position else { throw Malformed(reason: "an array that is longer than the message") }
            return position + length
        }

        private mutating func text(count: Int) throws(Malformed) -> String {
            let start = position
            try skip(count)
            let content = bytes[start..<start + count]
            guard try byte() == 0, !content.contains(0), let text = String(validating: content, as: UTF8.self) else {
                throw Malformed(reason: "a string that is not one")
            }
            return text
        }
    }
}
