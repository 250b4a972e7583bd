import Glibc
import LinuxKernel
import Testing

@testable import Policy

@Suite("The hosts of the user's registries")
struct RegistryHostsTests {
    /// A directory of its own, removed at the end.
    final class Scratch {
        let path: String

        init() throws {
            var template = Array("/tmp/coop-policy-test-XXXXXX".utf8CString)
            guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp", "/tmp") }
            path = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
        }

        deinit { try? FileSystem.removeTree(path) }

        func write(_ name: String, _ text: String) throws {
            let file = FileSystem.join(path, name)
            try FileSystem.makeDirectories(FileSystem.parent(of: file))
            try FileSystem.replace(file, with: text.utf8)
        }
    }

    @Test("come from every place, are the user's or the repository's, and hold no credential")
    func everything() throws {
        let scratch = try Scratch()
        try scratch.write("root/etc/pip.conf", "[global]\nindex-url = https://me:hunter2@pypi.example.com/simple\n")
        try scratch.write("home/.config/pip/pip.conf", "[global]\nextra-index-url = https://extra.example.com/simple\n")
        try scratch.write("home/.config/uv/uv.toml", "index-url = \"https://uv.example.com\"\n")
        try scratch.write("root/etc/apt/sources.list", "deb http://deb.example.com/debian bookworm main\n")
        try scratch.write("root/etc/apt/sources.list.d/x.sources", "URIs: https://deb822.example.com/debian\n")
        try scratch.write("root/etc/apt/sources.list.d/x.list.save", "deb http://old.example.com/debian bookworm main\n")
        try scratch.write("root/etc/apt/apt.conf.d/01proxy", "Acquire::http::Proxy \"http://cache.example.com:3142\";\n")
        try scratch.write("home/.npmrc", "registry=https://npm.example.com/\n//npm.example.com/:_authToken=hunter2\n")
        try scratch.write("project/.npmrc", "@evil:registry=https://repo.example.com/\nregistry=https://npm.example.com/\n")
        try scratch.write("home/.cargo/config.toml", "[registries.x]\nindex = \"sparse+https://cargo.example.com/\"\n")
        try scratch.write("project/.cargo/config.toml", "[registries.y]\nindex = \"sparse+https://repo-cargo.example.com/\"\n")
        try scratch.write("home/.config/go/env", "GOPROXY=http://10.0.0.7:3000,direct\n")
        try scratch.write("project/uv.toml", "index-url = [broken\n")
        let found = RegistryHosts(
            variables: ["PIP_EXTRA_INDEX_URL": "https://env.example.com/simple", "npm_config_registry": "https://env-npm.example.com"],
            home: scratch.path + "/home", project: scratch.path + "/project", root: scratch.path + "/root")
        let all = found.endpoints.map { "\($0.tool.rawValue) \($0.host):\($0.port)\($0.isFromRepository ? " repository" : "")" }
        #expect(
            all == [
                "pip pypi.example.com:443", "pip extra.example.com:443", "pip env.example.com:443", "pip uv.example.com:443",
                "apt deb.example.com:80",
                "apt deb822.example.com:443", "npm npm.example.com:443", "npm repo.example.com:443 repository",
                "npm env-npm.example.com:443",
                "cargo cargo.example.com:443", "cargo repo-cargo.example.com:443 repository", "go 10.0.0.7:3000",
            ])
        #expect(found.proxies.map { "\($0.host):\($0.port)" } == ["cache.example.com:3142"])
        #expect(found.problems.count == 1 && found.problems.first?.contains("uv.toml:1:") == true)
        #expect(!"\(found)".contains("hunter2"))
        #expect(found.endpoints(ofBundle: "npm").map { "\($0.host)" } == ["npm.example.com", "env-npm.example.com"])
        #expect(found.endpoints(ofBundle: "npm", withRepository: true).count == 3)
        #expect(found.endpoints(ofBundle: "debian").count == 2 && found.endpoints(ofBundle: "ubuntu").count == 2)
        #expect(found.endpoints.first { $0.tool == .npm }?.origin == "~/.npmrc")
        let some = RegistryHosts(
            variables: [:], home: scratch.path + "/home", project: scratch.path + "/project", root: scratch.path + "/root",
            bundles: ["ubuntu", "go", "anthropic"])
        #expect(Set(some.endpoints.map(\.tool)) == [.apt, .go] && some.problems.isEmpty, "what nobody asks for is not read")
    }

    @Test("may stand at private addresses when the user's own configuration says so, and are allowed on their port alone")
    func rules() throws {
        let scratch = try Scratch()
        let found = RegistryHosts(
            variables: ["GOPROXY": "http://10.0.0.7:3000", "PIP_INDEX_URL": "https://pypi.example.com", "GOENV": "off"], home: scratch.path,
            root: scratch.path)
        let policy = NetworkPolicy(rules: found.endpoints.map(\.rule), hosts: found.endpoints.compactMap(\.placement))
        let compiled = try CompiledNetworkPolicy(policy)
        let address = try Destination(untrusted: "10.0.0.7".utf8)
        #expect(compiled.decide(address, port: 3000).action == .allow)
        #expect(compiled.decide(address, port: 443).action == .deny)
        #expect(policy.override(for: try Destination(untrusted: "pypi.example.com".utf8)) != nil)
        let repository = RegistryEndpoint(tool: .npm, host: address, port: 443, origin: "x", isFromRepository: true)
        #expect(repository.placement == nil)
    }

    @Test("are none when nothing is configured, or pip is told to read nothing")
    func nothing() throws {
        let scratch = try Scratch()
        try scratch.write("root/etc/pip.conf", "[global]\nindex-url = https://pypi.example.com/simple\n")
        let found = RegistryHosts(variables: ["PIP_CONFIG_FILE": "/dev/null"], home: scratch.path, root: scratch.path + "/root")
        #expect(found == RegistryHosts())
    }
}
