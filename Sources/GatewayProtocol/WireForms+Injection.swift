import Substitution

extension SecretBytes {
    func encode(to writer: inout WireWriter) {
        withBytes { bytes in
            writer.write(UInt32(bytes.count))
            writer.write(raw: bytes)
        }
    }

    convenience init(from reader: inout WireReader, limit: Int) throws(WireError) {
        var bytes = try reader.readBytes(limit: limit)
        self.init(wiping: &bytes)
    }
}

extension InjectionPlace {
    func encode(to writer: inout WireWriter) {
        kind.encode(to: &writer)
        writer.writeOptional(whenAbsent) { $0.write($1) }
    }

    init(from reader: inout WireReader) throws(WireError) {
        self.init(
            try InjectionPlace.Kind(from: &reader),
            whenAbsent: try reader.readOptional { (one) throws(WireError) in try one.readString(limit: ProtocolLimit.text) })
    }
}

extension AWSCredential {
    func encode(to writer: inout WireWriter) {
        writer.write(stubKeyID)
        writer.write(stubSecret)
        writer.writeOptional(stubToken) { $0.write($1) }
        keyID.encode(to: &writer)
        secret.encode(to: &writer)
        writer.writeOptional(token) { $1.encode(to: &$0) }
    }

    init(from reader: inout WireReader) throws(WireError) {
        let limit = ProtocolLimit.secret
        self.init(
            stubKeyID: try reader.readString(limit: ProtocolLimit.text), stubSecret: try reader.readBytes(limit: limit),
            stubToken: try reader.readOptional { (one) throws(WireError) in try one.readBytes(limit: limit) },
            keyID: try SecretBytes(from: &reader, limit: limit), secret: try SecretBytes(from: &reader, limit: limit),
            token: try reader.readOptional { (one) throws(WireError) in try SecretBytes(from: &one, limit: limit) })
    }
}

extension Injection {
    func encode(to writer: inout WireWriter) {
        writer.write(clipped: grant)
        switch credential {
        case .token(let stub, let secret):
            writer.write(UInt8(0))
            writer.write(stub)
            secret.encode(to: &writer)
        case .aws(let keys):
            writer.write(UInt8(1))
            keys.encode(to: &writer)
        }
        writer.write(places) { $1.encode(to: &$0) }
        writer.writeOptional(revision) { $0.write($1) }
    }

    init(from reader: inout WireReader) throws(WireError) {
        let grant = try reader.readString(limit: ProtocolLimit.text)
        let credential: Credential
        switch try reader.read(UInt8.self) {
        case 0:
            credential = .token(
                stub: try reader.readBytes(limit: ProtocolLimit.secret), secret: try SecretBytes(from: &reader, limit: ProtocolLimit.secret)
            )
        case 1: credential = .aws(try AWSCredential(from: &reader))
        default: throw WireError("unknown kind of credential")
        }
        self.init(
            grant: grant, credential: credential,
            places: try reader.readList(limit: ProtocolLimit.places) { (one) throws(WireError) in try InjectionPlace(from: &one) },
            revision: try reader.readOptional { (one) throws(WireError) in try one.read(UInt64.self) })
    }

    /// At least the size of its wire form.
    var sizeBound: Int {
        let secrets =
            switch credential {
            case .token(let stub, let secret): stub.count + secret.count
            case .aws(let keys):
                keys.stubKeyID.utf8.count + keys.stubSecret.count + (keys.stubToken?.count ?? 0) + keys.keyID.count + keys.secret.count
                    + (keys.token?.count ?? 0)
            }
        return places.reduce(64 + grant.utf8.count + secrets) { $0 + $1.kind.sizeBound + ($1.whenAbsent?.utf8.count ?? 0) + 8 }
    }
}
