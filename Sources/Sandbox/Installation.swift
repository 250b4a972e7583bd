import Glibc
import LinuxKernel

/// What of the host a program consists of: itself, what it was installed with, and its interpreter. It appears read-only inside at the
/// same paths, and nothing else of the directories around it does.
public struct Installation: Sendable, Equatable {
    /// What must be mounted for the program to run.
    public var mounts: [Mount]
    /// Directories in which its interpreters were found.
    public var searched: [String]
    /// Where the program is started inside: where it was found if that is visible, else where its links lead.
    public var program: String

    /// - Parameters:
    ///   - program: an absolute path.
    ///   - home: the user's home directory, of which nothing more than needed may appear.
    ///   - path: the host's PATH, for interpreters that are looked up.
    ///   - reason: why it is mounted, as `explain` says it.
    ///   - isVisible: whether a path exists inside anyway.
    public static func find(
        _ program: String, home: String, path: String, reason: String, isVisible: (String) -> Bool
    ) -> Installation {
        let start = FileSystem.normalize(program)
        return withoutActuallyEscaping(isVisible) { isVisible in
            var search = InstallationSearch(home: home, path: path, reason: reason, isVisible: isVisible)
            search.expose(start, depth: 0)
            return Installation(
                mounts: search.mounts, searched: search.searched, program: isVisible(start) ? start : FileSystem.realPath(start) ?? start)
        }
    }
}

/// Follows what a program needs to run.
private struct InstallationSearch {
    private(set) var mounts: [Mount] = []
    private(set) var searched: [String] = []
    private let home: String
    private let reason: String
    private let path: [String]
    private let isVisible: (String) -> Bool

    /// A program's interpreter may have an interpreter itself; no honest one goes deeper. Links as in the kernel (path_resolution(7)).
    private static let depthLimit = 4
    private static let linkLimit = 40

    init(home: String, path: String, reason: String, isVisible: @escaping (String) -> Bool) {
        self.home = home
        self.reason = reason
        self.path = path.split(separator: ":").map(String.init).filter { $0.hasPrefix("/") }
        self.isVisible = isVisible
    }

    private func shows(_ path: String) -> Bool { isVisible(path) || mounts.contains { FileSystem.contains($0.target, path) } }

    mutating func expose(_ program: String, depth: Int) {
        guard depth < InstallationSearch.depthLimit, let real = FileSystem.realPath(program) else { return }
        if let environment = virtualEnvironment(of: program) ?? virtualEnvironment(of: real) {
            mount(environment)
            // The interpreter is a link to the one that the environment was made with, and so are its libraries.
            for link in links(from: FileSystem.join(environment, "bin/python")) { mount(program: link) }
        }
        if let modules = nodeModules(around: real) { mount(modules) }
        // A link that is visible must lead somewhere.
        for link in links(from: program).dropFirst() { mount(program: link) }
        mount(program: real)
        if let interpreter = interpreter(of: real) {
            let directory = FileSystem.parent(of: interpreter)
            if !searched.contains(directory) { searched.append(directory) }
            expose(interpreter, depth: depth + 1)
        }
    }

    /// A path and what its last part leads to, link by link.
    private func links(from path: String) -> [String] {
        var result = [path]
        while result.count < InstallationSearch.linkLimit, let last = result.last, let target = FileSystem.readLink(last) {
            result.append(FileSystem.normalize(FileSystem.join(FileSystem.parent(of: last), target)))
        }
        return result
    }

    /// The file alone, and the libraries beside the `bin` that it lies in.
    private mutating func mount(program: String) {
        guard !shows(program) else { return }
        mount(program, isDirectory: false)
        let directory = FileSystem.parent(of: program)
        guard FileSystem.lastComponent(of: directory) == "bin" else { return }
        let prefix = FileSystem.parent(of: directory)
        guard isShared(prefix) else {
            for name in ["lib", "libexec"] { mount(FileSystem.join(prefix, name)) }
            return
        }
        // What a script of Python's loads there; the libraries of everything else that is installed by hand are none of its business.
        guard let interpreter = interpreter(of: program), FileSystem.lastComponent(of: interpreter).hasPrefix("python") else { return }
        let libraries = FileSystem.join(prefix, "lib")
        for name in (try? FileSystem.list(libraries))?.sorted() ?? [] where name.hasPrefix("python") {
            mount(FileSystem.join(libraries, name))
        }
    }

    /// Whether a prefix holds the programs of many installations.
    private func isShared(_ prefix: String) -> Bool { prefix == home || prefix == FileSystem.join(home, ".local") }

    private mutating func mount(_ path: String, isDirectory: Bool = true) {
        guard !shows(path), let source = FileSystem.realPath(path), FileSystem.kind(source) == (isDirectory ? .directory : .file),
            // What holds the home directory would show all of it.
            !FileSystem.contains(source, home), path != "/"
        else { return }
        mounts.append(Mount(source: source, target: path, readOnly: true, isDirectory: isDirectory, reason: reason))
    }

    /// The root of the Python virtual environment that a path lies in (PEP 405).
    private func virtualEnvironment(of path: String) -> String? {
        ancestors(of: path).first { FileSystem.kind(FileSystem.join($0, "pyvenv.cfg")) == .file && $0 != home }
    }

    /// The outermost directory of Node modules that a path lies in: packages look for others up the tree.
    private func nodeModules(around path: String) -> String? {
        ancestors(of: path).last { FileSystem.lastComponent(of: $0) == "node_modules" }
    }

    /// The directories above a path, the nearest first.
    private func ancestors(of path: String) -> [String] {
        var result: [String] = []
        var place = FileSystem.parent(of: path)
        while place != "/", place != ".", !place.isEmpty {
            result.append(place)
            place = FileSystem.parent(of: place)
        }
        return result
    }

    /// What a script's first line names (execve(2), "Interpreter scripts"), looked up in PATH where it is `env NAME`.
    private func interpreter(of file: String) -> String? {
        guard let line = InstallationSearch.firstLine(of: file) else { return nil }
        let words = line.split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        guard let first = words.first, first.hasPrefix("/") else { return nil }
        guard FileSystem.lastComponent(of: first) == "env" else { return first }
        // env(1): options and assignments come before the name.
        guard let name = words.dropFirst().first(where: { !$0.hasPrefix("-") && !$0.contains("=") }) else { return nil }
        if name.hasPrefix("/") { return name }
        return path.map { FileSystem.join($0, name) }.first { FileSystem.isExecutable($0) }
    }

    /// What follows `#!` in a script; nil for anything else.
    private static func firstLine(of file: String) -> String? {
        var line = [UInt8](repeating: 0, count: 512)
        guard FileSystem.kind(file) == .file, let descriptor = try? Descriptor.open(file, O_RDONLY) else { return nil }
        let count = line.withUnsafeMutableBytes { read(descriptor.number, $0.baseAddress, $0.count) }
        guard count > 2, line.starts(with: "#!".utf8) else { return nil }
        return String(osBytes: line[2..<count].prefix { $0 != UInt8(ascii: "\n") })
    }
}
