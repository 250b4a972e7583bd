extension WireReader {
    /// One byte that stands for a case of an enumeration.
    mutating func readCase<Value: RawRepresentable<UInt8>>(_ type: Value.Type = Value.self) throws(WireError) -> Value {
        guard let value = Value(rawValue: try read()) else { throw WireError("no such \(Value.self)") }
        return value
    }

    mutating func readOptional<Value>(_ body: (inout WireReader) throws(WireError) -> Value) throws(WireError) -> Value? {
        try readBool() ? try body(&self) : nil
    }
}

extension WireWriter {
    mutating func writeOptional<Value>(_ value: Value?, _ body: (inout WireWriter, Value) -> Void) {
        write(value != nil)
        if let value { body(&self, value) }
    }

    /// Text for people; what is beyond `ProtocolLimit.text` is left out.
    mutating func write(clipped text: String) {
        guard text.utf8.count > ProtocolLimit.text else { return write(text) }
        var end = text.utf8.index(text.startIndex, offsetBy: ProtocolLimit.text)
        while end > text.startIndex, String.Index(end, within: text.unicodeScalars) == nil { end = text.utf8.index(before: end) }
        write(String(text[..<end]))
    }
}

extension ListenerKind: WireCodable {
    public func encode(to writer: inout WireWriter) {
        switch self {
        case .redirect: writer.write(UInt8(0))
        case .proxy: writer.write(UInt8(1))
        case .dns: writer.write(UInt8(2))
        case .dnsStream: writer.write(UInt8(3))
        case .hostPort(let port):
            writer.write(UInt8(4))
            writer.write(port)
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .redirect
        case 1: self = .proxy
        case 2: self = .dns
        case 3: self = .dnsStream
        case 4: self = .hostPort(try reader.read())
        default: throw WireError("unknown kind of listener")
        }
    }
}

extension Destination: WireCodable {
    public func encode(to writer: inout WireWriter) {
        switch self {
        case .name(let name):
            writer.write(UInt8(0))
            writer.write(name)
        case .address(let address):
            writer.write(UInt8(1))
            writer.write(address.value)
        }
    }

    /// A name is bounded but not checked here: the supervisor parses it as a host name.
    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .name(try reader.readString(limit: ProtocolLimit.name))
        case 1: self = .address(IPv4Address(try reader.read()))
        default: throw WireError("unknown kind of destination")
        }
    }
}

extension ApplicationProtocol: WireCodable {
    public func encode(to writer: inout WireWriter) {
        switch self {
        case .tls(let name, let protocols):
            writer.write(UInt8(0))
            writer.writeOptional(name) { $0.write($1) }
            writer.write(protocols) { $0.write($1) }
        case .http: writer.write(UInt8(1))
        case .http2: writer.write(UInt8(2))
        case .other: writer.write(UInt8(3))
        case .silent: writer.write(UInt8(4))
        case .awaited: writer.write(UInt8(5))
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0:
            let name = try reader.readOptional { (one) throws(WireError) in try one.readString(limit: ProtocolLimit.name) }
            let protocols = try reader.readList(limit: ProtocolLimit.protocols) { (one) throws(WireError) in try one.readString(limit: 255)
            }
            self = .tls(serverName: name, protocols: protocols)
        case 1: self = .http
        case 2: self = .http2
        case 3: self = .other
        case 4: self = .silent
        case 5: self = .awaited
        default: throw WireError("unknown application protocol")
        }
    }
}

extension Opening: WireCodable {
    public func encode(to writer: inout WireWriter) {
        destination.encode(to: &writer)
        writer.write(port)
        writer.write(via.rawValue)
        `protocol`.encode(to: &writer)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            destination: try Destination(from: &reader), port: try reader.read(), via: try reader.readCase(),
            protocol: try ApplicationProtocol(from: &reader))
    }
}

extension Denial: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(clipped: rule)
        writer.write(clipped: reason)
        writer.write(clipped: next)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            rule: try reader.readString(limit: ProtocolLimit.text), reason: try reader.readString(limit: ProtocolLimit.text),
            next: try reader.readString(limit: ProtocolLimit.text))
    }
}
