import LinuxKernel
import TestSupport
import Testing

@Suite struct WorktreeTests {
    private func repository() throws -> Sandboxed {
        let place = try Sandboxed(anyone)
        let made = try place.outside([
            "/bin/sh", "-c",
            "git init -q -b main . && git -c user.name=T -c user.email=t@example.com commit -q --allow-empty -m first",
        ])
        guard made.exitCode == 0 else { throw TestSupportError("git: \(made)") }
        return place
    }

    private func add(_ place: Sandboxed, _ directory: String, branch: String) throws -> String {
        let path = place.root + "/" + directory
        let made = try place.outside(["git", "worktree", "add", "-q", "-b", branch, path])
        guard made.exitCode == 0 else { throw TestSupportError("git: \(made)") }
        return path
    }

    private func inside(_ place: Sandboxed, _ directory: String) throws -> [String] {
        let outcome = try place.coop(
            ["run", "--", "sh", "-c", "echo \"$(cat /proc/sys/kernel/hostname) ${COOP_WORKTREE-} ${COOP_PORT_OFFSET-}\""],
            directory: directory)
        outcome.expectSuccess()
        return outcome.output.split(whereSeparator: { $0 == " " || $0 == "\n" }).map(String.init)
    }

    @Test("each linked worktree has a host name, a label and a port offset of its own; the main one is as ever")
    func apart() throws {
        let place = try repository()
        #expect(try inside(place, place.project) == ["coop"])
        var seen: [[String]] = []
        // Names that a careless suffix would make equal.
        for (directory, branch) in [
            ("a/feature", "one"), ("Feature", "two"), ("feature_", "three"), ("fea.ture", "four"), ("b/feature", "five"),
        ] {
            let path = try add(place, directory, branch: branch)
            let found = try inside(place, path)
            #expect(found.count == 3 && found[0] == "coop-" + found[1], "\(found)")
            #expect(found[1].utf8.allSatisfy { $0 == 0x2D || ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7A) })
            // The same again, and whatever branch is checked out.
            _ = try place.outside(["git", "-C", path, "checkout", "-q", "-b", branch + "-more"])
            #expect(try inside(place, path) == found)
            #expect(Int(found[2]).map { $0 > 0 && $0 <= 30000 && $0 % 10 == 0 } == true)
            seen.append(found)
        }
        for column in 0..<3 { #expect(Set(seen.map { $0[column] }).count == seen.count, "\(seen)") }
        #expect(seen[0][1] == "feature")
    }

    @Test("explain and project info say the same, and the name finds the worktree")
    func shown() throws {
        struct Info: Decodable {
            struct Project: Decodable {
                var name: String
                var worktree: String?
                var portOffset: Int?
            }
            var project: Project
            var hostname: String
        }
        let place = try repository()
        let path = try add(place, "feature", branch: "x")
        let explained = try place.coop(["explain", "--json", "--", "true"], directory: path).json(Explained.self).spec
        let found = try inside(place, path)
        #expect(explained.hostname == found[0])
        #expect(explained.environment.first { $0.name == "COOP_PORT_OFFSET" }?.value == found[2])
        let info = try place.coop(["project", "info", "--json"], directory: path).json(Info.self)
        #expect(info.project.name == "project/feature" && info.project.worktree == "feature" && info.hostname == found[0])
        #expect(info.project.portOffset.map(String.init) == found[2])
        #expect(try place.coop(["--project", "project/feature", "run", "pwd"], directory: "/").output == path + "\n")
    }

    @Test("a copy of a worktree is no worktree")
    func copied() throws {
        let place = try repository()
        let path = try add(place, "feature", branch: "x")
        #expect(try place.outside(["cp", "-a", path, place.root + "/copy"]).exitCode == 0)
        let explained = try place.coop(["explain", "--json", "--", "true"], directory: place.root + "/copy").json(Explained.self).spec
        #expect(explained.hostname == "coop" && !explained.environment.contains { $0.name == "COOP_WORKTREE" })
    }

    @Test("a bare repository is refused with its work trees and their branches")
    func bare() throws {
        let place = try repository()
        let bare = place.root + "/shop.git"
        #expect(try place.outside(["git", "clone", "-q", "--bare", ".", bare]).exitCode == 0)
        try place.coop(["run", "true"], directory: bare).expectError(126, "is a bare git repository without work trees")
        #expect(try place.outside(["git", "-C", bare, "worktree", "add", "-q", "-b", "topic/x", place.root + "/work"]).exitCode == 0)
        try place.coop(["run", "true"], directory: bare).expectError(
            126, "\n  \(place.root)/work  (topic/x)\n", next: "cd \(place.root)/work")
        try place.coop(["run", "true"], directory: place.root + "/work").expectSuccess()
    }
}
