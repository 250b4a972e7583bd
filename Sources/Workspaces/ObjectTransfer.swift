import CLinux
import CoopErrors
import Glibc
import LinuxKernel

/// Brings objects from a sandbox into the host's repository: git inside writes a pack to a pipe, git on the host reads it into a
/// quarantine, checks every object and every link, and only then the pack is moved in.
struct ObjectTransfer {
    let git: HostGit
    let session: String
    let limits: CommitImport.Limits
    let runInside: CommitImport.RunInside

    private var objects: String { git.repository.objectDirectories[0] }

    /// In the object directory, so that moving in is a rename; named so that `git prune` takes away what a crash leaves.
    private var quarantine: String { FileSystem.join(objects, "tmp_objdir-coop-\(session)") }

    /// Removes what an earlier, interrupted import of this session left.
    func removeQuarantine() throws(SystemError) {
        if try FileSystem.kindIfPresent(quarantine, followLinks: false) != nil { try FileSystem.removeTree(quarantine) }
    }

    /// The standard output of a git command inside. Everything in it may be forged.
    ///
    /// - Parameter isQuiet: whether what git says of a failure is kept from the user.
    /// - Returns: nil when the command failed.
    func output(_ arguments: [String], input: [UInt8] = [], limit: Int, isQuiet: Bool = false) throws -> [UInt8]? {
        let file = Descriptor(
            owning: try describing("cannot make a file in memory") {
                try check("memfd_create") { clinux_bounded_memory_file("coop", Int64(limit)) }
            })
        let command = isQuiet ? ["sh", "-c", "exec git \"$@\" 2> /dev/null", "sh"] : ["git"]
        guard try runInside(command + arguments, input, file.number) == 0 else { return nil }
        // The offset is shared with the writer: it tells how much was written. A writer that moved it harms only itself.
        let length = max(0, min(Int(lseek(file.number, 0, SEEK_CUR)), limit))
        return try describing("cannot read what git wrote inside") {
            try FileBytes.read(file, count: length, subject: arguments.first ?? "")
        }
    }

    /// The types of objects the host has or, with a quarantine, would have; objects it lacks are left out.
    func types(of ids: [ObjectID], quarantine: String? = nil) throws -> [ObjectID: String] {
        if ids.isEmpty { return [:] }
        let answer = try git.run(
            ["cat-file", "--batch-check=%(objectname) %(objecttype)"],
            HostGit.Setting(objectDirectory: quarantine, input: Array(ids.map { $0.hex + "\n" }.joined().utf8)))
        var result: [ObjectID: String] = [:]
        for line in answer.split(separator: UInt8(ascii: "\n")) {
            let parts = String(decoding: line, as: UTF8.self).split(separator: " ")
            if parts.count == 2, let id = ObjectID(parts[0]), parts[1] != "missing" { result[id] = String(parts[1]) }
        }
        return result
    }

    /// Brings all of `tips`, or one by one when together they fail, so that one broken branch does not hold the others.
    ///
    /// - Returns: the reason for each tip that could not be brought.
    func bring(_ tips: [ObjectID], known: [ObjectID]) throws -> [ObjectID: String] {
        if tips.isEmpty { return [:] }
        do {
            try bringTogether(tips, known: known)
            return [:]
        } catch let error as CoopError where error.code == .failed {
            if tips.count == 1 { return [tips[0]: error.message] }
        }
        var failures: [ObjectID: String] = [:]
        // Together they share the time that one of them may take.
        let end = HostProcess.milliseconds() + limits.timeout
        for (number, tip) in tips.enumerated() {
            guard number < limits.separateTips, HostProcess.milliseconds() < end else {
                failures[tip] = "too many branches, or too large ones, to try one by one"
                continue
            }
            do {
                try bringTogether([tip], known: known)
            } catch let error as CoopError where error.code == .failed {
                failures[tip] = error.message
            }
        }
        return failures
    }

    private func bringTogether(_ tips: [ObjectID], known: [ObjectID]) throws {
        let present = try types(of: tips)
        if present.count == tips.count, try isConnected(tips, quarantine: nil) { return }
        try describing("cannot make a quarantine for objects") {
            try removeQuarantine()
            try FileSystem.makeDirectories(FileSystem.join(quarantine, "pack"), mode: 0o755)
        }
        do {
            try receivePack(tips, known: known)
            guard try isConnected(tips, quarantine: quarantine) else {
                throw CoopError(
                    .failed, "the commits are not complete", "objects that they name are missing",
                    next: "git -C \(git.repository.workTree.printable) fsck")
            }
            try describing("cannot store objects in \(objects.printable)") { try moveIn() }
        } catch {
            // The quarantine is removed whatever happens; the first error is the one that matters.
            try? removeQuarantine()
            throw error
        }
        try describing("cannot remove \(quarantine.printable)") { try removeQuarantine() }
    }

    /// `pack-objects` inside, `index-pack` on the host, at the same time.
    private func receivePack(_ tips: [ObjectID], known: [ObjectID]) throws {
        var failure: CoopError?
        // Should the host lack one of its own old objects, the second try does without knowing what it has.
        for known in known.isEmpty ? [known] : [known, []] {
            var ends: [Int32] = [-1, -1]
            try describing("cannot make a pipe") { _ = try check("pipe2") { clinux_pipe(&ends) } }
            var reading: Descriptor? = Descriptor(owning: ends[0])
            var writing: Descriptor? = Descriptor(owning: ends[1])
            let setting = HostGit.Setting(
                objectDirectory: quarantine,
                limits: HostProcess.Limits(memory: limits.memory, fileSize: limits.packBytes &* 4, output: 1 << 16, timeout: limits.timeout)
            )
            let receiver = try git.start(
                [
                    // Known trees of old projects have zero-padded modes, which harm nobody; every other finding is an error.
                    "index-pack", "--stdin", "--fix-thin", "--strict=zeroPaddedFilemode=ignore", "--threads=1",
                    "--max-input-size=\(limits.packBytes)",
                ], input: reading, setting)
            // Only the receiver may hold this end: when it gives up, the writer inside has to see it, not to wait for ever.
            reading = nil
            let revisions = tips.map { $0.hex + "\n" } + known.map { "^\($0.hex)\n" }
            var status: Int32 = -1
            var thrown: (any Error)?
            do {
                status = try runInside(
                    ["git", "pack-objects", "--thin", "--stdout", "--revs", "--delta-base-offset", "-q"],
                    Array(revisions.joined().utf8), writing?.number ?? -1)
            } catch {
                thrown = error
            }
            // The receiver sees the end only when no one holds the pipe any more.
            writing = nil
            let outcome = try describing("cannot receive objects") { try receiver.wait() }
            if let thrown { throw thrown }
            if outcome.status.isSuccess { return }
            let why = status == 0 ? complaint(outcome) : "git pack-objects inside ended with \(status); \(complaint(outcome))"
            failure = CoopError(.failed, "the commits were not accepted", why, next: "git -C \(git.repository.workTree.printable) fsck")
            if status == 0 { break }
        }
        if let failure { throw failure }
    }

    /// Whether everything that `tips` reach exists, without looking again at what the host's own references reach.
    private func isConnected(_ tips: [ObjectID], quarantine: String?) throws -> Bool {
        var arguments = ["rev-list", "--objects", "--stdin", "--quiet", "--not", "--all"]
        if git.repository.isPartialClone { arguments.insert("--exclude-promisor-objects", at: 2) }
        let outcome = try git.attempt(
            arguments,
            HostGit.Setting(
                objectDirectory: quarantine, input: Array(tips.map { $0.hex + "\n" }.joined().utf8),
                limits: HostProcess.Limits(memory: limits.memory, output: 1 << 16, timeout: limits.timeout)))
        return outcome.status.isSuccess
    }

    /// The index goes last: git looks for it, and a pack without one is not seen.
    private func moveIn() throws(SystemError) {
        let source = FileSystem.join(quarantine, "pack")
        let target = FileSystem.join(objects, "pack")
        try FileSystem.makeDirectories(target, mode: 0o755)
        let names = try FileSystem.list(source).filter { $0.hasPrefix("pack-") }
        for ending in [".pack", ".rev", ".idx"] {
            for name in names where name.hasSuffix(ending) {
                try FileSystem.rename(FileSystem.join(source, name), to: FileSystem.join(target, name))
            }
        }
        let directory = try Descriptor.open(target, O_RDONLY | O_DIRECTORY)
        try check("fsync", target) { fsync(directory.number) }
    }
}

extension GitRepository {
    /// Whether objects may be absent because a promisor remote has them (git-clone(1), `--filter`).
    var isPartialClone: Bool {
        guard let bytes = try? FileBytes.contents(configurationFiles[0]), let parsed = GitConfiguration.parse(bytes) else { return false }
        return parsed.value("extensions", "partialclone") != nil
            || parsed.entries.contains { $0.section == "remote" && $0.name == "promisor" && $0.value != "false" }
    }
}
