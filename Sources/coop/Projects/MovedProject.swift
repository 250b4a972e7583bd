import CoopErrors
import LinuxKernel
import Projects

/// Recognises a project whose directory was moved, and gives it what was kept for it.
struct MovedProject {
    let context: Context

    /// - Throws: `notReady` when a sandbox still works on it under the old path.
    func takeOver(_ project: Project) throws(CoopError) {
        guard let former = try ProjectRegistry(home: context.home).formerSelf(of: project) else { return }
        try move(former, to: project)
    }

    func move(_ former: ProjectRecord, to project: Project) throws(CoopError) {
        try LiveProject(context: context, record: former).refuse("cannot take over what was kept for \(former.path.printable)")
        try RecordedTrust(home: context.home).move(from: former, to: project)
        try ProjectRegistry(home: context.home).move(former, to: project)
        FileHandleOutput.standardError(
            "coop: this project was at \(context.home.abbreviated(former.path).printable); its home, secrets and approvals go with it\n")
    }
}
