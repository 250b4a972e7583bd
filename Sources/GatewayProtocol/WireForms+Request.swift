import Substitution

extension InjectionPlace.Kind {
    func encode(to writer: inout WireWriter) {
        switch self {
        case .header(let name):
            writer.write(UInt8(0))
            writer.write(clipped: name)
        case .basic: writer.write(UInt8(1))
        case .query(let name):
            writer.write(UInt8(2))
            writer.write(clipped: name)
        case .path: writer.write(UInt8(3))
        case .body: writer.write(UInt8(4))
        case .cookie(let name):
            writer.write(UInt8(5))
            writer.write(clipped: name)
        }
    }

    init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .header(try reader.readString(limit: ProtocolLimit.text))
        case 1: self = .basic
        case 2: self = .query(try reader.readString(limit: ProtocolLimit.text))
        case 3: self = .path
        case 4: self = .body
        case 5: self = .cookie(try reader.readString(limit: ProtocolLimit.text))
        default: throw WireError("unknown place of a credential")
        }
    }

    /// At least the size of its wire form.
    var sizeBound: Int {
        switch self {
        case .header(let name), .query(let name), .cookie(let name): 8 + name.utf8.count
        case .basic, .path, .body: 1
        }
    }
}

extension CredentialSurvey.Sighting {
    func encode(to writer: inout WireWriter) {
        kind.encode(to: &writer)
        writer.write(stubs) { $0.write(UInt32(clamping: $1)) }
        writer.write(isWhole)
    }

    init(from reader: inout WireReader) throws(WireError) {
        self.init(
            kind: try InjectionPlace.Kind(from: &reader),
            stubs: try reader.readList(limit: ProtocolLimit.stubs) { (one) throws(WireError) in Int(try one.read(UInt32.self)) },
            isWhole: try reader.readBool())
    }
}

extension RequestHead: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(method)
        writer.write(scheme)
        writer.write(authority)
        writer.write(path)
        writer.write(sightings) { $1.encode(to: &$0) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            method: try reader.readString(limit: ProtocolLimit.method), scheme: try reader.readString(limit: 8),
            authority: try reader.readString(limit: ProtocolLimit.name + 6), path: try reader.readString(limit: ProtocolLimit.path),
            sightings: try reader.readList(limit: ProtocolLimit.sightings) { (one) throws(WireError) in
                try CredentialSurvey.Sighting(from: &one)
            })
    }
}
