// swift-tools-version: 6.1
import PackageDescription

// Executables are linked fully static: they start in 1–2 ms instead of 10, and the warden must run inside any root
// file system, where no Swift runtime exists (docs/architecture.md, "Linking").
let staticExecutable: [LinkerSetting] = [.unsafeFlags(["-static-executable"])]

// FoundationEssentials, which argument parsing and JSON bring along, does not name its own static parts unless everything
// is compiled for a static standard library, and tests cannot be. lld takes archives in any order.
let staticFoundation: [LinkerSetting] = [
    .unsafeFlags(["-use-ld=lld"]), .linkedLibrary("_FoundationCollections"), .linkedLibrary("_FoundationCShims"),
    .linkedLibrary("swiftSynchronization"),
]

// What reads and writes HTTP and TLS: the gateway only, never the warden or the command line.
let networking: [Target.Dependency] = [
    .product(name: "NIOCore", package: "swift-nio"), .product(name: "NIOPosix", package: "swift-nio"),
    .product(name: "NIOConcurrencyHelpers", package: "swift-nio"), .product(name: "NIOHTTP1", package: "swift-nio"),
    .product(name: "NIOTLS", package: "swift-nio"), .product(name: "NIOSSL", package: "swift-nio-ssl"),
    .product(name: "NIOHTTP2", package: "swift-nio-http2"), .product(name: "NIOHPACK", package: "swift-nio-http2"),
    .product(name: "Crypto", package: "swift-crypto"), .product(name: "SwiftASN1", package: "swift-asn1"),
]

// A benchmark that counts allocations leads them through counters of its own (Benchmarks/Policy/HeapCount.swift).
let countedHeap: [LinkerSetting] = [
    .unsafeFlags(["malloc", "calloc", "realloc", "aligned_alloc", "posix_memalign"].flatMap { ["-Xlinker", "--wrap=\($0)"] })
]

// The test build can leave out one named protection, so that each escape test can show that it would fail without it.
// A release build has no such switch (docs/security.md, "How it is tested").
let testHooks: [SwiftSetting] = [.define("COOP_TEST_HOOKS", .when(configuration: .debug))]

let package = Package(
    name: "coop",
    products: [
        .executable(name: "coop", targets: ["coop"]),
        .executable(name: "coop-warden", targets: ["Warden"]),
        .executable(name: "coop-gateway", targets: ["Gateway"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-asn1", from: "1.7.4"),
        .package(url: "https://github.com/apple/swift-crypto", from: "4.5.2"),
        .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
        .package(url: "https://github.com/apple/swift-nio-http2", from: "1.46.0"),
        .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    ],
    targets: [
        .target(name: "CBytes"),
        .target(name: "CLinux"),
        .target(name: "CoopErrors"),
        .target(name: "LinuxKernel", dependencies: ["CLinux"], swiftSettings: testHooks),
        .target(name: "Netlink", dependencies: ["CLinux", "LinuxKernel"]),
        .target(name: "Seccomp", dependencies: ["CoopErrors"]),
        .target(name: "TOML"),
        .target(name: "Policy", dependencies: ["CBytes", "CoopErrors", "LinuxKernel", "TOML"], resources: [.embedInCode("Bundles/Data")]),
        .target(name: "FrameTransport", dependencies: ["CLinux", "LinuxKernel"]),
        .target(name: "WardenProtocol", dependencies: ["FrameTransport"]),
        .target(name: "GatewayProtocol", dependencies: ["FrameTransport", "Substitution"]),
        .target(name: "WorkerConfinement", dependencies: ["CLinux", "Seccomp"]),
        .target(
            name: "GatewayEngine",
            dependencies: ["CLinux", "GatewayProtocol", "LinuxKernel", "Policy", "Seccomp", "Substitution", "WorkerConfinement"]),
        .target(
            name: "Certificates",
            dependencies: [.product(name: "Crypto", package: "swift-crypto"), .product(name: "SwiftASN1", package: "swift-asn1")]),
        .target(name: "HTTPGateway", dependencies: ["Certificates", "LinuxKernel", "Substitution"] + networking),
        .executableTarget(
            name: "Gateway",
            dependencies: ["CLinux", "Certificates", "GatewayEngine", "GatewayProtocol", "HTTPGateway", "LinuxKernel", "Substitution"]
                + networking,
            linkerSettings: staticExecutable + staticFoundation),
        .executableTarget(
            name: "Warden", dependencies: ["CLinux", "LinuxKernel", "Netlink", "WardenProtocol"],
            swiftSettings: testHooks, linkerSettings: staticExecutable),
        .target(name: "Sandbox", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Policy", "WardenProtocol"]),
        .target(
            name: "Forwarding",
            dependencies: [
                "CLinux", "LinuxKernel", "Sandbox", "Substitution", "WardenProtocol", .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .testTarget(name: "ForwardingTests", dependencies: ["Forwarding"]),
        .target(
            name: "Egress",
            dependencies: ["Audit", "CLinux", "CoopErrors", "GatewayProtocol", "LinuxKernel", "Policy", "Sandbox", "Substitution", "Vault"]),
        .target(
            name: "NativeEngine",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "WardenProtocol", "Seccomp", "Sandbox"],
            swiftSettings: testHooks),
        .target(
            name: "Agents", dependencies: ["CoopErrors", "LinuxKernel", "Projects", "TOML", "Vault"], exclude: ["Data"],
            plugins: ["EmbedData"]),
        .plugin(name: "EmbedData", capability: .buildTool(), exclude: ["embed.sh"]),
        .testTarget(name: "AgentsTests", dependencies: ["Agents", "CoopErrors", "LinuxKernel"]),
        .target(name: "Projects", dependencies: ["CoopErrors", "LinuxKernel", "TOML"]),
        .systemLibrary(name: "CYAML", providers: [.apt(["libyaml-dev"])]),
        .target(name: "ConfigurationImport", dependencies: ["CYAML", "CoopErrors", "LinuxKernel", "Projects", "TOML"]),
        .target(name: "Substitution", dependencies: [.product(name: "Crypto", package: "swift-crypto")]),
        .testTarget(name: "SubstitutionTests", dependencies: ["Substitution", "TestSupport"]),
        .target(
            name: "Vault",
            dependencies: [
                "CLinux", "CoopErrors", "LinuxKernel", "TOML", "Substitution", .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("Providers")], swiftSettings: testHooks),
        .testTarget(name: "VaultTests", dependencies: ["Vault", "Substitution", "CoopErrors", "LinuxKernel", "TestSupport"]),
        .target(name: "Workspaces", dependencies: ["CLinux", "CoopErrors", "LinuxKernel"]),
        .testTarget(name: "WorkspacesTests", dependencies: ["Workspaces", "CoopErrors", "LinuxKernel", "TestSupport"]),
        // What is done in a working tree, and how it reaches the user's: changes, what they would make the host do, how they land.
        .target(
            name: "Review", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "TOML", "Workspaces"],
            resources: [.embedInCode("Landing/Data")], swiftSettings: testHooks),
        .target(
            name: "Overlays", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Review", "Workspaces"], swiftSettings: testHooks),
        .target(
            name: "Tasks", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Review", "Workspaces"], swiftSettings: testHooks),
        .testTarget(name: "ReviewTests", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Review", "TestSupport", "Workspaces"]),
        .testTarget(
            name: "OverlaysTests", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Overlays", "Review", "TestSupport", "Workspaces"]),
        .testTarget(
            name: "TasksTests", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Review", "Tasks", "TestSupport", "Workspaces"]),
        .target(
            name: "Audit",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", .product(name: "Crypto", package: "swift-crypto")]),
        .testTarget(
            name: "AuditTests",
            dependencies: [
                "Audit", "CLinux", "CoopErrors", "LinuxKernel", "TestSupport", .product(name: "Crypto", package: "swift-crypto"),
            ]),
        .executableTarget(
            name: "audit-benchmark", dependencies: ["Audit", "CoopErrors", "LinuxKernel"], path: "Benchmarks/Audit",
            linkerSettings: staticExecutable + staticFoundation),
        .testTarget(
            name: "HTTPGatewayTests",
            dependencies: ["Certificates", "HTTPGateway", "LinuxKernel", "Substitution", "TestSupport"] + networking),
        .executableTarget(
            name: "http-gateway-benchmark",
            dependencies: ["Certificates", "HTTPGateway", "LinuxKernel", "Substitution"] + networking,
            path: "Benchmarks/HTTPGateway", linkerSettings: staticExecutable + staticFoundation),
        // What a session leaves: its log and its terminal.
        .systemLibrary(name: "CSQLite", providers: [.apt(["libsqlite3-dev"])]),
        .target(
            name: "EventLog",
            dependencies: ["CLinux", "CSQLite", "CoopErrors", "LinuxKernel", .product(name: "Crypto", package: "swift-crypto")]),
        .testTarget(name: "EventLogTests", dependencies: ["CoopErrors", "EventLog", "LinuxKernel", "TestSupport"]),
        .target(
            name: "CVTerm", exclude: ["libvterm/screen.c", "libvterm/LICENSE", "libvterm/fullwidth.inc", "libvterm/encoding"],
            // A debug build would have it write to standard error.
            cSettings: [.unsafeFlags(["-UDEBUG", "-std=gnu11"])]),
        .target(name: "TerminalModel", dependencies: ["CVTerm"]),
        .testTarget(name: "TerminalModelTests", dependencies: ["LinuxKernel", "TerminalModel", "TestSupport"]),
        .target(
            name: "ConfinedTerminal",
            dependencies: [
                "CLinux", "CoopErrors", "EventLog", "FrameTransport", "LinuxKernel", "Seccomp", "TerminalModel", "WorkerConfinement",
            ]),
        .testTarget(
            name: "ConfinedTerminalTests",
            dependencies: [
                "CLinux", "ConfinedTerminal", "CoopErrors", "EventLog", "FrameTransport", "LinuxKernel", "Seccomp", "TerminalModel",
                "TestSupport",
            ]),
        .testTarget(
            name: "SessionReadingTests",
            dependencies: ["CLinux", "CoopErrors", "EventLog", "LinuxKernel", "Sandbox", "Sessions", "TestSupport"],
            exclude: ["bot.py", "subscribers.py"]),
        .target(
            name: "AgentEvents", dependencies: ["CoopErrors", "EventLog", "LinuxKernel", "TOML"], exclude: ["Data"],
            plugins: ["EmbedData"]),
        .testTarget(
            name: "AgentEventsTests", dependencies: ["AgentEvents", "CoopErrors", "EventLog", "LinuxKernel"], exclude: ["Transcripts"]),
        .target(
            name: "WebSocket", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", .product(name: "Crypto", package: "swift-crypto")]),
        .testTarget(
            name: "WebSocketTests", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "TestSupport", "WebSocket"],
            exclude: ["client.py"]),
        .target(
            name: "Sessions",
            dependencies: [
                "AgentEvents", "CLinux", "ConfinedTerminal", "CoopErrors", "EventLog", "LinuxKernel", "Sandbox", "Substitution",
                "TerminalModel", "WardenProtocol",
            ]),
        .testTarget(
            name: "SessionsTests",
            dependencies: [
                "CLinux", "CoopErrors", "EventLog", "LinuxKernel", "Sandbox", "Sessions", "Substitution", "TestSupport", "WardenProtocol",
            ]),
        .executableTarget(
            name: "event-log-benchmark", dependencies: ["CLinux", "CoopErrors", "EventLog", "LinuxKernel", "WebSocket"],
            path: "Benchmarks/EventLog",
            linkerSettings: staticExecutable + staticFoundation),
        .executableTarget(
            name: "coop",
            dependencies: [
                "AgentEvents", "Agents", "Audit", "Certificates", "CLinux", "ConfigurationImport", "CoopErrors", "Egress", "EventLog",
                "Forwarding", "GatewayProtocol", "LinuxKernel", "NativeEngine", "Policy", "Projects", "Sandbox", "Seccomp", "Sessions",
                "Substitution", "TOML", "TerminalModel", "Vault", "WardenProtocol", "WebSocket", "Workspaces",
                "ConfinedTerminal", "Overlays", "Review", "Tasks",
                .product(name: "ArgumentParser", package: "swift-argument-parser"), .product(name: "Crypto", package: "swift-crypto"),
            ],
            swiftSettings: testHooks, linkerSettings: staticExecutable + staticFoundation),
        // The outside of a sandbox whose traffic is captured, for tests: it must run as other users than the test does.
        .executableTarget(
            name: "GatewayAcceptor", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "NativeEngine", "Sandbox", "WardenProtocol"],
            path: "Tests/GatewayAcceptor", swiftSettings: testHooks, linkerSettings: staticExecutable),
        // Changes trees as a landing does, for tests: they kill it, and run it as other users than their own.
        .executableTarget(
            name: "TreeChanger", dependencies: ["CLinux", "LinuxKernel", "Review", "Workspaces"], path: "Tests/TreeChanger",
            swiftSettings: testHooks, linkerSettings: staticExecutable),
        .target(name: "TestSupport", dependencies: ["CLinux", "LinuxKernel"], path: "Tests/TestSupport", exclude: ["upstream.py"]),
        .testTarget(name: "EscapeTests", dependencies: ["CLinux", "LinuxKernel", "TestSupport"], exclude: ["Attacks"]),
        .testTarget(
            name: "EndToEndTests", dependencies: ["CLinux", "LinuxKernel", "TestSupport"], exclude: ["Agents", "Clients", "Work"]),
        .testTarget(name: "LinuxKernelTests", dependencies: ["LinuxKernel"]),
        .testTarget(name: "NetlinkTests", dependencies: ["CLinux", "LinuxKernel", "Netlink", "TestSupport"]),
        .testTarget(name: "WardenProtocolTests", dependencies: ["CLinux", "LinuxKernel", "WardenProtocol"]),
        .testTarget(
            name: "GatewayTests",
            dependencies: [
                "CLinux", "Certificates", "GatewayEngine", "GatewayProtocol", "LinuxKernel", "Seccomp", "Substitution", "TestSupport",
            ]),
        .testTarget(
            name: "GatewayProtocolTests", dependencies: ["CLinux", "GatewayProtocol", "LinuxKernel", "Substitution", "TestSupport"]),
        .testTarget(name: "SeccompTests", dependencies: ["Seccomp", "CoopErrors", "TestSupport"]),
        .testTarget(
            name: "NativeEngineTests",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "NativeEngine", "Sandbox", "WardenProtocol", "TestSupport"]),
        .testTarget(
            name: "SandboxTests", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Sandbox", "TestSupport", "WardenProtocol"]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Sandbox", "WardenProtocol", "NativeEngine", "TestSupport"],
            exclude: ["Golden", "Imports"]),
        .testTarget(name: "TOMLTests", dependencies: ["TOML", "TestSupport"]),
        .testTarget(name: "PolicyTests", dependencies: ["CoopErrors", "LinuxKernel", "Policy", "TOML", "TestSupport"]),
        .executableTarget(
            name: "policy-benchmark", dependencies: ["CoopErrors", "Policy"], path: "Benchmarks/Policy",
            linkerSettings: staticExecutable + countedHeap),
        .testTarget(name: "ProjectsTests", dependencies: ["CoopErrors", "LinuxKernel", "Projects", "TOML"]),
    ],
    swiftLanguageModes: [.v6]
)

// `make build` wants the three programs and what they consist of, as one graph: built one after the other they leave processors idle.
if Context.environment["COOP_PROGRAMS_ONLY"] != nil {
    var needed: Set<String> = ["coop", "Warden", "Gateway"]
    var open = needed
    while let name = open.popFirst() {
        for dependency in package.targets.first(where: { $0.name == name })?.dependencies ?? [] {
            if case .byNameItem(let name, _) = dependency, needed.insert(name).inserted { open.insert(name) }
        }
    }
    package.targets.removeAll { $0.type != .plugin && !needed.contains($0.name) }
}
