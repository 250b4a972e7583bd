import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Git's whole porcelain, used in a task of a real repository as in a plain clone of it: what comes out is the same.
@Suite struct TaskWorkTests {
    private static let root = FileSystem.normalize(#filePath + "/../../..")
    private static let script = FileSystem.parent(of: #filePath) + "/Work/porcelain.sh"

    /// For how long; without it everything is done once (docs/testing.md).
    private static let minutes = getenv("COOP_TEST_WORK_MINUTES").flatMap { Int(String(cString: $0)) } ?? 0

    /// The project's own repository, which has a history worth the name, or what a build without one has.
    private func clone(_ place: Sandboxed) throws {
        let made = try ChildProcess.run([
            "/bin/sh", "-ec",
            """
            rm -r "$2"
            if [ -e "$1/.git" ]; then git -c safe.directory='*' clone -q --no-local "$1" "$2"; cd "$2"; git checkout -q -B main; git remote rm origin
                git for-each-ref --format='delete %(refname)' refs/heads | grep -vx 'delete refs/heads/main' | git update-ref --stdin
            else mkdir "$2"; cd "$2"; git init -q -b main .; cp -r "$1/Sources" "$1/docs" "$1"/*.md .; fi
            git config user.name Tester; git config user.email tester@example.com; git add -A
            for i in 1 2 3 4 5 6; do git commit -q --allow-empty -m "base $i"; done
            chown -R "$3" "$2"
            """, "sh", TaskWorkTests.root, place.project, "\(place.identity.user):\(place.identity.group)",
        ])
        guard made.exitCode == 0 else { throw TestSupportError("\(made)") }
    }

    @Test("it ends as in a plain clone, session after session", arguments: [TestIdentity.ordinary.last ?? .root])
    func porcelain(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try clone(place)
        try place.sh(
            "git clone -q . ../oracle; cd ../oracle; git checkout -q -b coop/fix; git config user.name Tester; git config user.email tester@example.com"
        )
        // Of one name inside and outside, since it is in what is committed.
        let beside = "/tmp/coop-work-" + FileSystem.lastComponent(of: place.root)
        defer { try? FileSystem.removeTree(beside) }
        let functions = "place=\(beside)\n" + String(osBytes: try FileSystem.read(TaskWorkTests.script))
        let names = functions.split(separator: "\n").filter { $0.hasPrefix("op_") }.map { String($0.dropFirst(3).prefix { $0 != "(" }) }
        #expect(names.count > 50)
        _ = try place.task("fix", "true")
        let before = try place.repositoryState(except: "refs/heads/coop/fix", "refs/coop/.*")
        var random = SystemRandomNumberGenerator()
        let end = time(nil) + 60 * TaskWorkTests.minutes
        var (number, sessions) = (0, 0)
        repeat {
            // In the order of the file at first: what comes after what is random later.
            let order = number == 0 ? names : names.shuffled(using: &random)
            for part in [order.prefix(order.count / 2), order.dropFirst(order.count / 2)] {
                let lines = part.map { name in
                    number += 1
                    return "one \(name) \(number)"
                }
                let script = functions + "\nbegin\n" + lines.joined(separator: "\n")
                let expected = try place.outside(["/bin/sh", "-c", "cd ../oracle; " + script], timeout: 600)
                let found = try place.shell(script, options: ["--task", "fix"], timeout: 600)
                sessions += 1
                let (left, right) = (steps(found.output), steps(expected.output))
                guard left == right, found.exitCode == 0 else {
                    let first = zip(left, right).first { $0 != $1 }
                    Issue.record(
                        "\(lines)\n\(first.map { "\($0)" } ?? "\(left.count) \(right.count)")\n\(found.error)\n\(expected.error.suffix(500))"
                    )
                    return
                }
                #expect(!found.error.contains("was not taken over") && !found.error.contains("stays:"), "\(lines): \(found.error)")
                #expect(try place.git("rev-parse", "coop/fix") == place.git("-C", "../oracle", "rev-parse", "HEAD"), "\(lines)")
                let look = "git status --porcelain=v1 -uall; git ls-files -s | sha1sum"
                #expect(try place.sh("cd '\(place.tree("fix"))'; \(look)") == place.sh("cd ../oracle; \(look)"), "\(lines)")
            }
            #expect(try place.git("fsck", "--strict", "--no-dangling", "--no-progress") == "")
        } while time(nil) < end
        print("\(number) pieces of work in \(sessions) sessions")
        #expect(try place.repositoryState(except: "refs/heads/coop/fix", "refs/coop/.*") == before)
        let contents =
            "find . -name .git -prune -o -type f -print0 | sort -z | xargs -0 sha1sum | sha1sum; git fsck --strict --no-dangling --no-progress"
        #expect(try place.sh("cd '\(place.tree("fix"))'; \(contents)") == place.sh("cd ../oracle; \(contents)"))
        try place.expectClean()
        #expect(try place.coop(["commits", "list"]).output.hasPrefix("All commits"))
    }

    /// What each piece of work printed, from its name to where it led.
    private func steps(_ output: String) -> [String] {
        var result: [String] = []
        for line in output.split(separator: "\n", omittingEmptySubsequences: false) {
            if line.hasPrefix("= ") || result.isEmpty { result.append("") }
            result[result.count - 1] += line + "\n"
        }
        return result
    }
}
