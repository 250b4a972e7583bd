extension HeaderText: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(name)
        writer.write(value)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(try reader.readString(limit: ProtocolLimit.text), try reader.readString(limit: ProtocolLimit.path))
    }

    /// At least the size of its wire form.
    var sizeBound: Int { 8 + name.utf8.count + value.utf8.count }
}

extension OutboundRequest: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(method)
        writer.write(host)
        writer.write(port)
        writer.write(isSecure)
        writer.write(path)
        writer.write(fields) { $1.encode(to: &$0) }
        writer.write(body)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            method: try reader.readString(limit: ProtocolLimit.method), host: try reader.readString(limit: ProtocolLimit.name),
            port: try reader.read(), isSecure: try reader.readBool(), path: try reader.readString(limit: ProtocolLimit.path),
            fields: try reader.readList(limit: ProtocolLimit.fields) { (one) throws(WireError) in try HeaderText(from: &one) },
            body: try reader.readBytes(limit: ProtocolLimit.requestBody))
    }

    /// At least the size of its wire form.
    var sizeBound: Int {
        fields.reduce(64 + method.utf8.count + host.utf8.count + path.utf8.count + body.count) { $0 + $1.sizeBound }
    }
}

extension WholeResponse: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(status)
        writer.write(fields) { $1.encode(to: &$0) }
        writer.write(body)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            status: try reader.read(),
            fields: try reader.readList(limit: ProtocolLimit.fields) { (one) throws(WireError) in try HeaderText(from: &one) },
            body: try reader.readBytes(limit: ProtocolLimit.responseBody))
    }

    /// At least the size of its wire form.
    var sizeBound: Int { fields.reduce(32 + body.count) { $0 + $1.sizeBound } }
}
