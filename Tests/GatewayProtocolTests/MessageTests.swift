import GatewayProtocol
import Substitution
import Testing

@Suite struct MessageTests {
    private func body(_ message: some WireMessage, descriptors: Int = 0) throws -> [UInt8] {
        let bytes = message.encoded(descriptors: descriptors)
        let length = bytes.prefix(4).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
        try #require(length == bytes.count - 4)
        return Array(bytes.dropFirst(4))
    }

    @Test("every message to the worker survives the wire")
    func supervisorRoundTrip() throws {
        var generator = MessageGenerator(seed: 1)
        for _ in 0..<iterations {
            let message = generator.supervisorMessage()
            let decoded = try SupervisorMessage.decode(try body(message, descriptors: message.descriptors))
            try #require(decoded.frame == message && decoded.descriptors == message.descriptors)
        }
    }

    @Test("every message from the worker survives the wire")
    func workerRoundTrip() throws {
        var generator = MessageGenerator(seed: 2)
        for _ in 0..<iterations {
            let message = generator.workerMessage()
            try #require(try WorkerMessage.decode(try body(message)).frame == message)
        }
    }

    @Test("a message that is cut short or has bytes left over is refused")
    func truncation() throws {
        var generator = MessageGenerator(seed: 3)
        for _ in 0..<400 {
            let message = generator.supervisorMessage()
            let toWorker = try body(message, descriptors: message.descriptors)
            let cut = generator.pick(toWorker.count)
            #expect(throws: WireError.self) { try SupervisorMessage.decode(Array(toWorker[..<cut])) }
            #expect(throws: WireError.self) { try SupervisorMessage.decode(toWorker + [0]) }
            let fromWorker = try body(generator.workerMessage())
            let end = generator.pick(fromWorker.count)
            #expect(throws: WireError.self) { try WorkerMessage.decode(Array(fromWorker[..<end])) }
            #expect(throws: WireError.self) { try WorkerMessage.decode(fromWorker + [0]) }
        }
    }

    @Test("damaged and random bytes are refused or read as a message, and never crash")
    func damage() throws {
        var generator = MessageGenerator(seed: 4)
        for _ in 0..<iterations {
            let message = generator.supervisorMessage()
            var bytes = generator.pick(4) == 0 ? generator.bytes(200) : try body(message, descriptors: message.descriptors)
            for _ in 0..<generator.pick(4) where !bytes.isEmpty { bytes[generator.pick(bytes.count)] = generator.number() }
            _ = try? SupervisorMessage.decode(bytes)
            var hostile = generator.pick(4) == 0 ? generator.bytes(200) : try body(generator.workerMessage())
            for _ in 0..<generator.pick(4) where !hostile.isEmpty { hostile[generator.pick(hostile.count)] = generator.number() }
            if let read = try? WorkerMessage.decode(hostile).frame {
                // What was accepted has one meaning: it is written and read again as the same.
                try #require(try WorkerMessage.decode(try body(read)).frame == read)
            }
        }
    }

    @Test("a worker's message with descriptors, and a supervisor's with the wrong number of them, is refused")
    func descriptorCounts() throws {
        let hostile = try body(WorkerMessage.ready(version: 1), descriptors: 1)
        #expect(throws: WireError.self) { try WorkerMessage.decode(hostile) }
        for (message, count) in [(SupervisorMessage.listener(.dns), 0), (.connected(1, 1), 2), (.pass(1), 1)] {
            let bytes = try body(message, descriptors: count)
            #expect(throws: WireError.self) { try SupervisorMessage.decode(bytes) }
        }
    }

    private func head(
        method: Int = 1, authority: Int = 1, path: Int = 1, stubs: Int = 0, sightings: Int = 1
    ) -> GatewayProtocol.RequestHead {
        GatewayProtocol.RequestHead(
            method: String(repeating: "M", count: method), scheme: "https", authority: String(repeating: "a", count: authority),
            path: String(repeating: "p", count: path),
            sightings: Array(
                repeating: .init(kind: .path, stubs: Array(repeating: 1, count: stubs), isWhole: false), count: sightings))
    }

    @Test("a field at its limit is accepted, one byte or element beyond it is not")
    func requestBoundaries() throws {
        let cases = [
            (head(path: ProtocolLimit.path), head(path: ProtocolLimit.path + 1)),
            (head(method: ProtocolLimit.method), head(method: ProtocolLimit.method + 1)),
            (head(authority: ProtocolLimit.name + 6), head(authority: ProtocolLimit.name + 7)),
            (head(stubs: ProtocolLimit.stubs), head(stubs: ProtocolLimit.stubs + 1)),
            (head(sightings: ProtocolLimit.sightings), head(sightings: ProtocolLimit.sightings + 1)),
        ]
        for (within, beyond) in cases {
            let accepted = WorkerMessage.request(1, 1, within)
            #expect(try WorkerMessage.decode(try body(accepted)).frame == accepted)
            #expect(accepted.encoded(descriptors: 0).count <= WorkerMessage.sizeLimit)
            let refused = try body(WorkerMessage.request(1, 1, beyond))
            #expect(throws: WireError.self) { try WorkerMessage.decode(refused) }
        }
    }

    @Test("limits of nothing, more names than addresses and keys of the wrong length are refused")
    func configurations() throws {
        for field in [\WorkerLimits.connections, \.names, \.handshakeSeconds, \.verdictSeconds, \.idleSeconds, \.headBytes, \.pooled] {
            var configuration = WorkerConfiguration()
            configuration.limits[keyPath: field] = 0
            let bytes = try body(SupervisorMessage.configure(configuration))
            #expect(throws: WireError.self) { try SupervisorMessage.decode(bytes) }
        }
        var configuration = WorkerConfiguration()
        configuration.limits.names = 1 << 17
        let names = try body(SupervisorMessage.configure(configuration))
        #expect(throws: WireError.self) { try SupervisorMessage.decode(names) }
        configuration = WorkerConfiguration(authority: SandboxAuthority(key: SecretBytes(copying: [1, 2]), certificate: []))
        let key = try body(SupervisorMessage.configure(configuration))
        #expect(throws: WireError.self) { try SupervisorMessage.decode(key) }
    }

    @Test("long text for people is cut at a whole character, never refused")
    func clipping() throws {
        let long = String(repeating: "é", count: ProtocolLimit.text)
        let decoded = try WorkerMessage.decode(try body(WorkerMessage.incident(1, .malformed, detail: "a" + long))).frame
        guard case .incident(1, .malformed, let detail) = decoded else { throw WireError("another message") }
        #expect(detail.utf8.count <= ProtocolLimit.text && detail.utf8.count > ProtocolLimit.text - 4 && long.hasPrefix(detail.dropFirst()))
    }
}
