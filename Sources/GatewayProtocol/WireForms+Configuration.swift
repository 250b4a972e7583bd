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
        writer.write(stubs) {
            $0.write($1.id)
            $0.write($1.value)
        }
        key.encode(to: &writer)
        writer.write(fingerprints) {
            $0.write($1.id)
            $0.write($1.length)
            $0.write($1.digest)
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        self.init(
            stubs: try reader.readList(limit: ProtocolLimit.stubs) { (one) throws(WireError) in
                Stub(id: try one.read(), value: try one.readBytes(limit: ProtocolLimit.secret))
            },
            key: try SecretBytes(from: &reader, limit: 64),
            fingerprints: try reader.readList(limit: ProtocolLimit.fingerprints) { (one) throws(WireError) in
                Fingerprint(id: try one.read(), length: try one.read(), digest: try one.readBytes(limit: 64))
            })
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
