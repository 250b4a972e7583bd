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

// The test build can leave out one named protection, so that each escape test can show that it would fail without it.
// A release build has no such switch (docs/security.md, "How it is tested").
let testHooks: [SwiftSetting] = [.define("COOP_TEST_HOOKS", .when(configuration: .debug))]

let package = Package(
    name: "coop",
    products: [
        .executable(name: "coop", targets: ["coop"]),
        .executable(name: "coop-warden", targets: ["Warden"]),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.0"),
        .package(url: "https://github.com/apple/swift-crypto", "4.5.2"..<"5.0.0"),
    ],
    targets: [
        .target(name: "CLinux"),
        .target(name: "CoopErrors"),
        .target(name: "LinuxKernel", dependencies: ["CLinux"]),
        .target(name: "Seccomp", dependencies: ["CoopErrors"]),
        .target(name: "TOML"),
        .target(name: "WardenProtocol", dependencies: ["CLinux", "LinuxKernel"]),
        .executableTarget(
            name: "Warden", dependencies: ["CLinux", "LinuxKernel", "WardenProtocol"],
            swiftSettings: testHooks, linkerSettings: staticExecutable),
        .target(name: "Sandbox", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "WardenProtocol"]),
        .target(
            name: "NativeEngine",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "WardenProtocol", "Seccomp", "Sandbox"],
            swiftSettings: testHooks),
        .target(name: "Projects", dependencies: ["CoopErrors", "LinuxKernel", "TOML"]),
        .target(name: "Substitution", dependencies: [.product(name: "Crypto", package: "swift-crypto")]),
        .testTarget(name: "SubstitutionTests", dependencies: ["Substitution", "TestSupport"]),
        .target(
            name: "Vault",
            dependencies: [
                "CLinux", "CoopErrors", "LinuxKernel", "TOML", "Substitution", .product(name: "Crypto", package: "swift-crypto"),
            ],
            resources: [.embedInCode("Providers")]),
        .testTarget(name: "VaultTests", dependencies: ["Vault", "Substitution", "CoopErrors", "LinuxKernel", "TestSupport"]),
        .target(name: "Workspaces", dependencies: ["CLinux", "CoopErrors", "LinuxKernel"]),
        .testTarget(name: "WorkspacesTests", dependencies: ["Workspaces", "CoopErrors", "LinuxKernel"]),
        .executableTarget(
            name: "coop",
            dependencies: [
                "CLinux", "CoopErrors", "LinuxKernel", "WardenProtocol", "Sandbox", "NativeEngine", "Projects", "Workspaces", "Seccomp",
                "Substitution", "TOML", "Vault",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
            ],
            swiftSettings: testHooks, linkerSettings: staticExecutable + staticFoundation),
        .target(name: "TestSupport", dependencies: ["CLinux", "LinuxKernel"], path: "Tests/TestSupport"),
        .testTarget(name: "EscapeTests", dependencies: ["CLinux", "LinuxKernel", "TestSupport"], exclude: ["Attacks"]),
        .testTarget(name: "EndToEndTests", dependencies: ["CLinux", "LinuxKernel", "TestSupport"]),
        .testTarget(name: "LinuxKernelTests", dependencies: ["LinuxKernel"]),
        .testTarget(name: "WardenProtocolTests", dependencies: ["CLinux", "LinuxKernel", "WardenProtocol"]),
        .testTarget(name: "SeccompTests", dependencies: ["Seccomp", "CoopErrors"]),
        .testTarget(
            name: "NativeEngineTests",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "NativeEngine", "Sandbox", "WardenProtocol", "TestSupport"]),
        .testTarget(name: "SandboxTests", dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Sandbox", "WardenProtocol"]),
        .testTarget(
            name: "CommandTests",
            dependencies: ["CLinux", "CoopErrors", "LinuxKernel", "Sandbox", "WardenProtocol", "NativeEngine", "TestSupport"]),
        .testTarget(name: "TOMLTests", dependencies: ["TOML"]),
        .testTarget(name: "ProjectsTests", dependencies: ["CoopErrors", "LinuxKernel", "Projects", "TOML"]),
    ],
    swiftLanguageModes: [.v6]
)
