import LinuxKernel
import Testing

@testable import Agents

/// Agents are data: to add one, or to follow what one has changed, nobody edits code.
@Suite struct AgentNameTests {
    @Test("no agent's name stands in the code")
    func names() throws {
        let names = try AgentCatalog(directory: "/nonexistent").all().map(\.name)
        #expect(names.count == EmbeddedData.names.count && names.count >= 12)
        var checked = 0
        func visit(_ directory: String) throws {
            for (name, kind) in try FileSystem.entries(directory) {
                let path = FileSystem.join(directory, name)
                if kind == .directory { try visit(path) }
                guard name.hasSuffix(".swift") else { continue }
                checked += 1
                for line in String(osBytes: try FileSystem.read(path)).split(separator: "\n") {
                    let text = line.drop { $0 == " " }
                    // An example in a command's help.
                    if text.hasPrefix("coop ") { continue }
                    let words = text.split { !$0.isLetter && !$0.isNumber && $0 != "-" }
                    // In capitals it is a part of a variable's name, which other programs read as well.
                    for word in words where names.contains(word.lowercased()) && word != word.uppercased() {
                        Issue.record("\(path): \(word): \(line)")
                    }
                }
            }
        }
        try visit(FileSystem.normalize(#filePath + "/../../../Sources"))
        #expect(checked > 300)
    }
}
