import LinuxKernel
import TestSupport
import Testing

/// The documentation names everything that can be typed, and what it shows runs.
@Suite struct DocumentationTests {
    private static let root = FileSystem.normalize(#filePath + "/../../..")

    private static func pages() throws -> [String: String] {
        var result: [String: String] = [:]
        func visit(_ directory: String) throws {
            for (name, kind) in try FileSystem.entries(directory) {
                let path = FileSystem.join(directory, name)
                if kind == .directory {
                    try visit(path)
                } else if name.hasSuffix(".md") {
                    result[String(path.dropFirst(root.utf8.count + 1))] = String(osBytes: try FileSystem.read(path))
                }
            }
        }
        try visit(root + "/docs")
        result["README.md"] = String(osBytes: try FileSystem.read(root + "/README.md"))
        return result
    }

    @Test(
        "the pages that a stranger looks for exist",
        arguments: ["README.md", "docs/architecture.md", "docs/security.md", "docs/configuration.md", "docs/benchmarks.md"])
    func exists(_ name: String) throws { #expect(try DocumentationTests.pages()[name].map { $0.utf8.count > 500 } == true) }

    @Test("every command is documented", arguments: Contract.all)
    func commands(_ words: [String]) throws {
        let text = "coop " + words.joined(separator: " ")
        #expect(try DocumentationTests.pages().values.contains { $0.contains(text) }, "no page mentions `\(text)`")
    }

    @Test("every long option of every command is documented")
    func options() throws {
        let place = try Sandboxed(anyone)
        let pages = try DocumentationTests.pages().values.joined(separator: "\n")
        for words in Contract.all {
            let help = try place.coop(words + ["--help"]).output
            guard let start = help.range(of: "OPTIONS:") else { continue }
            for word in help[start.upperBound...].split(whereSeparator: { " \n,/=[]<>`.();".contains($0) })
            where word.hasPrefix("--") && word.utf8.count > 2 {
                #expect(pages.contains(String(word)), "no page mentions \(word) of coop \(words.joined(separator: " "))")
            }
        }
    }

    @Test("every key of the configuration is documented in docs/configuration.md")
    func keys() throws {
        struct Capabilities: Decodable { var configurationKeys: [String] }
        let keys = try Sandboxed(anyone).coop(["capabilities"]).json(Capabilities.self).configurationKeys
        let page = try DocumentationTests.pages()["docs/configuration.md"] ?? ""
        #expect(keys.count >= 30)
        for key in keys {
            let leaf = key.split(separator: ".").last.map(String.init) ?? key
            #expect(page.contains(key) || page.contains("\n\(leaf) ") || page.contains("`\(leaf)`") || page.contains("[\(key)"), "\(key)")
            #expect(page.contains("\n| `\(key)` | "), "the table of keys has no row for \(key)")
        }
    }

    @Test("every layer and every group of system calls is documented")
    func layers() throws {
        struct Capabilities: Decodable {
            var optionalLayers: [String]
            var syscallGroups: [String]
        }
        let capabilities = try Sandboxed(anyone).coop(["capabilities"]).json(Capabilities.self)
        let pages = try DocumentationTests.pages().values.joined(separator: "\n")
        for name in capabilities.optionalLayers + capabilities.syscallGroups { #expect(pages.contains(name), "\(name)") }
    }

    @Test("every file that a page links to exists")
    func links() throws {
        for (name, text) in try DocumentationTests.pages() {
            for part in text.split(separator: "](").dropFirst() {
                let target = part.prefix { $0 != ")" && $0 != "#" && $0 != " " }
                if target.isEmpty || target.contains("://") || target.hasPrefix("mailto:") { continue }
                let path = FileSystem.join(FileSystem.parent(of: DocumentationTests.root + "/" + name), String(target))
                #expect(FileSystem.kind(FileSystem.normalize(path)) != nil, "\(name) links to \(target)")
            }
        }
    }

    @Test(
        "the coop commands in the README's sh blocks run, or end with the code that is written beside them",
        arguments: TestIdentity.ordinary)
    func readme(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let bin = try BuiltPrograms.directory()
        place.environment["PATH"] = bin + ":" + Sandboxed.path
        try place.write("Makefile", "test:\n\t@echo tested\n")
        let readme = try DocumentationTests.pages()["README.md"] ?? ""
        var isInBlock = false
        var count = 0
        for line in readme.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("```") {
                isInBlock = line == "```sh"
                continue
            }
            // Installing and building are other tests' work; what needs a person is marked as interactive.
            guard isInBlock, line.hasPrefix("coop "), !line.contains("coop shell"), !line.contains("…"), !line.contains("<") else {
                continue
            }
            count += 1
            let parts = line.split(separator: "#", maxSplits: 1).map(String.init)
            let comment = parts.count > 1 ? parts[1] : ""
            let code = comment.split(separator: "exit ").dropFirst().first.flatMap { Int32($0.prefix { $0.isNumber }) } ?? 0
            let outcome = try place.outside(["/bin/sh", "-c", String(parts[0])])
            #expect(outcome.exitCode == code, "\(line)\n\(outcome)")
        }
        #expect(count > 0, "the README shows how to use coop")
    }
}

extension String {
    /// The first place of a text.
    fileprivate func range(of part: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(part) { return start..<index(start, offsetBy: part.count) }
            start = index(after: start)
        }
        return nil
    }
}
