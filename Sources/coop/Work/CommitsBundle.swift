import ArgumentParser
import CoopErrors
import Glibc
import LinuxKernel

struct CommitsBundle: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bundle", abstract: "Write commits that did not arrive into a file that git can fetch from.",
        discussion: """
            Git in a sandbox writes the file (git-bundle(1)). To fetch from it is to take what was refused: git checks of it what your
            fetch.fsckObjects asks for, which is nothing by default.

            Examples:
              coop commits bundle work.bundle
              git fetch work.bundle 'refs/heads/*:refs/recovered/*'
            """)

    @Argument(help: ArgumentHelp("A new file.", valueName: "FILE"), completion: .file()) var file: String
    @Argument(help: ArgumentHelp("The session: an id, or the beginning of one.", valueName: "ID")) var session: String?

    func run() throws {
        let context = try Context()
        try Sweep(context: context).run()
        let kept = try ProjectCommits(context: context, project: context.project().key).find(session)
        let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, file))
        let what = "cannot write \(path.printable)"
        let output: Descriptor
        do { output = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o644) } catch {
            throw CoopError(.failed, what, "\(error)", next: error.isFull ? "df -h; df -i" : "coop commits bundle ANOTHER-FILE")
        }
        do {
            guard try SessionCommits.bundle(kept, to: output, context: context) else {
                throw CoopError(
                    .failed, what, "git inside could not read all of them",
                    next: "ls \(kept.directory.shellQuoted)   # as the session has left it; do not let your own git work in it")
            }
        } catch {
            // Half a bundle is none, and the first error is the one that matters.
            try? FileSystem.removeFile(path)
            throw error
        }
        print("Next: git fetch \(file.shellQuoted) 'refs/heads/*:refs/recovered/*'   # git checks nothing of them")
    }
}
