import LinuxKernel
import TestSupport
import Testing

extension Sandboxed {
    /// Runs lines of sh(1) in a task.
    func task(_ name: String, _ script: String, options: [String] = []) throws -> ChildProcess.Outcome {
        try shell(script, options: ["--task", name] + options)
    }

    /// Where a task's working tree is.
    func tree(_ task: String) throws -> String { try said(["task", "path", task]) }

    /// What a command of coop's prints, without its last line end.
    func said(_ arguments: [String]) throws -> String {
        let outcome = try coop(arguments)
        guard outcome.exitCode == 0 else { throw TestSupportError("coop \(arguments): \(outcome)") }
        return outcome.output.hasSuffix("\n") ? String(outcome.output.dropLast()) : outcome.output
    }

    /// Everything in the repository that no task may change, a line each: references but the named ones, configuration, hooks, info.
    func repositoryState(except names: String...) throws -> String {
        let hidden = names.map { " | grep -v ' \($0)$'" }.joined()
        let outcome = try outside([
            "/bin/sh", "-c",
            """
            git for-each-ref --format='%(objectname) %(refname)' \(hidden) || true
            cat .git/HEAD
            cd .git && find config hooks info description packed-refs HEAD -type f 2>/dev/null | sort | xargs sha256sum
            ls -a | grep -v -e '^index' -e '^worktrees$' -e '^logs$' -e '^packed-refs$' -e '^COMMIT_EDITMSG$' -e '^ORIG_HEAD$'
            ls worktrees 2>/dev/null | grep -v '^coop-' || true
            """,
        ])
        guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        return outcome.output
    }

    /// Everything has ended, and nothing is left of it.
    func expectClean(_ remark: String = "", at location: SourceLocation = #_sourceLocation) throws {
        let remains = try remains()
        #expect(remains.isEmpty, "\(remark) \(remains)", sourceLocation: location)
        let leftovers = try leftovers()
        #expect(leftovers.isEmpty, "\(remark) \(leftovers)", sourceLocation: location)
    }

    /// Nothing is half-made: no lock, no journal, no directory of something that is being made or removed.
    func leftovers() throws -> [String] {
        let outcome = try outside([
            "/bin/sh", "-c",
            """
            find .git -name '*.lock' -o -name 'tmp_*' -o -path '.git/worktrees/*/locked'
            find "$COOP_HOME/state/tasks" -type f 2>/dev/null
            find "$COOP_HOME/projects" -mindepth 3 -maxdepth 3 \\( -name '.*.new' -o -name '.*.old' \\) 2>/dev/null
            true
            """,
        ])
        return outcome.output.split(separator: "\n").map(String.init)
    }
}
