import Substitution

extension WorkerLimits: WireCodable {
    public func encode(to writer: inout WireWriter) {
        for value in [connections, names, handshakeSeconds, verdictSeconds, idleSeconds, headBytes, pooled] { writer.write(value) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init()
        connections = try reader.read()
        names = try reader.read()
        handshakeSeconds = try reader.read()
        verdictSeconds = try reader.read()
        idleSeconds = try reader.read()
        headBytes = try reader.read()
        pooled = try reader.read()
        guard connections > 0, names > 0, handshakeSeconds > 0, verdictSeconds > 0, idleSeconds > 0, headBytes > 0, pooled > 0 else {
            throw WireError("a limit of nothing")
        }
        // The block that synthetic addresses are taken from has no more (RFC 2544).
        guard names < 1 << 17 else { throw WireError("more names than synthetic addresses") }
    }
}

extension SecretWatch: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(stubs) { $0.write($1) }
        writer.write(places) { $1.encode(to: &$0) }
        writer.write(schemes) { $0.write($1) }
        writer.writeOptional(fingerprints) { writer, fingerprints in
            var bytes = fingerprints.encoded()
            writer.write(bytes)
            bytes.wipe()
        }
        writer.write(names) { $0.write(clipped: $1) }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            stubs: try reader.readList(limit: ProtocolLimit.stubs) { (one) throws(WireError) in
                try one.readBytes(limit: ProtocolLimit.secret)
            },
            places: try reader.readList(limit: ProtocolLimit.places) { (one) throws(WireError) in try InjectionPlace.Kind(from: &one) },
            schemes: try reader.readList(limit: ProtocolLimit.places) { (one) throws(WireError) in
                try one.readString(limit: ProtocolLimit.text)
            },
            fingerprints: try reader.readOptional { (one) throws(WireError) in
                var bytes = try one.readBytes(limit: ProtocolLimit.fingerprints)
                defer { bytes.wipe() }
                guard let found = SecretFingerprints(decoding: bytes) else { throw WireError("fingerprints that cannot be read") }
                return found
            },
            names: try reader.readList(limit: ProtocolLimit.secrets) { (one) throws(WireError) in
                try one.readString(limit: ProtocolLimit.text)
            })
    }

    /// At least the size of its wire form.
    var sizeBound: Int {
        let texts = stubs.reduce(0) { $0 + $1.count + 4 } + (schemes + names).reduce(0) { $0 + $1.utf8.count + 4 }
        return texts + places.reduce(64) { $0 + $1.sizeBound } + (fingerprints?.sizeBound ?? 0)
    }
}

extension WorkerConfiguration: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.writeOptional(authority) {
            $1.key.encode(to: &$0)
            $0.write($1.certificate)
        }
        limits.encode(to: &writer)
        writer.write(roots) { $0.write($1) }
        watch.encode(to: &writer)
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            authority: try reader.readOptional { (one) throws(WireError) in
                let key = try SecretBytes(from: &one, limit: 32)
                guard key.count == 32 else { throw WireError("a key of \(key.count) bytes") }
                return SandboxAuthority(key: key, certificate: try one.readBytes(limit: ProtocolLimit.certificate))
            },
            limits: try WorkerLimits(from: &reader),
            roots: try reader.readList(limit: ProtocolLimit.certificates) { (one) throws(WireError) in
                try one.readBytes(limit: ProtocolLimit.certificate)
            },
            watch: try SecretWatch(from: &reader))
    }
}
