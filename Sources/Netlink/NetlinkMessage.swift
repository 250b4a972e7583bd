/// One message of netlink(7): its type, a fixed header that the family defines, and attributes.
public struct NetlinkMessage: Sendable, Hashable {
    public var type: UInt16
    public var flags: UInt16
    /// The family's own header: `struct nfgenmsg`, `struct rtmsg`, ….
    public var header: [UInt8]
    public var attributes: [NetlinkAttribute]
    /// What the message is for, in the error when the kernel refuses it.
    public var subject: String

    public init(type: UInt16, flags: UInt16, header: [UInt8], attributes: [NetlinkAttribute] = [], subject: String) {
        self.type = type
        self.flags = flags
        self.header = header
        self.attributes = attributes
        self.subject = subject
    }

    // Flags of netlink(7).
    public static let request: UInt16 = 0x1
    public static let acknowledge: UInt16 = 0x4
    public static let dump: UInt16 = 0x300
    public static let exclusive: UInt16 = 0x200
    public static let create: UInt16 = 0x400
    public static let append: UInt16 = 0x800

    // Types of netlink(7).
    static let errorType: UInt16 = 2
    static let doneType: UInt16 = 3

    /// Bytes of `struct nlmsghdr`.
    static let headerSize = 16

    func append(to bytes: inout [UInt8], sequence: UInt32) {
        let start = bytes.count
        bytes.append(contentsOf: [UInt8](repeating: 0, count: 4))
        withUnsafeBytes(of: type) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: flags | NetlinkMessage.request) { bytes.append(contentsOf: $0) }
        withUnsafeBytes(of: sequence) { bytes.append(contentsOf: $0) }
        bytes.append(contentsOf: [0, 0, 0, 0])
        bytes.append(contentsOf: header)
        while bytes.count % 4 != 0 { bytes.append(0) }
        for attribute in attributes { attribute.append(to: &bytes) }
        withUnsafeBytes(of: UInt32(bytes.count - start)) { bytes.replaceSubrange(start..<start + 4, with: $0) }
    }
}

/// A message from the kernel.
public struct NetlinkAnswer: Sendable, Equatable {
    public var type: UInt16
    public var sequence: UInt32
    /// What follows `struct nlmsghdr`.
    public var body: ArraySlice<UInt8>

    /// Cuts what was received into messages.
    ///
    /// - Throws: `NetlinkError.malformed` when a length does not fit.
    public static func parse(_ bytes: [UInt8]) throws(NetlinkError) -> [NetlinkAnswer] {
        var result: [NetlinkAnswer] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            guard rest.count >= NetlinkMessage.headerSize else { throw .malformed("a message is cut short") }
            let head = Array(rest.prefix(NetlinkMessage.headerSize))
            let length = Int(head.withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) })
            guard length >= NetlinkMessage.headerSize, length <= rest.count else { throw .malformed("a message of \(length) bytes") }
            result.append(
                NetlinkAnswer(
                    type: head.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 4, as: UInt16.self) },
                    sequence: head.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 8, as: UInt32.self) },
                    body: rest.dropFirst(NetlinkMessage.headerSize).prefix(length - NetlinkMessage.headerSize)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return result
    }

    /// The attributes behind a family's header of `size` bytes.
    public func attributes(after size: Int) throws(NetlinkError) -> [(type: UInt16, content: ArraySlice<UInt8>)] {
        guard body.count >= size else { throw .malformed("a message without its header") }
        return try NetlinkAttribute.parse(body.dropFirst((size + 3) & ~3))
    }

    /// The error number of an error message, 0 for an acknowledgement; nil for any other message.
    func errorNumber() throws(NetlinkError) -> Int32? {
        guard type == NetlinkMessage.errorType else { return nil }
        guard body.count >= 4 else { throw .malformed("an error without a number") }
        return -Array(body.prefix(4)).withUnsafeBytes { $0.loadUnaligned(as: Int32.self) }
    }
}
