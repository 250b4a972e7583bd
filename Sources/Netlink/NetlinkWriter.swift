/// Writes messages of netlink(7) one behind the other: a header, a fixed header that the family defines, and attributes.
public struct NetlinkWriter: Sendable {
    public private(set) var bytes: [UInt8] = []
    /// What each message is for, in the error when the kernel refuses it.
    public private(set) var subjects: [String] = []
    /// Where each message begins in `bytes`.
    public private(set) var offsets: [Int] = []

    public init(capacity: Int = 256) { bytes.reserveCapacity(capacity) }

    /// Appends one message; its sequence number is its index.
    ///
    /// - Parameters:
    ///   - header: the family's own: `struct nfgenmsg`, `struct rtmsg`, ….
    ///   - attributes: writes them.
    public mutating func message(
        type: UInt16, flags: UInt16, header: [UInt8], subject: String, attributes: (inout NetlinkWriter) -> Void = { _ in }
    ) {
        let start = bytes.count
        put(UInt32(0))
        put(type)
        put(flags | NetlinkFlags.request)
        put(UInt32(subjects.count))
        put(UInt32(0))
        bytes.append(contentsOf: header)
        pad()
        subjects.append(subject)
        offsets.append(start)
        attributes(&self)
        set(UInt32(bytes.count - start), at: start)
    }

    /// An attribute whose contents are attributes.
    public mutating func nested(_ type: UInt16, _ attributes: (inout NetlinkWriter) -> Void) {
        let start = begin(type | NetlinkFlags.nested)
        attributes(&self)
        end(start)
    }

    public mutating func attribute(_ type: UInt16, bytes content: [UInt8]) {
        let start = begin(type)
        bytes.append(contentsOf: content)
        end(start)
    }

    /// A number as netfilter writes it: 32 bits, most significant byte first.
    public mutating func attribute(_ type: UInt16, bigEndian value: UInt32) {
        let start = begin(type)
        put(value.bigEndian)
        end(start)
    }

    /// A number as rtnetlink(7) writes it: 32 bits, in the processor's order.
    public mutating func attribute(_ type: UInt16, native value: UInt32) {
        let start = begin(type)
        put(value)
        end(start)
    }

    /// Text with its final NUL.
    public mutating func attribute(_ type: UInt16, text: String) {
        let start = begin(type)
        bytes.append(contentsOf: text.utf8)
        bytes.append(0)
        end(start)
    }

    private mutating func begin(_ type: UInt16) -> Int {
        let start = bytes.count
        put(UInt16(0))
        put(type)
        return start
    }

    private mutating func end(_ start: Int) {
        set(UInt16(truncatingIfNeeded: bytes.count - start), at: start)
        pad()
    }

    private mutating func pad() { while bytes.count & 3 != 0 { bytes.append(0) } }

    private mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        // Netlink is in the processor's order.
        for index in 0..<MemoryLayout<Value>.size { bytes.append(byte(of: value, index)) }
    }

    private mutating func set<Value: FixedWidthInteger>(_ value: Value, at place: Int) {
        for index in 0..<MemoryLayout<Value>.size { bytes[place + index] = byte(of: value, index) }
    }

    private func byte<Value: FixedWidthInteger>(of value: Value, _ index: Int) -> UInt8 {
        UInt8(truncatingIfNeeded: value >> Value(truncatingIfNeeded: 8 * (isLittleEndian ? index : MemoryLayout<Value>.size - 1 - index)))
    }

    private var isLittleEndian: Bool { UInt16(1).littleEndian == 1 }
}

/// Flags and types of netlink(7).
public enum NetlinkFlags {
    public static let request: UInt16 = 0x1
    public static let acknowledge: UInt16 = 0x4
    public static let dump: UInt16 = 0x300
    public static let exclusive: UInt16 = 0x200
    public static let create: UInt16 = 0x400
    public static let append: UInt16 = 0x800
    /// NLA_F_NESTED: says that attributes lie inside an attribute.
    static let nested: UInt16 = 0x8000
    /// The bits of an attribute's type that are the type itself: neither NLA_F_NESTED nor NLA_F_NET_BYTEORDER.
    static let typeMask: UInt16 = 0x3FFF
    static let errorType: UInt16 = 2
    static let doneType: UInt16 = 3
}
