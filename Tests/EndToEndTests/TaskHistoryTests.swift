import LinuxKernel
import TestSupport
import Testing

/// Random histories of a task and of its base, brought together by `coop task merge` and by plain git in a copy: one succeeds when the other
/// does, and both end alike.
@Suite struct TaskHistoryTests {
    @Test("landing random histories ends where plain git ends", arguments: [11, 12, 13] as [UInt64])
    func random(_ seed: UInt64) throws {
        let place = try Sandboxed(TestIdentity.ordinary.last ?? .root)
        try place.sh(
            """
            git init -q -b trunk . && git config user.name Ada && git config user.email ada@example.org && git config gc.auto 0
            for i in 0 1 2 3 4 5 6 7; do mkdir -p d$((i % 3)); seq 1 30 > d$((i % 3))/f$i; done; git add .; git commit -qm first
            """)
        var random = SeededGenerator(seed)
        var merged = 0
        for round in 0..<8 {
            let theirs = script(&random, "t\(round)", 1 + Int(random.next() % 5))
            let ours = script(&random, "u\(round)", Int(random.next() % 4))
            let squash = random.next() % 4 == 0
            // A change that is not committed stops the one as it stops the other.
            let dirty =
                random.next() % 3 == 0 ? "f=$(git ls-files | head -n \(1 + random.next() % 8) | tail -n 1); echo dirty >> \"$f\"" : "true"
            let worked = try place.task("r\(round)", theirs)
            #expect(worked.exitCode == 0, "\(theirs) \(worked)")
            try place.sh("\(ours); \(dirty)")
            let way =
                squash
                ? "git merge -q --squash coop/r\(round) && { git diff --cached --quiet || git commit -q --no-edit; }"
                : "git merge -q --no-edit coop/r\(round)"
            let plain = try place.outside([
                "/bin/sh", "-c",
                "cp -a \"$PWD\" ../plain && cd ../plain && rm -rf .git/worktrees && { \(way); } > /dev/null 2>&1 && { \(TaskMergeTests.look); }",
            ])
            try FileSystem.removeTree(place.root + "/plain")
            let before = try place.bytes()
            let outcome = try place.coop(
                ["task", "merge", "r\(round)", "--yes", "--accept", "**"] + (squash ? ["--squash"] : []))
            let story = "seed \(seed) round \(round)\ntask: \(theirs)\nbase: \(ours); \(dirty)\n\(way)\n\(plain)\n\(outcome)"
            #expect((outcome.exitCode == 0) == (plain.exitCode == 0) && outcome.exitCode <= 1, "\(story)")
            if plain.exitCode == 0, outcome.exitCode == 0 {
                merged += 1
                // A squashed commit has a text of coop's own.
                func comparable(_ text: String) -> [Substring] {
                    text.split(separator: "\n").filter { !squash || !$0.contains("Ada ada@") }
                }
                #expect(try comparable(place.sh(TaskMergeTests.look)) == comparable(plain.output), "\(story)")
            } else {
                let after = try place.bytes()
                let changed = Set(after.split(separator: "\n")).symmetricDifference(before.split(separator: "\n"))
                    // Git notes the time at an object that it would have written and that is there.
                    .filter { !$0.contains(" .git/objects/") }
                #expect(changed.isEmpty, "\(changed)\n\(story)")
            }
            try place.sh("git checkout -q -f; git clean -qfd; git reset -q --hard")
        }
        #expect(try merged > 1 && place.sh("git fsck --strict --no-dangling") == "")
        #expect(try place.merges() == [])
        try place.expectClean()
    }

    /// Some commits: lines changed, files made, moved, removed, made executable, replaced by directories and links.
    private func script(_ random: inout SeededGenerator, _ name: String, _ count: Int) -> String {
        var lines = ["any() { git ls-files | sed -n \"$(( $1 % $(git ls-files | wc -l) + 1 ))p\"; }"]
        for number in 0..<count {
            let (which, line) = (random.next() % 97, 1 + random.next() % 30)
            switch random.next() % 9 {
            case 0...3: lines.append("f=$(any \(which)); [ -L \"$f\" ] || sed -i '\(line)s/.*/\(name) \(number)/' \"$f\"")
            case 4: lines.append("mkdir -p d\(which % 4)/\(name); echo \(line) > d\(which % 4)/\(name)/n\(number)")
            case 5: lines.append("f=$(any \(which)); git rm -q \"$f\"")
            case 6: lines.append("f=$(any \(which)); git mv \"$f\" moved-\(which % 3)-\(number) 2>/dev/null || true")
            case 7: lines.append("f=$(any \(which)); [ -L \"$f\" ] || chmod +x \"$f\"")
            default: lines.append("f=$(any \(which)); rm -f \"$f\"; ln -s target\(line % 2) \"$f\"")
            }
            lines.append("git add -A; git commit -q --allow-empty -m '\(name) \(number)'")
        }
        return lines.joined(separator: "; ")
    }
}
