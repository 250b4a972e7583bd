import GatewayProtocol
import Glibc
import Substitution
import TestSupport

/// How many random inputs each property gets; `COOP_FUZZ_ITERATIONS` for a long run.
let iterations = getenv("COOP_FUZZ_ITERATIONS").flatMap { Int(String(cString: $0)) } ?? 3_000

/// Random messages of the protocol.
struct MessageGenerator {
    var random: SeededGenerator
    init(seed: UInt64) { random = SeededGenerator(seed) }

    mutating func pick(_ bound: Int) -> Int { Int.random(in: 0..<bound, using: &random) }

    mutating func number<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        pick(2) == 0 ? Value.random(in: .min ... .max, using: &random) : [.min, .max, 0, 1][pick(4)]
    }

    mutating func bytes(_ limit: Int = 40) -> [UInt8] { (0..<pick(limit + 1)).map { _ in number() } }
    mutating func secret(_ limit: Int = 40) -> SecretBytes { SecretBytes(copying: bytes(limit)) }

    mutating func text(_ limit: Int = 250) -> String {
        let pieces = ["", "/", "a", "é", "\u{301}", "\u{10FF80}", "\0", "two words", "=", "..", "\r\n", String(repeating: "x", count: 60)]
        var result = ""
        for _ in 0..<pick(5) {
            let piece = pieces[pick(pieces.count)]
            if result.utf8.count + piece.utf8.count <= limit { result += piece }
        }
        return result
    }

    mutating func list<Element>(_ limit: Int, _ make: (inout MessageGenerator) -> Element) -> [Element] {
        (0..<pick(limit + 1)).map { _ in make(&self) }
    }

    mutating func denial() -> Denial { Denial(rule: text(), reason: text(), next: text()) }

    mutating func fingerprints() -> SecretFingerprints {
        SecretFingerprints(list(2) { $0.secret(20) }, key: (0..<32).map { _ in number(UInt8.self) })
    }

    mutating func watch() -> SecretWatch {
        SecretWatch(
            stubs: list(3) { $0.bytes() }, places: list(3) { $0.place() }, schemes: list(3) { $0.text() },
            fingerprints: pick(20) == 0 ? fingerprints() : nil, names: list(3) { $0.text() })
    }

    mutating func configuration() -> WorkerConfiguration {
        var limits = WorkerLimits()
        limits.connections = max(1, number())
        limits.names = UInt32(pick(1 << 17 - 1) + 1)
        limits.idleSeconds = max(1, number())
        let authority = SandboxAuthority(key: SecretBytes(copying: (0..<32).map { _ in number(UInt8.self) }), certificate: bytes())
        return WorkerConfiguration(authority: pick(2) == 0 ? nil : authority, limits: limits, roots: list(3) { $0.bytes() }, watch: watch())
    }

    mutating func credential() -> Injection.Credential {
        if pick(2) == 0 { return .token(stub: bytes(), secret: secret()) }
        return .aws(
            AWSCredential(
                stubKeyID: text(), stubSecret: bytes(), stubToken: pick(2) == 0 ? nil : bytes(), keyID: secret(), secret: secret(),
                token: pick(2) == 0 ? nil : secret()))
    }

    mutating func injection() -> Injection {
        Injection(
            grant: text(), credential: credential(),
            places: list(4) { InjectionPlace($0.place(), whenAbsent: $0.pick(2) == 0 ? nil : $0.text()) },
            revision: pick(2) == 0 ? nil : number())
    }

    mutating func kind() -> ListenerKind { [.redirect, .proxy, .dns, .dnsStream, .hostPort(number())][pick(5)] }

    mutating func supervisorMessage() -> SupervisorMessage {
        switch pick(17) {
        case 0: .configure(configuration())
        case 1: .listener(kind())
        case 2: .watch(watch())
        case 3: .deny(number(), denial())
        case 4: .pass(number())
        case 5: .inspect(number())
        case 6: .raw(number())
        case 7: .connected(number(), number())
        case 8: .unreachable(number(), number(), Unreachable.allCases[pick(Unreachable.allCases.count)])
        case 9: .allowRequest(number(), number(), list(4) { $0.injection() })
        case 10: .denyRequest(number(), number(), denial())
        case 11: .revoke(number())
        case 12: .proceed(number())
        case 13: .collect(number(), number())
        case 14: .respond(number(), number(), response())
        case 15: .fetch(outbound())
        default: .shutdown
        }
    }

    mutating func response() -> WholeResponse {
        WholeResponse(status: number(), fields: list(3) { HeaderText($0.text(), $0.text()) }, body: bytes())
    }

    mutating func outbound() -> OutboundRequest {
        OutboundRequest(
            method: text(60), host: text(), port: number(), isSecure: pick(2) == 0, path: text(),
            fields: list(3) { HeaderText($0.text(), $0.text()) }, body: bytes())
    }

    mutating func opening() -> Opening {
        let name = text(20)
        let protocols: ApplicationProtocol =
            switch pick(6) {
            case 0: .tls(serverName: pick(2) == 0 ? nil : name, protocols: list(3) { $0.text(255) })
            case 1: .http
            case 2: .http2
            case 3: .other
            case 4: .awaited
            default: .silent
            }
        return Opening(
            destination: pick(2) == 0 ? .name(name) : .address(IPv4Address(number())), port: number(),
            via: Via.allCases[pick(Via.allCases.count)], protocol: protocols)
    }

    mutating func place() -> InjectionPlace.Kind {
        [.header(text()), .basic, .query(text()), .cookie(text()), .path, .body][pick(6)]
    }

    mutating func sighting() -> CredentialSurvey.Sighting {
        CredentialSurvey.Sighting(kind: place(), stubs: list(3) { Int($0.number(UInt32.self)) }, isWhole: pick(2) == 0)
    }

    mutating func head() -> GatewayProtocol.RequestHead {
        GatewayProtocol.RequestHead(
            method: text(60), scheme: text(8), authority: text(), path: text(), sightings: list(3) { $0.sighting() })
    }

    mutating func workerMessage() -> WorkerMessage {
        switch pick(11) {
        case 0: .ready(version: number())
        case 1: .open(number(), opening())
        case 2: .dial(number(), number())
        case 3:
            .request(number(), number(), head())
        case 4: .closed(number(), bytesIn: number(), bytesOut: number())
        case 5: .body(number(), number(), bytes())
        case 6: .fetched(response())
        case 7: .notFetched(reason: text())
        case 8: .rejected(number(), number(), head(), grant: text(), revision: number())
        case 9: .abandoned(number(), number())
        default: .incident(number(), IncidentKind.allCases[pick(IncidentKind.allCases.count)], detail: text())
        }
    }
}
