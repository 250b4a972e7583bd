import LinuxKernel
import TestSupport
import Testing

@testable import Workspaces

/// Random work inside against the same work in a plain copy: afterwards the host's repository is what the copy is.
@Suite struct ImportPropertyTests {
    private enum Operation {
        case write(String, String)
        case remove(String)
        case stage
        case commit(String)
        case branch(String)
        case checkout(String)
        case merge(String)
        case tag(String)
        case detach, pack
    }

    private func random(_ generator: inout SeededGenerator) -> Operation {
        let file = "f\(Int.random(in: 0...5, using: &generator))"
        let branch = "b\(Int.random(in: 0...4, using: &generator))"
        switch Int.random(in: 0...13, using: &generator) {
        case 0...3: return .write(file, "\(Int.random(in: 0...999, using: &generator))\n")
        case 4: return .remove(file)
        case 5: return .stage
        case 6...8: return .commit("m\(Int.random(in: 0...99, using: &generator))")
        case 9: return .branch(branch)
        case 10: return .checkout(branch)
        case 11: return .merge(branch)
        case 12: return .tag("t\(Int.random(in: 0...9, using: &generator))")
        default: return Bool.random(using: &generator) ? .detach : .pack
        }
    }

    private func perform(_ operation: Operation, in directory: String, _ git: (_ arguments: [String]) throws -> Void) throws {
        switch operation {
        case .write(let name, let text): try writeFile(FileSystem.join(directory, name), Array(text.utf8))
        case .remove(let name): try FileSystem.removeFile(FileSystem.join(directory, name))
        case .stage: try git(["add", "-A"])
        case .commit(let message):
            try git(["add", "-A"])
            try git(["commit", "-q", "--allow-empty", "-m", message])
        case .branch(let name): try git(["branch", name])
        case .checkout(let name): try git(["checkout", "-q", name])
        case .merge(let name): try git(["merge", "-q", "-X", "ours", "--no-edit", name])
        case .tag(let name): try git(["tag", name])
        case .detach: try git(["checkout", "-q", "--detach"])
        case .pack: try git(["gc", "-q"])
        }
    }

    @Test(arguments: 0..<8 as Range<UInt64>) func `the host ends where a plain repository would`(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let session = try Session(commits: 3)
        let plain = session.temporary("plain")
        try sh(["cp", "-a", session.work, plain], in: "/")
        for round in 0..<3 {
            session.id = "s\(round)"
            try session.begin()
            for _ in 0..<12 {
                let operation = random(&generator)
                try perform(operation, in: session.work) {
                    try sh(["git"] + $0, in: session.work, session.insideVariables, allowFailure: true)
                }
                try perform(operation, in: plain) { try sh(["git"] + $0, in: plain, allowFailure: true) }
            }
            let result = try session.finish()
            let expected = try sh(["git", "for-each-ref"], in: plain)
            #expect(try session.host("for-each-ref") == expected, "seed \(seed), round \(round): \(result)")
            #expect(
                try session.host("status", "--porcelain=v2", "--branch") == sh(["git", "status", "--porcelain=v2", "--branch"], in: plain))
            #expect(try session.host("fsck", "--strict", "--no-dangling") == "")
        }
    }
}
