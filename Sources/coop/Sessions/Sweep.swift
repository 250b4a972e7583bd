import CoopErrors
import Glibc
import LinuxKernel
import NativeEngine
import Projects
import Review
import Sandbox
import Sessions

/// Clears away what killed sandboxes have left. Every command that touches sandboxes begins with it; with nothing to do
/// it costs one directory listing.
struct Sweep {
    let context: Context

    /// - Parameter given: the key of a project that is given up, whose remains wait for it no longer.
    func run(givingUp given: String? = nil) throws {
        try recoverAfterBoot()
        emptyTrash()
        try finishTasks()
        try finishLandings()
        let names = try SessionDirectory.directories(in: context.run)
        sweepPlaceholders(except: names)
        for name in names {
            guard let remains = try SessionDirectory.adopt(run: context.run, id: name) else { continue }
            do {
                for cgroup in try remains.recordedCgroups() { try NativeEngine.removeCgroup(cgroup) }
                try concludeLog(of: remains)
                if try WorkspaceSession.settle(remains, context: context, givingUp: given) { try remains.remove() }
            } catch {
                // One that cannot be finished must not stop every later command; what it holds stays for the next try.
                let next = (error as? CoopError)?.next ?? "coop doctor"
                FileHandleOutput.standardError(
                    "coop: cannot finish the sandbox \(name.printable), which is over: \("\(error)".printableLines)\nNext: \(next.printable)\n"
                )
            }
        }
    }

    /// Placeholders of sessions that have left nothing else.
    private func sweepPlaceholders(except names: [String]) {
        do { try WorkspaceSession.sweepPlaceholders(except: names, context: context) } catch {
            let next = (error as? CoopError)?.next ?? "coop doctor"
            FileHandleOutput.standardError("coop: \("\(error)".printableLines)\nNext: \(next.printable)\n")
        }
    }

    private func emptyTrash() {
        do { try context.home.trash.empty() } catch {
            FileHandleOutput.standardError(
                "coop: cannot finish what was being removed: \("\(error)".printableLines)\nNext: ls -la \(context.home.path.shellQuoted)/state/removed\n"
            )
        }
    }

    /// A task that was being made or removed.
    private func finishTasks() throws {
        do { try ProjectTasks.recover(context) } catch {
            FileHandleOutput.standardError(
                "coop: cannot finish what a killed command began with a task: \("\(error)".printableLines)\nNext: coop task list\n")
        }
    }

    /// Brings a tree in which a landing was cut off to what it was, or to what it was to become.
    private func finishLandings() throws {
        let merges = CutOffMerges(context: context)
        let (recovered, failures) = try context.landings.recover(isCompleted: merges.isCompleted)
        for landing in recovered {
            guard let root = landing.root, let note = landing.note, note.kind != .merge else { continue }
            let outcome = landing.outcome == .finished ? "has been finished" : "has been taken back; the tree is as it was"
            FileHandleOutput.standardError(
                "coop: a cut-off \(note.kind.rawValue) of \(note.subject.printable) in \(root.printable) \(outcome)\n")
        }
        for error in failures {
            let next = (error as? CoopError)?.next ?? "ls -la \(context.landings.directory.printable)"
            FileHandleOutput.standardError("coop: cannot finish a cut-off landing: \("\(error)".printableLines)\nNext: \(next)\n")
        }
        try merges.finish()
    }

    /// The log of a session whose supervisor was killed says so.
    private func concludeLog(of remains: SessionDirectory) throws {
        // One that a power loss has emptied names no log.
        guard let bytes = try SessionDirectory.record(run: context.run, id: remains.id),
            let log = (try? JSONText.decode(SessionRecord.self, from: bytes))?.log
        else { return }
        do { try SessionRecorder.orphan(directory: log) } catch {
            // A log that cannot be finished keeps nothing else from being cleared away: what is in it stays readable.
            FileHandleOutput.standardError(
                "coop: cannot finish the log of the killed session \(remains.id.printable): \("\(error)".printableLines)\nNext: df -h \(log.printable)\n"
            )
        }
    }

    /// Once after each boot: what a power loss may have left without a record.
    private func recoverAfterBoot() throws {
        let state = FileSystem.join(context.home.path, "state")
        let file = FileSystem.join(state, "boot")
        let boot = try FileSystem.read("/proc/sys/kernel/random/boot_id", limit: 128)
        if FileSystem.kind(file) == .file, try FileSystem.read(file, limit: 128) == boot { return }
        try context.home.prepare(state)
        for project in try ProjectRegistry(home: context.home).all() {
            do { try WorkspaceSession.recover(root: project.path, context: context) } catch {
                // Said once: with the next session there, what was left is found again.
                FileHandleOutput.standardError(
                    "coop: cannot look for what a power loss may have left: \("\(error)".printableLines)\nNext: ls -ld \(project.path.shellQuoted)\n"
                )
            }
        }
        try FileSystem.replace(file, with: boot)
    }
}
