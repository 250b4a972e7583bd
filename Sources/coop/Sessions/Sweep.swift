import LinuxKernel
import NativeEngine
import Sandbox

/// Clears away what killed sandboxes have left. Every command that touches sandboxes begins with it; with nothing to do
/// it costs one directory listing.
struct Sweep {
    let context: Context

    func run() throws {
        for name in try SessionDirectory.directories(in: context.run) {
            guard let remains = try SessionDirectory.adopt(run: context.run, id: name) else { continue }
            do {
                for cgroup in try remains.recordedCgroups() { try NativeEngine.removeCgroup(cgroup) }
                if try WorkspaceSession.settle(remains, context: context) { try remains.remove() }
            } catch {
                // One that cannot be finished must not stop every later command; what it holds stays for the next try.
                FileHandleOutput.standardError(
                    "coop: cannot finish the killed sandbox \(name.printable): \("\(error)".printableLines)\nNext: coop doctor\n")
            }
        }
    }
}
