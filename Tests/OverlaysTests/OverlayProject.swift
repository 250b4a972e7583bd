import Glibc
import LinuxKernel
import Overlays
import Review
import TestSupport

extension OverlaySession {
    var id: String { FileSystem.lastComponent(of: FileSystem.parent(of: directory.path)) }
}

extension String {
    var trimmed: String { hasSuffix("\n") ? String(dropLast()) : self }
    /// For sh(1).
    var quoted: String { "'" + replacing("'", with: "'\\''") + "'" }
}

extension Sandboxed {
    /// A repository with files of every kind, and a copy of it beside the project.
    func makeWork() throws {
        for (name, text) in [
            ("src/a", "a\n"), ("src/b", "b\n"), ("src/c", "c\n"), ("src/d", "d\n"), ("src/long", "long long long\n"), ("docs/x", "x\n"),
            ("docs/deep/y", "y\n"), ("tree/one", "1\n"), ("tree/two", "2\n"), ("leave/it", "it\n"), ("private", "private\n"),
            ("view.py", OverlayPrograms.view), ("random_work.py", OverlayPrograms.random),
        ] {
            try write(name, text)
        }
        try link("link", to: "src/a")
        let made = try outside([
            "sh", "-c",
            """
            git init -q -b main . && git config user.name Tester && git config user.email tester@example.com &&
            git add -A && git commit -qm first && git status --short && cp -a . ../copy
            """,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("git: \(made)") }
    }

    /// Everything that can be told of the tree: a line for each path.
    func outline() throws -> [String] {
        let program = """
            import os, hashlib, sys
            for base, dirs, files in os.walk("."):
                for name in sorted(dirs + files) + ["."]:
                    path = os.path.join(base, name)
                    s = os.lstat(path)
                    data = b""
                    if os.path.islink(path): data = os.readlink(path).encode()
                    elif os.path.isfile(path): data = open(path, "rb").read()
                    print(path, oct(s.st_mode), s.st_ino, s.st_size, s.st_nlink, s.st_mtime_ns, s.st_ctime_ns, hashlib.sha256(data).hexdigest())
            """
        let outcome = try ChildProcess.run(["python3", "-c", program], environment: environment, directory: project)
        // Commits arrive in the repository; everything else of it counts, too.
        return outcome.output.split(separator: "\n").map(String.init).filter { !$0.contains(".git") }.sorted()
    }

    /// What git says on the host, without its last line end.
    func git(_ arguments: String...) throws -> String {
        let outcome = try outside(["git"] + arguments)
        return outcome.output.trimmed + outcome.error
    }

    /// The sessions of this place that have an overlay.
    func overlayIDs() throws -> [String] {
        let projects = coopHome + "/projects"
        guard FileSystem.kind(projects) == .directory else { return [] }
        var result: [String] = []
        for key in try FileSystem.list(projects) {
            let sessions = "\(projects)/\(key)/sessions"
            guard FileSystem.kind(sessions) == .directory else { continue }
            result += try FileSystem.list(sessions).filter { FileSystem.kind("\(sessions)/\($0)/overlay") == .directory }
        }
        return result
    }

    /// The one overlay of this place.
    func overlaySession() throws -> OverlaySession {
        let projects = coopHome + "/projects"
        for key in try FileSystem.list(projects) {
            for id in try overlayIDs() {
                let directory = OverlayDirectory(path: "\(projects)/\(key)/sessions/\(id)/overlay")
                if let session = try OverlaySession.open(directory) { return session }
            }
        }
        throw TestSupportError("there is no overlay")
    }

    /// Makes the changes in the copy of the project.
    func materialize(_ changes: [Change]) throws {
        let copy = root + "/copy"
        // What was in a directory goes before it.
        for change in changes.reversed() where change.before != nil && (change.after == nil || change.before?.kind != change.after?.kind) {
            let path = copy + "/" + change.path
            let isDirectory = change.before?.kind == .directory
            try check("remove", path) { path.withOSBytes { isDirectory ? rmdir($0) : unlink($0) } }
        }
        var modes: [(path: String, mode: UInt32)] = []
        for change in changes {
            guard let after = change.after else { continue }
            let path = copy + "/" + change.path
            switch after.kind {
            case .directory:
                if FileSystem.kind(path) != .directory { try check("mkdir", path) { path.withOSBytes { mkdir($0, 0o700) } } }
            case .symlink:
                try FileSystem.removeFile(path)
                let target = after.target ?? ""
                try check("symlink", path) { target.withOSBytes { to in path.withOSBytes { symlink(to, $0) } } }
                continue
            case .file:
                try FileSystem.removeFile(path)
                let file = try Descriptor.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o600)
                try file.writeAll(after.open().readAll())
            case .other: throw TestSupportError("\(change.path) cannot be made")
            }
            modes.append((path, after.mode))
        }
        for (path, mode) in modes.reversed() { try check("chmod", path) { path.withOSBytes { chmod($0, mode) } } }
    }

    /// What is in a tree, but for the repository.
    func view(of directory: String) throws -> [String] {
        let outcome = try ChildProcess.run(["python3", self("view.py")], environment: environment, directory: directory)
        return outcome.output.split(separator: "\n").map(String.init)
    }
}

/// Programs that run inside, and beside.
enum OverlayPrograms {
    /// A line for each path that says kind, mode and content.
    static let view = """
        import os, hashlib, stat
        lines = []
        def notes(path):
            return "".join(" %s=%s" % (n, os.getxattr(path, n).hex()) for n in sorted(os.listxattr(path)) if n.startswith("user."))
        def walk(directory):
            try: names = os.listdir(directory)
            except PermissionError:
                mode = os.stat(directory).st_mode
                os.chmod(directory, 0o700); names = os.listdir(directory)
                look(directory, names); os.chmod(directory, stat.S_IMODE(mode)); return
            look(directory, names)
        def look(directory, names):
            for name in names:
                if directory == "." and name == ".git": continue
                path = os.path.join(directory, name)
                s = os.lstat(path)
                if stat.S_ISLNK(s.st_mode): lines.append("= l %s %s" % (path, os.readlink(path)))
                elif stat.S_ISDIR(s.st_mode):
                    lines.append("= d %s %o%s" % (path, stat.S_IMODE(s.st_mode), notes(path)))
                    walk(path)
                else:
                    try: data = open(path, "rb").read()
                    except PermissionError:
                        os.chmod(path, 0o600); data = open(path, "rb").read(); os.chmod(path, stat.S_IMODE(s.st_mode))
                    lines.append("= f %s %o %s%s" % (path, stat.S_IMODE(s.st_mode), hashlib.sha256(data).hexdigest(), notes(path)))
        walk(".")
        print("\\n".join(sorted(lines)))

        """

    /// Changes the tree at random, then shows it.
    static let random = """
        import os, random, shutil, sys
        r = random.Random(int(sys.argv[1]))
        def paths():
            found = []
            for base, dirs, files in os.walk("."):
                if base == ".": dirs[:] = [d for d in dirs if d != ".git"]
                found += [os.path.join(base, n) for n in dirs + files if n not in ("view.py", "random_work.py")]
            return found
        def new():
            directories = ["."] + [p for p in paths() if os.path.isdir(p) and not os.path.islink(p)]
            return os.path.join(r.choice(directories), r.choice(["n", "N", "é", "e\\u0301", "É", "with space", "src", "Src", "a", "b"]) + str(r.randrange(30)))
        for step in range(int(sys.argv[2])):
            every = paths()
            if not every: break
            p = r.choice(every)
            what = r.randrange(15)
            try:
                if what == 0: open(new(), "w").write(str(r.random()))
                elif what == 1: os.mkdir(new())
                elif what == 2: os.symlink(r.choice(["a", "/etc", "../.."]), new())
                elif what == 3:
                    if os.path.islink(p) or not os.path.isdir(p): os.unlink(p)
                    elif r.random() < 0.3: shutil.rmtree(p)
                elif what == 4: os.path.islink(p) or os.chmod(p, r.choice([0o755, 0o700, 0o2755, 0o1777] if os.path.isdir(p) else [0o600, 0o644, 0o755, 0o444, 0o4755]))
                elif what == 5 and os.path.isfile(p) and not os.path.islink(p): open(p, "a").write("more")
                elif what == 6 and os.path.isfile(p) and not os.path.islink(p): os.truncate(p, r.randrange(3))
                elif what in (7, 8): os.rename(p, new())
                elif what == 9: shutil.move(p, new())
                elif what == 10 and os.path.isfile(p) and not os.path.islink(p): os.link(p, new())
                elif what == 11 and os.path.isfile(p) and not os.path.islink(p):
                    data = open(p).read(); open(p, "w").write(data)
                elif what == 12 and not os.path.islink(p): os.setxattr(p, "user.k%d" % r.randrange(3), bytes(r.randrange(256) for _ in range(r.randrange(40))))
                elif what == 13 and not os.path.islink(p): os.removexattr(p, r.choice(os.listxattr(p) or ["user.none"]))
                elif what == 14 and r.random() < 0.5:
                    d = os.path.dirname(p)
                    if d != ".": os.rename(d, new())
            except OSError: pass
        exec(open("view.py").read())

        """
}
