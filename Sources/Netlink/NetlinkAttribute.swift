/// One attribute of a netlink message (netlink(7), rtnetlink(7)): a type and bytes, or further attributes.
public struct NetlinkAttribute: Sendable, Hashable {
    public enum Value: Sendable, Hashable {
        case bytes([UInt8])
        case nested([NetlinkAttribute])
    }

    public var type: UInt16
    public var value: Value

    public init(_ type: UInt16, _ value: Value) {
        self.type = type
        self.value = value
    }

    public init(_ type: UInt16, bytes: [UInt8]) { self.init(type, .bytes(bytes)) }

    public init(_ type: UInt16, nested: [NetlinkAttribute]) { self.init(type, .nested(nested)) }

    /// A number as netfilter writes it: 32 bits, most significant byte first.
    public init(_ type: UInt16, bigEndian value: UInt32) { self.init(type, bytes: withUnsafeBytes(of: value.bigEndian, Array.init)) }

    /// A number as rtnetlink(7) writes it: 32 bits, in the processor's order.
    public init(_ type: UInt16, native value: UInt32) { self.init(type, bytes: withUnsafeBytes(of: value, Array.init)) }

    /// Text with its final NUL.
    public init(_ type: UInt16, text: String) { self.init(type, bytes: Array(text.utf8) + [0]) }

    /// NLA_F_NESTED: says that attributes lie inside.
    static let nestedFlag: UInt16 = 0x8000
    /// The bits that are the type itself: neither NLA_F_NESTED nor NLA_F_NET_BYTEORDER.
    static let typeMask: UInt16 = 0x3FFF

    /// The wire form, padded to four bytes.
    func append(to bytes: inout [UInt8]) {
        let start = bytes.count
        bytes.append(contentsOf: [0, 0, 0, 0])
        var flag: UInt16 = 0
        switch value {
        case .bytes(let content): bytes.append(contentsOf: content)
        case .nested(let attributes):
            flag = NetlinkAttribute.nestedFlag
            for attribute in attributes { attribute.append(to: &bytes) }
        }
        let length = UInt16(truncatingIfNeeded: bytes.count - start)
        withUnsafeBytes(of: length) { bytes.replaceSubrange(start..<start + 2, with: $0) }
        withUnsafeBytes(of: type | flag) { bytes.replaceSubrange(start + 2..<start + 4, with: $0) }
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    /// Reads a sequence of attributes, each as bytes: only who knows a type knows whether attributes lie inside.
    ///
    /// - Throws: `NetlinkError.malformed` when a length does not fit.
    public static func parse(_ bytes: ArraySlice<UInt8>) throws(NetlinkError) -> [(type: UInt16, content: ArraySlice<UInt8>)] {
        var result: [(type: UInt16, content: ArraySlice<UInt8>)] = []
        var rest = bytes
        while !rest.isEmpty {
            guard rest.count >= 4 else { throw .malformed("an attribute is cut short") }
            let head = Array(rest.prefix(4))
            let length = Int(head.withUnsafeBytes { $0.loadUnaligned(as: UInt16.self) })
            let type = head.withUnsafeBytes { $0.loadUnaligned(fromByteOffset: 2, as: UInt16.self) } & typeMask
            guard length >= 4, length <= rest.count else { throw .malformed("an attribute of \(length) bytes") }
            result.append((type, rest.dropFirst(4).prefix(length - 4)))
            rest = rest.dropFirst((length + 3) & ~3)
        }
        return result
    }

    /// Whether what the kernel reports is what was asked for: every attribute is there once with the same contents, and what
    /// it adds (an option that this program does not know) is zero.
    public static func agree(_ wanted: [NetlinkAttribute], _ reported: ArraySlice<UInt8>) throws(NetlinkError) -> Bool {
        var found = try parse(reported)
        for attribute in wanted {
            guard let index = found.firstIndex(where: { $0.type == attribute.type }) else { return false }
            let content = found.remove(at: index).content
            switch attribute.value {
            case .bytes(let bytes): guard content.elementsEqual(bytes) else { return false }
            case .nested(let inner): guard try agree(inner, content) else { return false }
            }
        }
        return found.allSatisfy { extra in
            extra.content.allSatisfy { $0 == 0 } && !wanted.contains { $0.type == extra.type }
        }
    }
}
