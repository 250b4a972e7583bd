import Glibc
import LinuxKernel
import Testing

@testable import Sandbox

@Suite struct ToolchainTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private var home: String { directory.path + "/home" }

    private func resolve(_ path: String, _ variables: [String: String] = [:], visible: [String] = ["/usr", "/bin"]) -> (
        mounts: [Mount], path: String, names: Set<String>
    ) {
        Toolchain.resolve(path: path, home: home, environment: { variables[$0] }) { entry in
            visible.contains { FileSystem.contains($0, entry) }
        }
    }

    private func relative(_ mounts: [Mount]) -> Set<String> { Set(mounts.map { String($0.target.dropFirst(home.utf8.count + 1)) }) }

    @Test("what PATH does not lead to does not appear")
    func none() throws {
        _ = try directory.directory("home/.cargo/bin")
        let found = resolve("/usr/bin:/bin:/usr/bin:relative::/srv/x")
        #expect(found.mounts.isEmpty && found.path == "/usr/bin:/bin" && found.names.isEmpty)
        #expect(resolve("").path == "/usr/local/bin:/usr/bin:/bin")
    }

    @Test("cargo: the programs and the toolchains, never the credentials beside them")
    func cargo() throws {
        try directory.file("home/.cargo/bin/cargo")
        try directory.file("home/.cargo/credentials.toml", "token")
        try directory.file("home/.cargo/credentials", "token")
        try directory.file("home/.cargo/config.toml")
        try directory.file("home/.rustup/toolchains/stable/bin/rustc")
        try directory.file("home/.rustup/settings.toml")
        try directory.file("home/.rustup/secret")
        let found = resolve(home + "/.cargo/bin:/usr/bin")
        #expect(relative(found.mounts) == [".cargo/bin", ".rustup/toolchains", ".rustup/settings.toml"])
        #expect(found.mounts.allSatisfy { $0.readOnly })
        #expect(found.mounts.first { $0.target.hasSuffix("settings.toml") }?.isDirectory == false)
        #expect(found.path == home + "/.cargo/bin:/usr/bin" && found.names == ["cargo", "rustup"])
    }

    @Test("no toolchain of the list shows a known place of credentials")
    func credentials() throws {
        let secrets = [
            ".cargo/credentials.toml", ".cargo/credentials", ".config/gh/hosts.yml", ".config/gcloud/x", ".ssh/id_rsa", ".aws/credentials",
            ".netrc",
            ".npmrc", ".pypirc", ".docker/config.json", ".gnupg/x", ".kube/config", ".local/share/keyrings/x",
            ".local/share/gnome-keyring/x",
            ".local/state/x", ".m2/settings.xml", ".gradle/gradle.properties", ".git-credentials", ".bash_history", ".claude/x",
            ".codex/auth.json",
        ]
        for secret in secrets { try directory.file("home/" + secret, "secret") }
        var entries: [String] = []
        for toolchain in Toolchain.all {
            let places = toolchain.exposed.isEmpty ? [toolchain.root] : toolchain.exposed.map { toolchain.root + "/" + $0 }
            for place in places where !place.hasSuffix(".toml") && !place.hasSuffix(".json") {
                entries.append(try directory.directory("home/" + place))
            }
        }
        let found = resolve(entries.joined(separator: ":"))
        #expect(found.names.count == Toolchain.all.count)
        for secret in secrets {
            let path = home + "/" + secret
            #expect(!found.mounts.contains { FileSystem.contains($0.source, path) }, "\(secret) would be visible")
        }
        #expect(!found.mounts.contains { $0.target == home || FileSystem.contains($0.target, home) })
    }

    @Test("a variable moves the root, and never to HOME or above it", arguments: ["", "/", ".."])
    func variable(_ suffix: String) throws {
        let place = try directory.directory("elsewhere/bin")
        let moved = resolve(place, ["PYENV_ROOT": directory.path + "/elsewhere"])
        #expect(moved.mounts.map(\.source) == [directory.path + "/elsewhere"] && moved.path == place)
        _ = try directory.directory("home/x")
        let trick = resolve(home + "/x", ["PYENV_ROOT": suffix.isEmpty ? home : FileSystem.normalize(home + "/" + suffix)])
        #expect(trick.mounts.isEmpty, "all of the home would appear")
        #expect(resolve(place, ["PYENV_ROOT": "relative"]).mounts.isEmpty)
    }

    @Test("a link to the home or above it is not followed into it")
    func links() throws {
        _ = try directory.directory("home")
        try directory.link("home/.pyenv", to: ".")
        try directory.link("home/.volta", to: "/")
        let found = resolve(home + "/.pyenv/bin:" + home + "/.volta:" + home + "/.pyenv")
        #expect(found.mounts.isEmpty)
    }

    @Test("a link elsewhere shows what it leads to, at the link's own path")
    func movedAway() throws {
        let real = try directory.directory("disk/pyenv")
        _ = try directory.directory("disk/pyenv/shims")
        _ = try directory.directory("home")
        try directory.link("home/.pyenv", to: real)
        let found = resolve(home + "/.pyenv/shims:/usr/bin")
        #expect(found.mounts == [Mount(source: real, target: home + "/.pyenv", readOnly: true, isDirectory: true, reason: "pyenv")])
    }

    @Test("an entry of PATH that is not there inside is left out, so that nothing can be put in its place")
    func missing() throws {
        _ = try directory.directory("home/.cargo")
        #expect(resolve(home + "/.cargo/bin:/usr/bin").path == "/usr/bin")
        #expect(resolve("/opt/../usr/bin/./x:/usr/bin").path == "/usr/bin/x:/usr/bin")
    }
}
