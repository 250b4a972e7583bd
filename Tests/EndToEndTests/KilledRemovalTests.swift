import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Commands that remove what coop keeps, killed at every point at which they touch it (`COOP_TEST_KILL_AT`).
@Suite struct KilledRemovalTests {
    private static let anyone = TestIdentity.ordinary.last ?? .root

    enum Removal: String, CaseIterable, Sendable {
        case session, overlay, commits, project

        /// Makes one.
        ///
        /// - Returns: its name.
        func make(_ number: Int, in place: Sandboxed) throws -> String {
            switch self {
            case .session, .overlay:
                let name = "work\(number)x"
                let script = "mkdir -p deep/er; echo x > deep/er/file; chmod 0 deep"
                try place.shell(script, options: ["--workspace", "overlay", "--name", name]).expectSuccess()
                return name
            case .commits:
                let script = """
                    blob=$(echo x | git hash-object -w --stdin); inner=$(printf '100644 blob %s\\tfile\\n' $blob | git mktree)
                    git update-ref refs/heads/bad $(git commit-tree $(printf '040000 tree %s\\t.git\\n' $inner | git mktree) -m bad)
                    """
                try place.shell(script).expectSuccess()
                return try #require(try place.coop(["commits", "list"]).output.split(separator: "\n").first.map(String.init))
            case .project:
                try place.coop(["secret", "add", "TOKEN"], input: .bytes("value-of-a-secret".osBytes)).expectSuccess()
                return place.project
            }
        }

        func command(_ name: String) -> [String] {
            switch self {
            case .session: ["rm", "--force", name]
            case .overlay: ["discard", "--yes", name]
            case .commits: ["commits", "rm", "--yes", name]
            case .project: ["project", "rm", "--yes", name]
            }
        }

        /// Whether it is still there for its user.
        func isListed(_ name: String, in place: Sandboxed) throws -> Bool {
            switch self {
            case .session: try place.coop(["ps", "-a"]).output.contains(name)
            case .overlay: try place.coop(["diff", "--name-only", name]).output.contains("deep")
            case .commits: try place.coop(["commits", "list"]).output.contains(name)
            case .project: try place.coop(["secret", "list"]).output.contains("TOKEN")
            }
        }
    }

    /// What is on its way out, and directories with names that nobody lists.
    private func hidden(_ place: Sandboxed) throws -> [String] {
        func visit(_ directory: String) throws -> [String] {
            try FileSystem.entries(directory).flatMap { name, kind -> [String] in
                // What is in these is the session's.
                guard kind == .directory, !["upper", "git", "home"].contains(name) else { return [] }
                let path = FileSystem.join(directory, name)
                return name.hasPrefix(".") ? [path] : try visit(path)
            }
        }
        let removed = place.coopHome + "/state/removed"
        return try visit(place.coopHome + "/projects") + (FileSystem.kind(removed) == nil ? [] : FileSystem.list(removed))
    }

    @Test("a removal that is killed at any point has happened or not, and the next command finishes it", arguments: Removal.allCases)
    func killed(_ removal: Removal) throws {
        let place = try Sandboxed(Self.anyone)
        if removal == .commits { try place.makeRepository() }
        var point = 1
        var (stayed, went) = (0, 0)
        while point < 100 {
            let name = try removal.make(point, in: place)
            #expect(try removal.isListed(name, in: place))
            let outcome = try place.coop(removal.command(name), environment: ["COOP_TEST_KILL_AT": String(point)])
            guard outcome.signal == SIGKILL else {
                outcome.expectSuccess()
                break
            }
            let isUnderWay = try !hidden(place).isEmpty
            let next = try place.coop(["ps"])
            #expect(next.exitCode == 0 && next.error == "", "killed at \(point): \(next)")
            let left = try hidden(place)
            #expect(left == [], "killed at \(point)")
            if try removal.isListed(name, in: place) {
                #expect(!isUnderWay, "killed at \(point)")
                stayed += 1
                try place.coop(removal.command(name)).expectSuccess()
            } else {
                went += 1
            }
            #expect(try !removal.isListed(name, in: place))
            point += 1
        }
        #expect(stayed > 0 && went > 1, "\(stayed) stayed, \(went) went")
        let left = try hidden(place)
        #expect(left == [])
    }

    @Test("of two that remove the same, and a command that clears up, none is in the others' way")
    func together() throws {
        let place = try Sandboxed(Self.anyone)
        for number in 0..<4 {
            let name = "work\(number)"
            let script = "for i in $(seq 300); do mkdir -p d$i/e/f; done"
            try place.shell(script, options: ["--workspace", "overlay", "--name", name]).expectSuccess()
            let removals = try (0..<3).map { _ in try place.start(["rm", "--force", name]) }
            let others = try (0..<3).map { _ in try place.start(["ps"]) }
            let outcomes = try removals.map { try $0.wait() }
            #expect(outcomes.contains { $0.exitCode == 0 }, "\(outcomes)")
            for outcome in outcomes where outcome.exitCode != 0 {
                // It came too late, or while the first was at it.
                #expect(outcome.exitCode == 4 || outcome.exitCode == 1, "\(outcome)")
            }
            for other in others {
                let outcome = try other.wait()
                #expect(outcome.exitCode == 0 && outcome.error == "", "\(outcome)")
            }
            let left = try hidden(place)
            #expect(left == [])
        }
    }
}
