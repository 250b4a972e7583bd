import CoopErrors
import LinuxKernel
import Testing

@testable import Policy

@Suite("A bundle")
struct NetworkBundleTests {
    static let directory = FileSystem.join(FileSystem.parent(of: #filePath), "../../Sources/Policy/Bundles/Data")

    @Test("exists for every file, and is the file")
    func files() throws {
        let names = try FileSystem.list(NetworkBundleTests.directory).map { String($0.dropLast(4)) }
        #expect(names.sorted() == NetworkBundle.names)
        for name in names {
            let bytes = try FileSystem.read(FileSystem.join(NetworkBundleTests.directory, name + ".txt"))
            #expect(NetworkBundle.text(named: name) == String(decoding: bytes, as: UTF8.self))
            #expect(try NetworkBundle(named: name).name == name)
        }
        for wanted in [
            "npm", "crates", "go", "github-read", "github", "gitlab", "pypi", "debian", "ubuntu", "docker-hub", "huggingface", "rubygems",
            "maven", "nuget", "hex", "swift", "anthropic", "openai", "google-ai", "openrouter",
        ] {
            #expect(names.contains(wanted))
        }
    }

    @Test("has one pattern a line, sorted, none twice, and begins with a reason", arguments: NetworkBundle.names)
    func form(name: String) throws {
        let text = try #require(NetworkBundle.text(named: name))
        #expect(text.hasSuffix("\n") && text.hasPrefix("# ") && !text.contains("\t") && !text.contains("\r"))
        let lines = text.dropLast().split(separator: "\n", omittingEmptySubsequences: false)
        #expect(lines.allSatisfy { !$0.isEmpty && $0.utf8.count <= 140 && $0.utf8.allSatisfy { $0 < 0x80 } })
        let patterns = lines.filter { !$0.hasPrefix("#") }
        let bundle = try NetworkBundle(named: name)
        #expect(bundle.rules.count == patterns.count)
        for (rule, line) in zip(bundle.rules, patterns) {
            #expect(rule.description == "allow \(line)")
            #expect(rule.action == .allow && rule.origin == "bundle \(name)")
            if case .address = rule.host.hosts { Issue.record("\(line) is an address") }
        }
        let keys = bundle.rules.map { "\($0.host) " + $0.methods.joined(separator: ",") + $0.paths.map(\.text).joined(separator: " ") }
        #expect(keys == keys.sorted())
        #expect(Set(keys).count == keys.count)
        #expect(throws: Never.self) { try CompiledNetworkPolicy(NetworkPolicy(rules: bundle.rules)) }
    }

    @Test("for reading GitHub lets nothing be written")
    func reading() throws {
        let compiled = try CompiledNetworkPolicy(NetworkPolicy(rules: NetworkBundle(named: "github-read").rules))
        let host = try Destination(untrusted: "github.com".utf8)
        let cases: [(String, String, NetworkRule.Action)] = [
            ("GET", "/o/r.git/info/refs?service=git-upload-pack", .allow), ("POST", "/o/r.git/git-upload-pack", .allow),
            ("POST", "/o/r.git/git-receive-pack", .deny),
            ("POST", "/login/oauth/access_token", .deny), ("POST", "/o/r/%2e%2e/git-upload-pack", .deny),
            ("POST", "/session?x=/git-upload-pack", .deny),
            ("PUT", "/o/r.git/git-upload-pack", .deny), ("post", "/o/r.git/git-upload-pack", .deny),
        ]
        for (method, target, action) in cases {
            #expect(compiled.decide(host, port: 443, method: method, target: target).action == action, "\(method) \(target)")
        }
        #expect(compiled.needsInspection(host, port: 443))
        #expect(compiled.decide(host, port: 443).action == .deny)
    }

    @Test("that does not exist is named with the nearest one, and a bad line with its number")
    func errors() throws {
        let error = #expect(throws: CoopError.self) { try NetworkBundle(named: "nmp") }
        #expect(error?.why == "did you mean `npm`?" && error?.next == "coop net bundles")
        let line = #expect(throws: CoopError.self) { try NetworkBundle(name: "x", parsing: "# why\na.example.com\n*.*\n") }
        #expect(line?.what.contains("line 3 of bundle x") == true)
    }
}
