/// Messages of netlink(7), as the kernel sends them or as `NetlinkWriter` made them.
public struct NetlinkMessages: Sendable, Equatable {
    public struct Message: Sendable, Equatable {
        public var type: UInt16
        public var sequence: UInt32
        /// Where what follows `struct nlmsghdr` lies in `bytes`.
        public var body: Range<Int>
    }

    public let bytes: [UInt8]
    public let list: [Message]

    /// Bytes of `struct nlmsghdr`.
    private static let headerSize = 16

    /// Finds the messages.
    ///
    /// - Throws: `NetlinkError.malformed` when a length does not fit.
    public init(_ bytes: [UInt8]) throws(NetlinkError) {
        var list: [Message] = []
        var place = 0
        while place < bytes.count {
            guard bytes.count - place >= NetlinkMessages.headerSize else { throw .malformed("a message is cut short") }
            let length = Int(NetlinkMessages.number(bytes, place, as: UInt32.self))
            guard length >= NetlinkMessages.headerSize, length <= bytes.count - place else {
                throw .malformed("a message of \(length) bytes")
            }
            list.append(
                Message(
                    type: NetlinkMessages.number(bytes, place + 4, as: UInt16.self),
                    sequence: NetlinkMessages.number(bytes, place + 8, as: UInt32.self),
                    body: place + NetlinkMessages.headerSize..<place + length))
            place += (length + 3) & ~3
        }
        self.bytes = bytes
        self.list = list
    }

    /// The error number of an error message, 0 for an acknowledgement; nil for any other message.
    func errorNumber(_ message: Message) throws(NetlinkError) -> Int32? {
        guard message.type == NetlinkFlags.errorType else { return nil }
        guard message.body.count >= 4 else { throw .malformed("an error without a number") }
        let number = Int32(bitPattern: NetlinkMessages.number(bytes, message.body.lowerBound, as: UInt32.self))
        return number <= 0 && number > -4096 ? -number : 22
    }

    /// The family's own header, which has `size` bytes.
    public func header(_ message: Message, size: Int) throws(NetlinkError) -> ArraySlice<UInt8> {
        guard message.body.count >= size else { throw .malformed("a message without its header") }
        return bytes[message.body.prefix(size)]
    }

    /// Where the attributes behind a family's header of `size` bytes lie.
    public func attributes(_ message: Message, after size: Int) throws(NetlinkError) -> Range<Int> {
        let start = message.body.lowerBound + ((size + 3) & ~3)
        guard start <= message.body.upperBound else { throw .malformed("a message without its header") }
        return start..<message.body.upperBound
    }

    /// One attribute: its type, whether it says that attributes lie inside, and where its contents lie.
    public struct Attribute: Sendable, Equatable {
        public var type: UInt16
        public var isNested: Bool
        public var content: Range<Int>
    }

    /// Takes the first attribute off `range`.
    public func next(_ range: inout Range<Int>) throws(NetlinkError) -> Attribute? {
        guard !range.isEmpty else { return nil }
        let place = range.lowerBound
        guard range.count >= 4 else { throw .malformed("an attribute is cut short") }
        let length = Int(NetlinkMessages.number(bytes, place, as: UInt16.self))
        guard length >= 4, length <= range.count else { throw .malformed("an attribute of \(length) bytes") }
        let type = NetlinkMessages.number(bytes, place + 2, as: UInt16.self)
        range = min(place + ((length + 3) & ~3), range.upperBound)..<range.upperBound
        return Attribute(type: type & NetlinkFlags.typeMask, isNested: type & NetlinkFlags.nested != 0, content: place + 4..<place + length)
    }

    /// The only attribute of this type; nil when there is none or more than one.
    public func attribute(_ type: UInt16, in range: Range<Int>) throws(NetlinkError) -> Attribute? {
        var rest = range
        var found: Attribute?
        while let attribute = try next(&rest) {
            guard attribute.type == type else { continue }
            guard found == nil else { return nil }
            found = attribute
        }
        return found
    }

    /// The contents of the only attribute of this type.
    public func content(_ type: UInt16, in range: Range<Int>) throws(NetlinkError) -> ArraySlice<UInt8>? {
        try attribute(type, in: range).map { bytes[$0.content] }
    }

    /// Whether what the kernel reports is what was asked for: every attribute of `wanted`, in the messages `asked`, is there
    /// once with the same contents.
    ///
    /// - Parameter isClosed: whether what the kernel adds must be zero, as an option is that this program does not know. In
    ///   nested attributes it always must.
    func agrees(_ range: Range<Int>, with asked: NetlinkMessages, _ wanted: Range<Int>, isClosed: Bool) throws(NetlinkError) -> Bool {
        var rest = wanted
        while let attribute = try asked.next(&rest) {
            guard let found = try self.attribute(attribute.type, in: range) else { return false }
            if attribute.isNested {
                guard try agrees(found.content, with: asked, attribute.content, isClosed: true) else { return false }
            } else {
                guard bytes[found.content].elementsEqual(asked.bytes[attribute.content]) else { return false }
            }
        }
        guard isClosed else { return true }
        rest = range
        while let extra = try next(&rest) {
            guard try asked.attribute(extra.type, in: wanted) != nil || bytes[extra.content].allSatisfy({ $0 == 0 }) else { return false }
        }
        return true
    }

    /// Whether two lists hold the same elements in the same order.
    func agreesInOrder(_ range: Range<Int>, with asked: NetlinkMessages, _ wanted: Range<Int>) throws(NetlinkError) -> Bool {
        var (rest, restWanted) = (range, wanted)
        while let element = try asked.next(&restWanted) {
            guard let found = try next(&rest), found.type == element.type,
                try agrees(found.content, with: asked, element.content, isClosed: true)
            else { return false }
        }
        return rest.isEmpty
    }

    private static func number<Value: FixedWidthInteger>(_ bytes: [UInt8], _ place: Int, as type: Value.Type) -> Value {
        bytes.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: place, as: Value.self) }
    }
}
