import CoopErrors
import Glibc
import LinuxKernel
import Testing

@testable import Workspaces

/// Sandboxes that lie: nothing of it may reach the host's references or its object store.
@Suite struct HostileImportTests {
    /// Runs the import, whatever it says, and expects the host to be as before.
    private func expectRefused(
        _ session: Session, limits: CommitImport.Limits = .init(), allowing allowed: String = "", _ place: SourceLocation = #_sourceLocation
    ) throws {
        let refs = try session.host("for-each-ref")
        let packs = try FileSystem.list(session.work + "/.git/objects/pack").sorted()
        let head = try FileSystem.read(session.work + "/.git/HEAD")
        let config = try FileSystem.read(session.work + "/.git/config")
        do {
            let result = try session.finish(limits: limits)
            #expect(!result.isComplete, "\(result)", sourceLocation: place)
        } catch is CoopError {
            // A whole refusal is as good.
        }
        #expect(try session.host("for-each-ref") == refs, sourceLocation: place)
        #expect(try FileSystem.list(session.work + "/.git/objects/pack").sorted() == packs, sourceLocation: place)
        #expect(try FileSystem.read(session.work + "/.git/HEAD") == head, sourceLocation: place)
        #expect(try FileSystem.read(session.work + "/.git/config") == config, sourceLocation: place)
        #expect(try FileSystem.list(session.work + "/.git/objects").allSatisfy { !$0.hasPrefix("tmp_") }, sourceLocation: place)
        #expect(try session.host("fsck", "--strict", "--no-dangling") == "", sourceLocation: place)
    }

    /// Stores a raw object inside and returns its name.
    private func object(_ session: Session, _ type: String, _ bytes: [UInt8]) throws -> String {
        try sh(
            ["git", "hash-object", "-t", type, "-w", "--stdin", "--literally"], in: session.work, session.insideVariables, input: bytes)
    }

    private func treeEntry(_ mode: String, _ name: String, _ id: String) -> [UInt8] {
        let hex = Array(id.utf8)
        let raw = stride(from: 0, to: hex.count, by: 2).compactMap { UInt8(String(decoding: hex[$0..<($0 + 2)], as: UTF8.self), radix: 16) }
        return Array("\(mode) \(name)".utf8) + [0] + raw
    }

    private func point(_ session: Session, _ name: String, at id: String) throws {
        // By hand: git itself would refuse some of these.
        try FileSystem.makeDirectories(FileSystem.parent(of: FileSystem.join(session.privateGit.directory, name)))
        try writeFile(FileSystem.join(session.privateGit.directory, name), Array("\(id)\n".utf8))
    }

    private func commit(_ session: Session, tree: String) throws -> String {
        let parent = try session.inside("rev-parse", "main")
        let who = "Eve <e@x> 1767323045 +0000"
        return try object(session, "commit", Array("tree \(tree)\nparent \(parent)\nauthor \(who)\ncommitter \(who)\n\nx\n".utf8))
    }

    @Test(arguments: [".git", ".GIT", "..", ".", "a/b", "git~1", ".git\u{200c}"])
    func `a tree with an entry that would write into .git or upwards is refused`(_ name: String) throws {
        let session = try Session()
        try session.begin()
        let blob = try object(session, "blob", Array("x".utf8))
        let inner = try object(session, "tree", treeEntry("100644", "config", blob))
        let tree = try object(session, "tree", treeEntry("40000", name, inner))
        try point(session, "refs/heads/main", at: try commit(session, tree: tree))
        try expectRefused(session)
    }

    @Test func `a .gitmodules that is a link, or names a submodule upwards, is refused`() throws {
        let modules = [
            "[submodule \"../../hooks\"]\n\tpath = x\n\turl = https://h/x\n", "[submodule \"x\"]\n\tpath = x\n\turl = -u./evil\n",
        ]
        for (mode, text) in [("120000", "/etc/passwd")] + modules.map({ ("100644", $0) }) {
            let session = try Session()
            try session.begin()
            let blob = try object(session, "blob", Array(text.utf8))
            let tree = try object(session, "tree", treeEntry(mode, ".gitmodules", blob))
            try point(session, "refs/heads/main", at: try commit(session, tree: tree))
            try expectRefused(session)
        }
    }

    @Test func `malformed commits and trees are refused`() throws {
        for (type, text) in [("commit", "tree zzz\n"), ("commit", "no header"), ("tree", "not a tree"), ("tag", "object x\n")] {
            let session = try Session()
            try session.begin()
            var id = try object(session, type, Array(text.utf8))
            if type == "tree" { id = try commit(session, tree: id) }
            try point(session, type == "tag" ? "refs/tags/x" : "refs/heads/main", at: id)
            try expectRefused(session)
        }
    }

    @Test func `a branch that is no commit is not created`() throws {
        let session = try Session()
        try session.begin()
        try point(session, "refs/heads/blob", at: try object(session, "blob", Array("x".utf8)))
        let refs = try session.host("for-each-ref")
        let result = try session.finish()
        guard case .skipped = result.outcome("refs/heads/blob") else {
            Issue.record("\(result)")
            return
        }
        #expect(try session.host("for-each-ref") == refs)
    }

    @Test func `a pack without all the objects its commits name is refused`() throws {
        for what in ["commit", "commit and tree"] {
            let session = try Session()
            try session.begin()
            try session.commitInside("secret", "x\(what)")
            let commit = try session.inside("rev-parse", "main")
            let tree = try session.inside("rev-parse", "main^{tree}")
            session.liar = { [unowned session] arguments, _, output in
                guard arguments.contains("pack-objects") else { return nil }
                let list = what == "commit" ? commit : commit + "\n" + tree
                let pack = try HostProcess.run(
                    gitProgram, ["pack-objects", "--stdout", "-q"], environment: testEnvironment + session.insideVariables,
                    directory: session.work, input: Array((list + "\n").utf8))
                try Descriptor(owning: dup(output)).writeAll(pack.output)
                return 0
            }
            try expectRefused(session)
        }
    }

    @Test func `a commit that the host has, but not all it names, is refused`() throws {
        let session = try Session()
        let who = "Eve <e@x> 1767323045 +0000"
        let text = "tree \(String(repeating: "a", count: 40))\nauthor \(who)\ncommitter \(who)\n\nx\n"
        let id = try sh(
            ["git", "hash-object", "-t", "commit", "-w", "--stdin", "--literally"], in: session.work, input: Array(text.utf8))
        try session.begin()
        try point(session, "refs/heads/broken", at: id)
        let refs = try session.host("for-each-ref")
        #expect(try !session.finish().isComplete)
        #expect(try session.host("for-each-ref") == refs)
    }

    @Test(
        arguments: [
            [], Array("PACK".utf8), Array("PACK\0\0\0\u{2}\0\0\0\u{1}".utf8), Array(repeating: 0x41, count: 100_000),
            Array("PACK\0\0\0\u{2}\u{7f}\u{7f}\u{7f}\u{7f}".utf8),
        ] as [[UInt8]])
    func `bytes that are no pack are refused`(_ bytes: [UInt8]) throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        session.liar = { arguments, _, output in
            guard arguments.contains("pack-objects") else { return nil }
            // The reader may give up first.
            return (try? Descriptor(owning: dup(output)).writeAll(bytes)) == nil ? 1 : 0
        }
        try expectRefused(session)
    }

    @Test func `a pack with a byte changed or cut off anywhere is refused`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        var random = SystemRandomNumberGenerator()
        for round in 0..<12 {
            session.liar = { [unowned session] arguments, input, output in
                guard arguments.contains("pack-objects") else { return nil }
                var pack = try HostProcess.run(
                    gitProgram, Array(arguments.dropFirst()), environment: testEnvironment + session.insideVariables,
                    directory: session.work, input: input
                ).output
                let place = Int.random(in: 0..<pack.count, using: &random)
                if round % 2 == 0 { pack[place] ^= 1 << UInt8.random(in: 0..<8, using: &random) } else { pack.removeSubrange(place...) }
                try Descriptor(owning: dup(output)).writeAll(pack)
                return 0
            }
            try expectRefused(session)
        }
    }

    @Test func `a pack above the limit is refused`() throws {
        let session = try Session()
        try session.begin()
        var random = SystemRandomNumberGenerator()
        try session.commitInside(
            "big", String((0..<200_000).map { _ in Character(Unicode.Scalar(UInt8.random(in: 33...126, using: &random))) }))
        var limits = CommitImport.Limits()
        limits.packBytes = 10_000
        try expectRefused(session, limits: limits)
    }

    @Test func `forged lists of references change nothing`() throws {
        let forged: [[UInt8]] = [
            Array("garbage\n".utf8), [0, 0, 10], Array(repeating: 0x0A, count: 200_000),
            Array((String(repeating: "f", count: 40) + " commit refs/heads/main \n").utf8),
            Array((String(repeating: "0", count: 40) + " commit refs/heads/main \n").utf8),
            Array((0..<3000).map { "\(String(repeating: "a", count: 40)) commit refs/heads/b\($0) \n" }.joined().utf8),
            Array(repeating: 0x61, count: 300_000),
        ]
        var limits = CommitImport.Limits()
        limits.references = 2000
        limits.listingBytes = 250_000
        limits.separateTips = 3
        for bytes in forged {
            let session = try Session()
            try session.begin()
            try session.inside("update-ref", "refs/heads/n", "main")
            session.liar = { arguments, _, output in
                guard arguments.contains("for-each-ref") else { return nil }
                // A writer that hits the end of the file gets an error, as git would.
                let copy = Descriptor(owning: dup(output))
                return (try? copy.writeAll(bytes)) == nil ? 1 : 0
            }
            let refs = try session.host("for-each-ref")
            _ = try? session.finish(limits: limits)
            #expect(try session.host("for-each-ref") == refs)
        }
    }

    @Test func `names that git would not accept are rejected, one by one`() throws {
        let session = try Session()
        try session.begin()
        let id = try session.inside("rev-parse", "main")
        let names = [
            "refs/heads/-x", "refs/heads/../../config", "refs/heads/a..b", "refs/heads/.hidden", "refs/heads/a.lock", "refs/heads/a@{b",
            "refs/heads/", "HEAD", "config", "../config", "refs/heads/a\\b", "refs/heads/a^", "refs/heads/\u{7f}", "refs/heads/a//b",
            "refs/heads/end.", "refs/", "refs/heads/a:b", "/refs/heads/x", "refs/coop/s1/heads/main", "refs/replace/\(id)",
            "refs/remotes/origin/main", "refs/bisect/bad",
        ]
        session.liar = { arguments, _, output in
            guard arguments.contains("for-each-ref") else { return nil }
            let lines = ["\(id) commit refs/heads/main ", "\(id) commit refs/heads/good "] + names.map { "\(id) commit \($0) " }
            try Descriptor(owning: dup(output)).writeAll(Array((lines.joined(separator: "\n") + "\n").utf8))
            return 0
        }
        try session.inside("update-ref", "refs/heads/n", "main")
        let result = try session.finish()
        #expect(result.outcome("refs/heads/good") == .created)
        #expect(try session.host("for-each-ref", "--format=%(refname)") == "refs/heads/good\nrefs/heads/main")
    }

    @Test func `HEAD that names anything but a branch is not followed`() throws {
        for text in [
            "ref: refs/heads/../../config\n", "ref: config\n", "ref: refs/heads/-b\n", "zzz", "", "ref: refs/coop/x\n",
            "ref: refs/heads/HEAD\n",
        ] {
            let session = try Session()
            try session.begin()
            try writeFile(session.privateGit.directory + "/HEAD", Array(text.utf8))
            let result = try? session.importer().run { arguments, input, output in
                try writeFile(session.privateGit.directory + "/HEAD", Array("ref: refs/heads/main\n".utf8))
                return try session.run(arguments, input, output)
            }
            if let result, case .left = result.head {} else { Issue.record("\(text): \(String(describing: result))") }
            #expect(try session.host("symbolic-ref", "HEAD") == "refs/heads/main")
        }
    }

    @Test func `links and FIFOs in the private directory are neither followed nor waited for`() throws {
        let session = try Session()
        try session.begin()
        let directory = session.privateGit.directory
        for name in ["index", "packed-refs", "logs"] { try FileSystem.removeTree(directory + "/" + name) }
        _ = symlink("/dev/zero", directory + "/index")
        _ = mkfifo(directory + "/packed-refs", 0o644)
        _ = symlink("/", directory + "/refs/heads/root")
        session.liar = { _, _, _ in 1 }
        #expect(throws: CoopError.self) { try session.finish() }
    }

    @Test func `one refused branch does not hold the others`() throws {
        let session = try Session()
        try session.begin()
        try session.commitInside("a", "a")
        let blob = try object(session, "blob", Array("x".utf8))
        let tree = try object(session, "tree", treeEntry("100644", ".git", blob))
        try point(session, "refs/heads/evil", at: try commit(session, tree: tree))
        let result = try session.finish()
        #expect(result.outcome("refs/heads/main") == .fastForwarded)
        #expect(result.refused.map(\.name) == ["refs/heads/evil"], "\(result)")
        // The part of it that is well is the other's.
        #expect(try session.host("rev-parse", "evil") == session.host("rev-parse", "main"))
        #expect(try session.host("fsck", "--strict", "--no-dangling") == "")
    }

    @Test(arguments: [0, 1, 2, 7, 20])
    func `of a refused branch everything before the fault arrives`(_ good: Int) throws {
        let session = try Session()
        try session.begin()
        for number in 0..<good { try session.commitInside("good\(number)", "\(number)") }
        let last = try session.inside("rev-parse", "main")
        let blob = try object(session, "blob", Array("x".utf8))
        let bad = try commit(session, tree: try object(session, "tree", treeEntry("100644", ".git", blob)))
        try point(session, "refs/heads/main", at: bad)
        // What comes after it stands on it.
        try session.inside("commit", "-q", "--allow-empty", "-m", "after")
        let result = try session.finish()
        #expect(try session.host("rev-parse", "main") == last)
        #expect(result.refused.contains { $0.name == "refs/heads/main" }, "\(result)")
        #expect(try session.host("fsck", "--strict", "--no-dangling") == "")
        // Nothing that arrived looks taken back.
        #expect(try session.host("diff", "--cached", "--name-only", "--diff-filter=D") == "")
        // And once more, as after a kill.
        #expect(try !session.finish().refused.isEmpty && session.host("rev-parse", "main") == last)
    }

    @Test func `a session's id cannot lead anywhere`() throws {
        let session = try Session()
        try session.begin()
        for id in ["", "..", "a/b", "-x", "a b", "a.lock", "\n"] {
            session.id = id
            #expect(throws: CoopError.self) { try session.importer() }
        }
    }

    @Test func `reading references never crashes, whatever the bytes`() {
        var random = SystemRandomNumberGenerator()
        let pieces = ["refs/heads/", "a", "..", "/", " ", "\n", "commit", String(repeating: "a", count: 40), "\0", "@{", ".lock", "é", "-"]
        for _ in 0..<3000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in pieces.randomElement(using: &random) ?? "" }.joined()
            if let listing = RefListing.parse(Array(text.utf8), limit: 100) {
                for name in listing.refs.keys { #expect(RefName.isValid(name)) }
            }
            _ = RefSnapshot.parseHead(Array(text.utf8))
            _ = RefSnapshot.parsePacked(Array(text.utf8))
            _ = GitConfiguration.parse(Array(text.utf8))
        }
    }

    @Test func `every name that is accepted git accepts as well`() throws {
        var random = SystemRandomNumberGenerator()
        var accepted = 0
        let alphabet = Array("ab./-@{}~^:?*[\\ \u{7f}é_")
        for _ in 0..<150 {
            let tail = String((0..<Int.random(in: 1...6, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? "a" })
            let name = "refs/heads/" + tail
            guard RefName.isValid(name) else { continue }
            accepted += 1
            #expect(throws: Never.self, "\(name.printable)") { try sh(["git", "check-ref-format", name], in: "/") }
        }
        #expect(accepted > 0)
    }
}
