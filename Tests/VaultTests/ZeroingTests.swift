import CoopErrors
import LinuxKernel
import Substitution
import TestSupport
import Testing

@testable import Vault

/// What is done with a value leaves no copy of it in this process.
@Suite(.serialized) struct ZeroingTests {
    /// Text that no constant of the program holds, in two halves.
    static func halves() -> ([UInt8], [UInt8]) {
        func half() -> [UInt8] {
            (0..<12).map { _ in Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".utf8).randomElement() ?? 65 }
        }
        return (half(), half())
    }

    static func secret(_ first: [UInt8], _ second: [UInt8]) -> SecretBytes {
        SecretBytes(count: 24) {
            $0.copyBytes(from: first)
            UnsafeMutableRawBufferPointer(rebasing: $0[12...]).copyBytes(from: second)
        }
    }

    @Test func storingListingAndFinding() throws {
        let place = try Scratch()
        let store = SecretStoreTests.store(place)
        let name = try SecretName("T")
        let (first, second) = Self.halves()
        try store.set(name, Self.secret(first, second), scope: .global)
        #expect(try store.list().count == 1)
        do {
            let found = try store.find(name)
            let isThere = try OwnMemory.holds(first, second, times: 1)
            withExtendedLifetime(found) { #expect(isThere) }
        }
        #expect(try OwnMemory.holds(first, second, times: 0))
    }

    @Test func programsAndFiles() throws {
        let place = try Scratch()
        let (first, second) = Self.halves()
        let resolver = SecretSourceTests.resolver(place)
        do {
            let file = try Descriptor.open(place.path("token"), 0o1101, mode: 0o600)
            try file.writeAll(first)
            try file.writeAll(second)
        }
        for source in ["file:~/token", "cmd:cat \(place.path("token"))"] {
            do {
                let value = try resolver.value(try SecretSource(source))
                #expect(value.count == 24)
            }
            #expect(try OwnMemory.holds(first, second, times: 0), "\(source)")
        }
    }

    @Test func aRequestWithItsCredential() throws {
        let (first, second) = Self.halves()
        do {
            let grants = CompiledGrants([
                GrantedCredential(
                    name: "g",
                    rules: [
                        .init(
                            domains: [try GrantDomain("a.example")], places: [InjectionPlace(.header("x"), whenAbsent: "{value}")],
                            paths: [])
                    ], stubs: ["stub-stub-stub-stub"]
                ) { Self.secret(first, second) }
            ])
            guard case .inject(let injections, _) = grants.decide(host: "a.example", port: 443, path: "/", sightings: []) else {
                Issue.record("nothing to inject")
                return
            }
            #expect(PatternTable.scrubbing(injections).longest > 24)
        }
        #expect(try OwnMemory.holds(first, second, times: 0))
    }

    @Test func aSessionGathersEverything() throws {
        let place = try Scratch()
        let store = SecretStoreTests.store(place)
        try store.set(try SecretName("GH"), SecretBytes(copying: "ghp_0123456789abcdef".utf8), scope: .global)
        try store.set(try SecretName("OTHER"), SecretBytes(copying: "another secret".utf8), scope: .global)
        let login = try OAuthGrant(
            OAuthRefresher(try OAuthTests.file(.claude, OAuthTests.claude, place), transport: OAuthTests.Server().transport, now: { 1000 }),
            stubs: OAuthTests.maker)
        let grant = Grant(name: "github", provider: try ProviderCatalog.find("github"), source: .stored("GH"))
        let session = try SessionGrants([grant], logins: [login], stubs: OAuthTests.maker, resolver: SecretSourceTests.resolver(place))
        #expect(session.given.files.map(\.service.path) == [".claude/.credentials.json"])
        #expect(session.given.variables.keys.sorted() == ["GH_TOKEN", "GITHUB_TOKEN"])
        try session.compiled.verify()
        let watched = try session.watched(stored: try store.all())
        #expect(watched.map(\.name) == ["github", "claude", "claude", "OTHER"])
        #expect(session.login(method: "POST", host: "console.anthropic.com", port: 443, path: "/v1/oauth/token") != nil)
        #expect(session.login(method: "POST", host: "api.anthropic.com", port: 443, path: "/v1/oauth/token") == nil)
        // The host that refreshes tokens must be inspected, and takes no credential.
        #expect(session.compiled.isPinned("console.anthropic.com", port: 443))
        guard
            case .inject(let none, _) = session.compiled.decide(
                host: "console.anthropic.com", port: 443, path: "/v1/oauth/token", sightings: [])
        else {
            Issue.record("the request for new tokens is refused")
            return
        }
        #expect(none.isEmpty)
        #expect(throws: CoopError.self) {
            try SessionGrants([grant, grant], stubs: OAuthTests.maker, resolver: SecretSourceTests.resolver(place))
        }
    }
}
