import CoopErrors
import Glibc
import LinuxKernel
import TestSupport
import Testing
import Workspaces

@testable import Tasks

/// Merges that touch no working tree against plain git, which does them in one.
@Suite struct TaskMergeTests {
    /// What plain git makes of it in a clone: the commit, or the paths in conflict.
    private func plain(_ repository: Repository, _ method: MergeMethod, _ number: Int) throws -> (commit: String?, conflicts: [String]) {
        let clone = FileSystem.join(repository.directory, "plain-\(number)")
        try repository.git(["clone", "-q", repository.work, clone], in: "/")
        for setting in [["user.name", "Ada"], ["user.email", "ada@example.org"]] { try repository.git(["config"] + setting, in: clone) }
        try repository.git(["branch", "-q", "coop/a", "origin/coop/a"], in: clone)
        let conflicts: () throws -> [String] = {
            try repository.git(["diff", "--name-only", "-z", "--diff-filter=U"], in: clone).split(separator: "\0").map(String.init)
        }
        switch method {
        case .merge:
            guard try repository.attempt(["merge", "-q", "--no-edit", "coop/a"], in: clone) != nil else { return (nil, try conflicts()) }
        case .squash:
            guard try repository.attempt(["merge", "-q", "--squash", "coop/a"], in: clone) != nil else { return (nil, try conflicts()) }
            _ = try repository.attempt(["commit", "-q", "--no-edit"], in: clone)
        case .rebase:
            try repository.git(["checkout", "-q", "coop/a"], in: clone)
            guard try repository.attempt(["rebase", "-q", "trunk"], in: clone) != nil else { return (nil, try conflicts()) }
        }
        return (try repository.git(["rev-parse", "HEAD"], in: clone), [])
    }

    /// - Returns: how coop's own ended.
    @discardableResult
    private func compare(_ repository: Repository, _ method: MergeMethod, _ number: Int = 0) throws -> End {
        let before = try repository.git("rev-parse", "trunk")
        let expected = try plain(repository, method, number)
        let end: End
        switch try repository.merge(method, number) {
        case .nothing:
            end = .nothing
            #expect(expected.commit == before, "plain git has something to do: \(method)")
        case .conflicts(let paths, _):
            end = .conflicts
            #expect(expected.commit == nil, "plain git merges cleanly: \(method)")
            #expect(paths.sorted() == expected.conflicts.sorted())
        case .done(let done):
            end = .done
            // The same names of commits: trees, parents, authors, dates and messages are the same.
            #expect(done.commit.hex == expected.commit, "\(method)")
            #expect(try repository.id("\(done.commit.hex)^{tree}") == done.tree)
        }
        #expect(try repository.git("rev-parse", "trunk") == before)
        #expect(try repository.git("status", "--porcelain") == "")
        return end
    }

    private enum End { case nothing, conflicts, done }

    private func forked() throws -> Repository {
        let repository = try Repository()
        try repository.commit([("one", "1\n2\n3\n4\n5\n6\n7\n8\n"), ("two", "two\n")])
        try repository.git("checkout", "-q", "-b", "coop/a")
        return repository
    }

    @Test(arguments: MergeMethod.allCases) func `commits of both sides`(_ method: MergeMethod) throws {
        let repository = try forked()
        try repository.commit([("one", "1\n2\n3\n4\n5\n6\n7\n8\n9\n"), ("dir/three", "3\n")], "Title\n\nBody")
        try repository.commit([("dir/three", "33\n")])
        try repository.git("checkout", "-q", "trunk")
        try repository.commit([("one", "0\n1\n2\n3\n4\n5\n6\n7\n8\n")])
        #expect(try compare(repository, method) == .done)
    }

    @Test(arguments: MergeMethod.allCases) func `forward only`(_ method: MergeMethod) throws {
        let repository = try forked()
        try repository.commit([("three", "3\n")])
        try repository.commit([("three", "4\n")])
        try repository.git("checkout", "-q", "trunk")
        #expect(try compare(repository, method) == .done)
    }

    @Test(arguments: MergeMethod.allCases) func `conflicts are listed`(_ method: MergeMethod) throws {
        let repository = try forked()
        try repository.commit([("one", "a\n"), ("two", "deleted there\n"), ("new\nname", "x\n")])
        try repository.git("checkout", "-q", "trunk")
        try repository.git("rm", "-q", "two")
        try repository.commit([("one", "b\n"), ("new\nname", "y\n")])
        #expect(try compare(repository, method) == .conflicts)
    }

    @Test(arguments: MergeMethod.allCases) func `what is there already is not done again`(_ method: MergeMethod) throws {
        let repository = try forked()
        try repository.commit([("three", "3\n")])
        try repository.git("checkout", "-q", "trunk")
        try repository.commit([("four", "4\n")])
        try repository.git("cherry-pick", "coop/a")
        if method == .merge {
            try compare(repository, method)
            return
        }
        guard case .nothing = try repository.merge(method) else {
            Issue.record("it is done again")
            return
        }
    }

    @Test func `unrelated histories are refused`() throws {
        let repository = try forked()
        try repository.git("checkout", "-q", "--orphan", "other")
        try repository.commit([("x", "x\n")])
        try repository.git("branch", "-f", "coop/a", "other")
        #expect(throws: CoopError.self) { try repository.merge(.merge) }
    }

    @Test func `a branch without commits takes the task's`() throws {
        let repository = try Repository()
        try repository.commit([("x", "x\n")])
        let tip = try repository.id("trunk")
        let result = try TaskMerge(git: repository.isolated(), branch: "coop/a", tip: tip, target: "new", targetTip: nil).compute(.merge)
        guard case .done(let done) = result else {
            Issue.record("\(result)")
            return
        }
        #expect(done.commit == tip && done.commits == 1)
    }

    @Test(arguments: ["false", "only"]) func `merge.ff is obeyed`(_ value: String) throws {
        let repository = try forked()
        try repository.commit([("three", "3\n")])
        try repository.git("checkout", "-q", "trunk")
        try repository.git("config", "merge.ff", value)
        // A clone has no such setting.
        guard case .done(let done) = try repository.merge(.merge) else {
            Issue.record("nothing was merged")
            return
        }
        #expect(done.isFastForward == (value == "only"))
        if value == "only" {
            try repository.commit([("four", "4\n")])
            #expect(throws: CoopError.self) { try repository.merge(.merge, 1) }
        }
    }

    @Test func `built-in drivers of tracked attributes work, others are never run`() throws {
        let repository = try Repository()
        let mark = FileSystem.join(repository.directory, "executed")
        let evil = "touch \(mark); exit 0"
        for name in [
            "merge.evil.driver", "filter.evil.clean", "filter.evil.smudge", "filter.evil.process", "diff.evil.textconv",
            "diff.evil.command", "diff.external", "core.fsmonitor", "gpg.program", "core.sshCommand", "core.alternateRefsCommand",
        ] {
            try repository.git("config", name, evil)
        }
        try repository.git("config", "commit.gpgSign", "true")
        try repository.git("config", "merge.renormalize", "true")
        let calm = ["-c", "core.fsmonitor=", "-c", "commit.gpgSign=false", "-c", "filter.evil.clean=cat", "-c", "filter.evil.process="]
        func commit(_ message: String) throws {
            try repository.git(calm + ["add", "-A"])
            try repository.git(calm + ["commit", "-q", "-m", message])
        }
        for hook in ["pre-merge-commit", "post-merge", "reference-transaction", "post-checkout", "pre-commit", "commit-msg"] {
            let path = FileSystem.join(repository.work, ".git/hooks/\(hook)")
            try FileSystem.replace(path, with: Array("#!/bin/sh\n\(evil)\n".utf8), mode: 0o644)
        }
        try repository.write(".gitattributes", "*.evil merge=evil filter=evil diff=evil\n*.list merge=union\n")
        try repository.write("a.evil", "1\n2\n3\n")
        try repository.write("a.list", "1\n")
        try commit("first")
        try repository.git(calm + ["checkout", "-q", "-b", "coop/a"])
        try repository.write("a.evil", "1\n2\n3\n4\n")
        try repository.write("a.list", "1\n2\n")
        try commit("task")
        try repository.git(calm + ["checkout", "-q", "trunk"])
        try repository.write("a.evil", "0\n1\n2\n3\n")
        try repository.write("a.list", "1\n3\n")
        try commit("trunk")
        for hook in try FileSystem.list(FileSystem.join(repository.work, ".git/hooks")) {
            chmod(FileSystem.join(repository.work, ".git/hooks/\(hook)"), 0o755)
        }
        if FileSystem.kind(mark) != nil { try FileSystem.removeFile(mark) }
        for (number, method) in MergeMethod.allCases.enumerated() {
            guard case .done(let done) = try repository.merge(method, number) else {
                Issue.record("\(method) does not merge")
                continue
            }
            #expect(try repository.git("cat-file", "blob", "\(done.commit.hex):a.evil") == "0\n1\n2\n3\n4")
            #expect(try repository.git("cat-file", "blob", "\(done.commit.hex):a.list") == "1\n3\n2")
        }
        #expect(FileSystem.kind(mark) == nil, "something of the repository was executed")
    }

    @Test(arguments: 0..<12 as Range<UInt64>) func `random histories end where plain git ends`(_ seed: UInt64) throws {
        var generator = SeededGenerator(seed)
        let repository = try Repository(seed % 5 == 4 ? ["--object-format=sha256"] : [])
        try repository.commit((0..<5).map { ("f\($0)", (0..<12).map { "line \($0)\n" }.joined()) })
        try repository.git("branch", "coop/a")
        for _ in 0..<Int.random(in: 3...9, using: &generator) {
            try repository.git("checkout", "-q", Bool.random(using: &generator) ? "trunk" : "coop/a")
            switch Int.random(in: 0...9, using: &generator) {
            case 0...5:
                let name = "f\(Int.random(in: 0...5, using: &generator))"
                let old = try? FileSystem.read(FileSystem.join(repository.work, name))
                var lines = old.map { String(osBytes: $0).split(separator: "\n").map(String.init) } ?? ["new"]
                let place = Int.random(in: 0...max(0, lines.count - 1), using: &generator)
                if lines.isEmpty { lines = ["again"] }
                lines[min(place, lines.count - 1)] = "changed \(Int.random(in: 0...3, using: &generator))"
                try repository.commit([(name, lines.map { $0 + "\n" }.joined())], "change \(name)")
            case 6: _ = try repository.attempt(["mv", "f\(Int.random(in: 0...4, using: &generator))", "moved/\(seed)"])
            case 7:
                _ = try repository.attempt(["rm", "-q", "f\(Int.random(in: 0...4, using: &generator))"])
                try repository.commit([], "remove")
            case 8:
                let other = try repository.git("log", "-1", "--format=%H", Bool.random(using: &generator) ? "trunk" : "coop/a")
                if try repository.attempt(["cherry-pick", "--allow-empty", other]) == nil {
                    _ = try repository.attempt(["cherry-pick", "--abort"])
                    try repository.git("reset", "-q", "--hard")
                }
            default:
                if try repository.attempt(["merge", "-q", "--no-edit", "trunk"]) == nil {
                    _ = try repository.attempt(["merge", "--abort"])
                }
            }
            try repository.git("reset", "-q", "--hard")
        }
        try repository.git("checkout", "-q", "trunk")
        for (number, method) in MergeMethod.allCases.enumerated() {
            #expect(throws: Never.self) { try compare(repository, method, number) }
        }
        try repository.git("fsck", "--strict")
    }
}
