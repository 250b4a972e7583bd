extension CredentialPlace: WireCodable {
    public func encode(to writer: inout WireWriter) {
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
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .header(try reader.readString(limit: ProtocolLimit.text))
        case 1: self = .basic
        case 2: self = .query(try reader.readString(limit: ProtocolLimit.text))
        case 3: self = .path
        case 4: self = .body
        default: throw WireError("unknown place of a credential")
        }
    }
}

extension RequestHead: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(method)
        writer.write(scheme)
        writer.write(authority)
        writer.write(path)
        writer.write(stubs) { $0.write($1) }
        writer.write(credentials) { $1.encode(to: &$0) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            method: try reader.readString(limit: ProtocolLimit.method), scheme: try reader.readString(limit: 8),
            authority: try reader.readString(limit: ProtocolLimit.name + 6), path: try reader.readString(limit: ProtocolLimit.path),
            stubs: try reader.readList(limit: ProtocolLimit.stubs) { (one) throws(WireError) in try one.read() },
            credentials: try reader.readList(limit: ProtocolLimit.credentials) { (one) throws(WireError) in try CredentialPlace(from: &one)
            })
    }
}

extension SecretBytes {
    func encode(to writer: inout WireWriter) {
        withBytes { bytes in
            writer.write(UInt32(bytes.count))
            writer.write(raw: bytes)
        }
    }

    convenience init(from reader: inout WireReader, limit: Int) throws(WireError) {
        var bytes = try reader.readBytes(limit: limit)
        defer { bytes.wipe() }
        self.init(bytes)
    }
}

extension Injection: WireCodable {
    public func encode(to writer: inout WireWriter) {
        switch self {
        case .replace(let stub, let secret, let places):
            writer.write(UInt8(0))
            writer.write(stub)
            secret.encode(to: &writer)
            writer.write(places.rawValue)
        case .header(let name, let prefix, let secret, let suffix, let stub):
            writer.write(UInt8(1))
            writer.write(name)
            writer.write(prefix)
            secret.encode(to: &writer)
            writer.write(suffix)
            writer.write(stub)
        case .query(let name, let secret, let stub):
            writer.write(UInt8(2))
            writer.write(name)
            secret.encode(to: &writer)
            writer.write(stub)
        case .basic(let user, let secret, let stub):
            writer.write(UInt8(3))
            writer.write(user)
            secret.encode(to: &writer)
            writer.write(stub)
        case .awsSignature(let stubKeyID, let stubSecretKey, let keyID, let secretKey, let token):
            writer.write(UInt8(4))
            writer.write(stubKeyID)
            writer.write(stubSecretKey)
            writer.write(keyID)
            secretKey.encode(to: &writer)
            writer.writeOptional(token) { $1.encode(to: &$0) }
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        let text = ProtocolLimit.text
        let secret = ProtocolLimit.secret
        switch try reader.read(UInt8.self) {
        case 0:
            let stub = try reader.readBytes(limit: secret)
            let value = try SecretBytes(from: &reader, limit: secret)
            let places = CredentialPlaces(rawValue: try reader.read())
            guard CredentialPlaces.all.isSuperset(of: places) else { throw WireError("unknown place of a credential") }
            self = .replace(stub: stub, secret: value, places: places)
        case 1:
            self = .header(
                name: try reader.readString(limit: text), prefix: try reader.readString(limit: text),
                secret: try SecretBytes(from: &reader, limit: secret), suffix: try reader.readString(limit: text),
                stub: try reader.readBytes(limit: secret))
        case 2:
            self = .query(
                name: try reader.readString(limit: text), secret: try SecretBytes(from: &reader, limit: secret),
                stub: try reader.readBytes(limit: secret))
        case 3:
            self = .basic(
                user: try reader.readString(limit: text), secret: try SecretBytes(from: &reader, limit: secret),
                stub: try reader.readBytes(limit: secret))
        case 4:
            self = .awsSignature(
                stubKeyID: try reader.readString(limit: text), stubSecretKey: try reader.readBytes(limit: secret),
                keyID: try reader.readString(limit: text), secretKey: try SecretBytes(from: &reader, limit: secret),
                sessionToken: try reader.readOptional { (one) throws(WireError) in try SecretBytes(from: &one, limit: secret) })
        default: throw WireError("unknown injection")
        }
    }
}
