import CoopErrors
import LinuxKernel
import Substitution
import Testing

@testable import Vault

@Suite struct ProviderCatalogTests {
    static let directory = FileSystem.normalize(#filePath + "/../../../Sources/Vault/Providers")

    @Test func everyFileIsInTheCatalog() throws {
        let files = try FileSystem.list(Self.directory).filter { $0.hasSuffix(".toml") }.map { String($0.dropLast(5)) }.sorted()
        #expect(try ProviderCatalog.all().map(\.name) == files)
        #expect(files.count >= 30)
        // Which file is a provider's is known by its first line.
        for (name, bytes) in zip(try ProviderCatalog.files.map { try Provider(parsing: $0).name }, ProviderCatalog.files) {
            #expect(bytes.starts(with: "name = \"\(name)\"\n".utf8), "\(name)")
            #expect(try ProviderCatalog.find(name).name == name)
        }
    }

    @Test func everyProviderIsComplete() throws {
        let maker = StubMaker(seed: SecretBytes(copying: [UInt8](repeating: 7, count: 32)))
        for provider in try ProviderCatalog.all() {
            #expect(!provider.title.isEmpty && !provider.rules.isEmpty && !provider.variables.isEmpty, "\(provider.name)")
            #expect(provider.rules.allSatisfy { !$0.domains.isEmpty && ($0.places.isEmpty == (provider.kind == .aws)) }, "\(provider.name)")
            #expect(provider.variables.allSatisfy(Grant.isVariable), "\(provider.name)")
            #expect(provider.rules.allSatisfy { $0.paths.allSatisfy { $0.hasPrefix("/") || $0.hasPrefix("*") } })
            let stub = maker.stub(provider.name, provider.shape)
            #expect(stub.hasPrefix(provider.shape.prefix) && stub.contains(provider.shape.alphabet.mark))
            if provider.kind == .token, !provider.accepts.isEmpty {
                #expect(provider.problem(with: SecretBytes(copying: stub.utf8)) == nil, "\(provider.name): its stub looks wrong")
                #expect(provider.problem(with: SecretBytes(copying: "hunter2".utf8)) != nil)
            }
        }
    }

    @Test func stubsAreStableDistinctAndUnguessable() throws {
        let first = StubMaker()
        let second = StubMaker()
        let shape = StubShape(prefix: "sk-", length: 40)
        #expect(first.stub("a", shape) == first.stub("a", shape))
        #expect(first.stub("a", shape) != first.stub("b", shape))
        #expect(first.stub("a", shape) != second.stub("a", shape))
        #expect(first.stub("a", shape).utf8.count == 40)
        for alphabet in StubShape.Alphabet.allCases {
            let stub = first.stub("x", StubShape(prefix: "p", length: 1, alphabet: alphabet))
            #expect(stub.utf8.count == 1 + alphabet.mark.utf8.count + StubShape.randomDigits)
            #expect(stub.utf8.dropFirst(1 + alphabet.mark.utf8.count).allSatisfy { alphabet.digits.contains($0) })
        }
    }

    @Test func anUnknownProviderNamesTheKnownOnes() {
        let error = #expect(throws: CoopError.self) { try ProviderCatalog.find("opnai") }
        #expect(error?.code == .notFound)
        #expect(error?.message.contains("openai") == true)
    }

    @Test(arguments: [
        ("*.amazonaws.com", "s3.amazonaws.com", 443, true), ("*.amazonaws.com", "evilamazonaws.com", 443, false),
        ("*.amazonaws.com", "amazonaws.com", 443, false), ("api.example.com", "api.example.com", 443, true),
        ("API.Example.com.", "api.example.com", 443, true), ("api.example.com", "xapi.example.com", 443, false),
        ("api.example.com", "api.example.com", 80, false), ("api.example.com:8443", "api.example.com", 8443, true),
        ("api.example.com:8443", "api.example.com", 443, false), ("*.b.c", "a.b.c.d", 443, false), ("*.b.c", ".b.c", 443, false),
    ]) func domains(_ pattern: String, _ host: String, _ port: Int, _ matches: Bool) throws {
        #expect(try GrantDomain(pattern).contains(host, port: port) == matches)
    }

    @Test(arguments: [
        "", "*", "*.com", "a..b", "http://a", "a/b", "a:0", "a:65536", "a:+1", "a b", "*.*.a", "a.*", "ä.de", "[::1]", ":443",
    ])
    func notDomains(_ text: String) { #expect(throws: CoopError.self) { try GrantDomain(text) } }
}
