import Glibc
import WardenProtocol
import Testing

/// How many random inputs each property gets; `COOP_FUZZ_ITERATIONS` for a long run.
let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000

/// Random values of the protocol.
struct Generator {
    var random = SystemRandomNumberGenerator()

    mutating func number<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        Bool.random(using: &random)
            ? Value.random(in: .min ... .max, using: &random) : [.min, .max, 0, 1].randomElement(using: &random) ?? 0
    }

    mutating func bytes(_ limit: Int = 40) -> [UInt8] { (0..<Int.random(in: 0...limit, using: &random)).map { _ in number() } }

    mutating func text() -> String {
        let pieces = [
            "", "/", "a", "é", "\u{301}", "\u{10FF80}", "\0", "name with spaces", "=", "..", "\n", String(repeating: "x", count: 300),
        ]
        return (0..<Int.random(in: 0...4, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
    }

    mutating func list<Element>(_ limit: Int, _ make: (inout Generator) -> Element) -> [Element] {
        (0..<Int.random(in: 0...limit, using: &random)).map { _ in make(&self) }
    }

    mutating func owner() -> Owner { Bool.random(using: &random) ? .warden : .workload }
    mutating func restrictions() -> MountRestrictions { MountRestrictions(rawValue: UInt8.random(in: 0...15, using: &random)) }

    mutating func operation() -> PlanOperation {
        switch Int.random(in: 0..<28, using: &random) {
        case 0: .privateMounts
        case 1: .root(bytes: number(), inodes: number())
        case 2: .directory(path: text(), mode: number(), owner: owner())
        case 3: .file(path: text(), contents: bytes(), mode: number())
        case 4: .symlink(path: text(), destination: text())
        case 5: .bind(source: text(), target: text(), restrictions: restrictions(), recursive: Bool.random(using: &random))
        case 6: .pin(path: text())
        case 7: .readOnly(path: text())
        case 8: .mask(path: text())
        case 9: .tmpfs(target: text(), bytes: number(), inodes: number(), mode: number(), owner: owner(), restrictions: restrictions())
        case 10: .proc(target: text())
        case 11: .terminals(target: text())
        case 12: .messageQueues(target: text())
        case 13: .enterRoot
        case 14: .hostname(text())
        case 15: .loopback
        case 16: .kernelSetting(path: text(), value: text())
        case 17: .resourceLimit(resource: number(), name: text(), soft: number(), hard: number())
        case 18: .landlock(handled: number(), scopes: number(), rules: list(4) { LandlockRule(path: $0.text(), access: $0.number()) })
        case 19: .dropPrivileges(keep: number())
        case 20: .gatewayRoute(address: text())
        case 21: .listen(socket())
        case 23: .homeFile(path: text(), contents: bytes())
        case 24:
            .cover(
                path: text(), files: list(4) { CoverFile(name: $0.text(), parts: $0.parts()) }, isDirectory: Bool.random(using: &random))
        case 25: .compose(path: text(), parts: parts())
        case 26:
            .overlay(
                lower: text(), upper: text(), work: text(), target: text(), restrictions: restrictions(),
                isGiven: Bool.random(using: &random))
        case 22: .gatewayRules(address: text(), redirectPort: number(), dnsPort: number())
        default: .seccomp(name: text(), program: bytes())
        }
    }

    mutating func parts() -> [FilePart] {
        list(3) { Bool.random(using: &$0.random) ? .bytes($0.bytes()) : .range(source: $0.text(), offset: $0.number(), count: $0.number()) }
    }

    mutating func socket() -> ListeningSocket {
        let purpose = ListeningSocket.Purpose.allCases.randomElement(using: &random) ?? .redirect
        return ListeningSocket(purpose, port: number(), isIPv6: Bool.random(using: &random))
    }

    mutating func plan() -> LaunchPlan {
        LaunchPlan(
            workload: Identity(user: number(), group: number()), warden: Identity(user: number(), group: number()),
            operations: list(30) { $0.operation() })
    }

    mutating func request() -> ProcessRequest {
        let streams: [StandardStream] = (0..<3).map { _ in [.passed, .terminal, .null].randomElement(using: &random) ?? .null }
        return ProcessRequest(
            id: number(), arguments: [text()] + list(5) { $0.text() }, environment: list(5) { $0.text() }, workingDirectory: text(),
            streams: streams, rows: number(), columns: number(), controlsTerminal: Bool.random(using: &random),
            isMain: Bool.random(using: &random))
    }

    mutating func frame() -> Frame {
        switch Int.random(in: 0..<29, using: &random) {
        case 12: .control(.report)
        case 13:
            .control(
                .change(
                    NetworkChange(Bool.random(using: &random) ? .allow : .deny, hosts: list(5) { "host\($0.number(UInt8.self)).example" })))
        case 14: .attend
        case 15: .answer(id: number(), Consent.allCases.randomElement(using: &random) ?? .no)
        case 16: .reply(Bool.random(using: &random) ? .report(text()) : .refused(code: text(), what: text(), why: text(), next: text()))
        case 17: .question(id: number(), text: text())
        case 18: .settled(id: number())
        case 19: .connect(id: number(), port: number())
        case 20: .connected(id: number(), errno: number())
        case 21: .attach(rows: number(), columns: number(), isReadOnly: Bool.random(using: &random))
        case 22: .resize(rows: number(), columns: number())
        case 23:
            .type(
                TypedInput(
                    pieces: list(4) { Bool.random(using: &$0.random) ? .text($0.bytes()) : .keys($0.bytes()) },
                    whenIdle: Bool.random(using: &random)))
        case 24: .detachAll
        case 25: .attached(offset: number(), rows: number(), columns: number())
        case 26: .resized(rows: number(), columns: number())
        case 27: .detached
        case 28: .notice(text())
        case 0: .plan(plan())
        case 1: .start(request())
        case 2: .signal(.command(number()), UInt8.random(in: 1...64, using: &random))
        case 3: .signal(.everything, UInt8.random(in: 1...64, using: &random))
        case 4: .end
        case 5: .ready(checks: number())
        case 6: .failed(step: text(), subject: text(), errno: number(), reason: text())
        case 7: .started(id: number(), pid: number())
        case 10: .listeners(list(6) { $0.socket() })
        case 8: .stopped(id: number(), signal: number())
        case 9:
            .exited(
                id: number(),
                [.exited(number()), .signaled(number()), .notStarted(step: text(), errno: number())].randomElement(using: &random)
                    ?? .exited(0))
        default: .ended
        }
    }
}

@Suite struct FrameTests {
    @Test("every frame survives the wire")
    func roundTrip() throws {
        var generator = Generator()
        for _ in 0..<iterations {
            let frame = generator.frame()
            let count = Int.random(in: 0...16)
            let bytes = frame.encoded(descriptors: count)
            let length = bytes.prefix(4).enumerated().reduce(0) { $0 | Int($1.element) << (8 * $1.offset) }
            try #require(length == bytes.count - 4)
            let decoded = try Frame.decode(Array(bytes.dropFirst(4)))
            try #require(decoded.frame == frame && decoded.descriptors == count)
        }
    }

    @Test("a frame that is cut short or has bytes left over is refused")
    func truncation() {
        var generator = Generator()
        for _ in 0..<min(iterations, 400) {
            let body = Array(generator.frame().encoded(descriptors: 0).dropFirst(4))
            let cut = Int.random(in: 0..<body.count)
            #expect(throws: WireError.self) { try Frame.decode(Array(body[..<cut])) }
            #expect(throws: WireError.self) { try Frame.decode(body + [0]) }
        }
    }

    @Test("damaged and random bytes are refused or read as a frame, and never crash")
    func damage() {
        var generator = Generator()
        for round in 0..<iterations {
            var body = round % 2 == 0 ? Array(generator.frame().encoded(descriptors: 0).dropFirst(4)) : generator.bytes(200)
            for _ in 0..<Int.random(in: 1...6) where !body.isEmpty { body[Int.random(in: 0..<body.count)] = generator.number() }
            // What is accepted means the same when it is written and read again.
            guard let decoded = try? Frame.decode(body) else { continue }
            let again = try? Frame.decode(Array(decoded.frame.encoded(descriptors: decoded.descriptors).dropFirst(4)))
            #expect(again?.frame == decoded.frame)
        }
    }

    @Test("a count that promises more than the frame holds reserves nothing", arguments: [UInt32.max, 1 << 31, 1 << 24])
    func hostileCounts(_ count: UInt32) {
        for type in [UInt8(1), 2, 17] {
            var writer = WireWriter()
            writer.write(type)
            writer.write(UInt8(0))
            for _ in 0..<5 { writer.write(count) }
            #expect(throws: WireError.self) { try Frame.decode(writer.bytes) }
        }
    }

    @Test("text that is not UTF-8, unknown types and impossible signals are refused")
    func shapes() {
        #expect(throws: WireError.self) { try Frame.decode([]) }
        for type in UInt8.min...UInt8.max where ![1, 2, 3, 4, 7, 13, 16, 17, 18, 19, 20, 21, 22, 29].contains(type) {
            #expect(throws: WireError.self) { try Frame.decode([type, 0]) }
        }
        #expect(throws: WireError.self) { try Frame.decode([17, 0, 1, 0, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]) }
        for signal: UInt8 in [0, 65, 255] { #expect(throws: WireError.self) { try Frame.decode([3, 0, 1, 1, 0, 0, 0, signal]) } }
        #expect(throws: WireError.self) { try Frame.decode([3, 0, 2, 1, 0, 0, 0, 9]) }
        // Requests, changes and answers that do not exist.
        for body: [UInt8] in [[6, 0, 2], [6, 0, 1, 2, 0, 0, 0, 0], [8, 0, 1, 0, 0, 0, 5], [23, 0, 2]] {
            #expect(throws: WireError.self) { try Frame.decode(body) }
        }
        let crowd = NetworkChange(.allow, hosts: Array(repeating: "h", count: NetworkChange.hostLimit + 1))
        #expect(throws: WireError.self) { try Frame.decode(Array(Frame.control(.change(crowd)).encoded(descriptors: 0).dropFirst(4))) }
    }
}
