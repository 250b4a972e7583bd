import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Sandbox
import Workspaces

/// Files that are handed to a command: copied when the sandbox is made, so that nothing changes them afterwards, and read-only inside.
struct InputFiles {
    /// Where they are inside; `COOP_INPUTS` says so.
    static let directory = "/run/coop/inputs"
    /// The most bytes of one, and of all together.
    static let sizeLimit = 64 << 20
    static let totalLimit = 256 << 20

    private struct File {
        /// As it was written.
        var shown: String
        var path: String
        var name: String
    }

    private let files: [File]
    private let project: Project
    private let home: CoopHome

    /// - Throws: `usage` for a name that cannot be one, or that two have.
    init(_ options: [String], context: Context, project: Project) throws(CoopError) {
        self.project = project
        home = context.home
        var files: [File] = []
        for text in options {
            let (shown, given) = InputFiles.split(text, in: context.currentDirectory)
            let path = FileSystem.normalize(FileSystem.join(context.currentDirectory, ChosenProject.expanded(shown, context.home)))
            let name = given ?? FileSystem.lastComponent(of: path)
            if let why = InputFiles.problem(name) {
                throw CoopError(
                    .usage, "cannot call an input `\(name.printable)`", why, next: "coop run --input-file \(shown.shellQuoted):NAME -- …")
            }
            if let other = files.first(where: { $0.name.utf8.elementsEqual(name.utf8) }) {
                throw CoopError(
                    .usage, "two inputs are called `\(name.printable)`", "\(other.shown.printable) and \(shown.printable)",
                    next: "coop run --input-file \(shown.shellQuoted):NAME -- …")
            }
            files.append(File(shown: shown, path: path, name: name))
        }
        self.files = files
    }

    /// The file and the name behind its last colon; a file whose own name holds the colon is meant itself.
    private static func split(_ text: String, in directory: String) -> (file: String, name: String?) {
        guard let colon = text.utf8.lastIndex(of: UInt8(ascii: ":")) else { return (text, nil) }
        if FileSystem.kind(FileSystem.join(directory, text), followLinks: false) != nil { return (text, nil) }
        return (String(text[..<colon]), String(text[text.utf8.index(after: colon)...]))
    }

    private static func problem(_ name: String) -> String? {
        if name.isEmpty { return "it is empty" }
        if name.utf8.count > 255 { return "it has more than 255 bytes" }
        if name == "." || name == ".." || name.utf8.contains(UInt8(ascii: "/")) { return "it is not the name of a file" }
        if name.hasPrefix("-") { return "it would be taken for an option" }
        return name.printable == name ? nil : "it holds control characters"
    }

    /// Copies the files, and adds them to what the sandbox sees.
    ///
    /// - Parameter directory: does not exist yet, and goes with the sandbox.
    func stage(in directory: String, spec: inout SandboxSpec) throws {
        if files.isEmpty { return }
        try checkTotal()
        try check("mkdir", directory) { directory.withOSBytes { mkdir($0, 0o755) } }
        for file in files {
            let target = FileSystem.join(directory, file.name)
            try Descriptor.open(target, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode: 0o444).writeAll(try read(file), subject: target)
        }
        add(directory, to: &spec)
    }

    /// Adds to the spec what `stage` would; the files are read, so that what is wrong with them is said, and nothing is copied.
    func describe(in directory: String, spec: inout SandboxSpec) throws {
        if files.isEmpty { return }
        try checkTotal()
        for file in files { _ = try read(file) }
        add(directory, to: &spec)
    }

    /// By the sizes that the files have now; each is limited again when it is read.
    private func checkTotal() throws(CoopError) {
        var total: Int64 = 0
        for file in files {
            total += Int64((try? FileSystem.status(file.path, followLinks: false))??.st_size ?? 0)
            if files.count > 1, total > Int64(InputFiles.totalLimit) {
                throw CoopError(
                    .usage, "cannot hand over \(file.shown.printable)",
                    "all inputs together have more than \(InputFiles.totalLimit >> 20) MiB",
                    next: "coop run -m \(FileSystem.parent(of: file.path).shellQuoted):/data:ro -- …")
            }
        }
    }

    private func add(_ directory: String, to spec: inout SandboxSpec) {
        spec.mounts.append(
            Mount(source: directory, target: InputFiles.directory, readOnly: true, isDirectory: true, reason: "--input-file"))
    }

    /// What a person names is what is read: the last link is never followed, and in the project, where a repository or a sandbox may have put
    /// links, none is.
    private func read(_ file: File) throws(CoopError) -> [UInt8] {
        let what = "cannot hand over \(file.shown.printable)"
        if FileSystem.contains(home.path, file.path) {
            throw CoopError(.refused, what, "it lies in coop's own directory", next: "copy it elsewhere first")
        }
        do throws(SystemError) {
            let inProject = FileSystem.relative(file.path, to: project.root) ?? FileSystem.relative(file.path, to: project.shownRoot)
            if let inProject, !inProject.isEmpty {
                guard let bytes = try BeneathDirectory(project.root).read(inProject, limit: InputFiles.sizeLimit) else {
                    throw SystemError("open", file.path, errno: ENOENT)
                }
                return bytes
            }
            let opened = try Descriptor.open(file.path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY)
            var status = stat()
            try check("fstat", file.path) { fstat(opened.number, &status) }
            guard FileKind(mode: status.st_mode) == .file else { throw SystemError("read", file.path, errno: EINVAL) }
            return try opened.readAll(limit: InputFiles.sizeLimit, subject: file.path)
        } catch {
            throw explain(error, file, what)
        }
    }

    private func explain(_ error: SystemError, _ file: File, _ what: String) -> CoopError {
        switch error.errno {
        case ELOOP, EXDEV:
            let target = FileSystem.realPath(file.path)
            return CoopError(
                .refused, what, "it is a symbolic link, or lies behind one" + (target.map { ", which leads to \($0.printable)" } ?? ""),
                next: "coop run --input-file \((target ?? "FILE").shellQuoted):\(file.name.shellQuoted) -- …   # if you mean that file")
        case EFBIG:
            return CoopError(
                .usage, what, "it has more than \(InputFiles.sizeLimit >> 20) MiB",
                next: "coop run -m \(file.path.shellQuoted):/data/\(file.name.shellQuoted):ro -- …")
        case EINVAL:
            return CoopError(
                .usage, what, "it is not a regular file", next: "coop run -m \(file.path.shellQuoted):/data:ro -- …   # for a directory")
        case ENOENT: return CoopError(.notFound, what, "nothing is there", next: "ls -l \(FileSystem.parent(of: file.path).shellQuoted)")
        default: return CoopError(.failed, what, "\(error)", next: "ls -l \(file.path.shellQuoted)")
        }
    }
}
