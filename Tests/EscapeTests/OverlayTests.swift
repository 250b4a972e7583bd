import Glibc
import LinuxKernel
import TestSupport
import Testing

/// What a command tries against the overlay that it works in, and against whoever looks at the changes afterwards.
@Suite struct OverlayTests {
    private static let overlay = ["--workspace", "overlay", "--network", "none"]

    private func place(_ identity: TestIdentity) throws -> Sandboxed {
        let place = try Sandboxed(identity)
        for name in ["src/a", "src/b", "tree/one", "other"] { try place.write(name, name + "\n") }
        try place.write(place.root + "/outside/a", "precious\n")
        try place.write(place.root + "/outside/b", "precious\n")
        return place
    }

    /// Everything in the tree and beside it, a line for each path.
    private func state(_ place: Sandboxed) throws -> String {
        let script =
            #"find . ../outside -mindepth 1 -printf '%p %y %m %l %n %i\n' | sort; find . ../outside -type f -exec sha256sum {} + | sort"#
        return try place.outside(["/bin/sh", "-c", script]).output
    }

    private func lines(_ outcome: ChildProcess.Outcome) -> [String] { outcome.output.split(separator: "\n").map(String.init) }

    /// The directory of the one overlay, on the host.
    private func overlay(_ place: Sandboxed) throws -> String {
        let found = try place.outside(["/bin/sh", "-c", "echo \"$COOP_HOME\"/projects/*/sessions/*/overlay"]).output
        return found.hasSuffix("\n") ? String(found.dropLast()) : found
    }

    @Test("the layers of the overlay are nowhere to be reached from inside", arguments: TestIdentity.all)
    func layers(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let session = try place.start(
            ["run"] + Self.overlay + ["--", "sh", "-c", "echo change > src/a; echo ready; exec cat"], input: .pipe)
        #expect(try session.waitForOutput("ready"), "\(session.errorText)")
        let directory = try overlay(place)
        let id = FileSystem.lastComponent(of: FileSystem.parent(of: directory))
        let paths = ["", "/upper", "/upper/src/a", "/work", "/work/work", "/base", "/base/tree"].map { directory + $0 }
        for path in paths {
            #expect(FileSystem.kind(path) != nil, "it proves nothing: \(path)")
            let ways = [path, "/proc/self/root" + path, "/proc/1/root" + path, place.project + "/../../../../.." + path]
            for way in ways {
                let outcome = try place.coop(["exec", id, "--", "ls", "-d", way])
                #expect(outcome.exitCode != 0 && !outcome.output.contains("overlay"), "\(way): \(outcome)")
            }
        }
        // Nothing tells where they are, and no descriptor of theirs is left open.
        let told = try place.coop([
            "exec", id, "--", "sh", "-c",
            "cat /proc/self/mountinfo /proc/1/mountinfo /proc/mounts; ls -l /proc/*/fd /proc/*/cwd; cat /proc/*/environ",
        ])
        #expect(told.output.contains(" - overlay "), "\(told)")
        // Of the layers, not even the names of the options' descriptors lead anywhere (overlayfs shows what it was given).
        #expect(!told.output.contains("/sessions/"), "\(told.output)")
        // The tree below and the one above cannot be told apart by what is mounted: there is one mount, and no way under it.
        let under = try place.coop(["exec", id, "--", "sh", "-c", "umount . ; umount -l '\(place.project)'; cat '\(place.project)/src/a'"])
        #expect(under.output == "change\n", "\(under)")
        session.closeInput()
        #expect(try session.wait().exitCode == 0)
        #expect(try place.text("src/a") == "src/a\n")
    }

    @Test("attributes of overlayfs that are set inside mean nothing to the host", arguments: TestIdentity.all)
    func attributes(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let before = try state(place)
        let outcome = try place.run(
            [
                "python3", "-c",
                """
                import os
                names = ["opaque", "whiteout", "redirect", "metacopy", "origin", "upper", "impure", "nlink", "protattr", "xwhiteouts"]
                values = {"redirect": b"/etc", "metacopy": b"", "whiteout": b"", "opaque": b"y", "xwhiteouts": b"y"}
                os.mkdir("made"); open("made/f", "w").close(); open("empty", "w").close()
                for path in ["src", "src/a", "tree", "made", "made/f", "empty", "."]:
                    for prefix in ["user.overlay.", "trusted.overlay.", "user.overlay.overlay.", "trusted.overlay.overlay."]:
                        for name in names:
                            try: os.setxattr(path, prefix + name, values.get(name, b"y"))
                            except OSError: pass
                    # What the kernel has noted there itself is not shown.
                    shown = [n for n in os.listxattr(path) if n.startswith("trusted.")]
                    assert not shown, shown
                for path in ["src", "src/a", "tree"]:
                    for name in names:
                        for prefix in ["user.overlay.", "trusted.overlay."]:
                            try: os.removexattr(path, prefix + name)
                            except OSError: pass
                assert sorted(os.listdir("src")) == ["a", "b"] and os.listdir("tree") == ["one"]
                """,
            ], options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        // Neither gone nor moved nor empty, whatever their attributes say.
        #expect(try lines(place.coop(["diff", "--name-only"])).sorted() == ["empty", "made/f"])
        #expect(try place.coop(["apply", "--yes", "--accept", "**"]).exitCode == 0)
        let after = try state(place)
        for line in before.split(separator: "\n") { #expect(after.contains(line)) }
        let left = try place.outside([
            "python3", "-c",
            "import os; print([n for p in ['src', 'src/a', 'tree', 'made', 'made/f', 'empty'] for n in os.listxattr(p)])",
        ])
        #expect(left.output == "[]\n", "\(left)")
    }

    @Test("what passes for a removal can only be made by removing", arguments: TestIdentity.all)
    func whiteouts(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let before = try state(place)
        let outcome = try place.run(
            [
                "python3", "-c",
                """
                import ctypes, os
                libc = ctypes.CDLL(None, use_errno=True)
                def attempt(what, result):
                    if result == 0: print("made", what)
                def mknod(path, mode, device):
                    try: os.mknod(path, mode, device); return 0
                    except OSError: return -1
                attempt("a device 0:0", mknod("src/null", 0o020600, 0))
                attempt("a device 0:0 in a new directory", os.mkdir("fresh") or mknod("fresh/null", 0o020600, 0))
                attempt("a block device", mknod("block", 0o060600, 0))
                open("x", "w").close()
                # RENAME_WHITEOUT leaves one at the old name (rename(2)).
                attempt("a whiteout by renaming", libc.renameat2(-100, b"x", -100, b"y", 4))
                attempt("a whiteout of the tree's", libc.renameat2(-100, b"other", -100, b"y", 4))
                attempt("one by exchange and whiteout", libc.renameat2(-100, b"x", -100, b"other", 6))
                """,
            ], options: Self.overlay)
        #expect(outcome.exitCode == 0 && !outcome.output.contains("made"), "\(outcome)")
        #expect(try lines(place.coop(["diff", "--name-only"])).sorted() == ["fresh", "x"])
        #expect(try state(place) == before)
        // Put into the layer by somebody who may: it removes what has its name, there and nowhere else.
        guard identity == .root else { return }
        let upper = try overlay(place) + "/upper"
        let planted = try place.outside([
            "/bin/sh", "-c",
            """
            cd '\(upper)' && mknod other c 0 0 && mkdir -p src && mknod src/nothing c 0 0 && mknod device c 1 3 && mkfifo pipe
            ln -s '\(place.root)/outside' tree && mknod 'x..' c 0 0
            """,
        ])
        #expect(planted.exitCode == 0, "\(planted)")
        #expect(try lines(place.coop(["diff", "--name-only"])).sorted() == ["device", "fresh", "other", "pipe", "tree", "tree/one", "x"])
        // What cannot be carried over stops the whole.
        #expect(try place.coop(["apply", "--yes", "--accept", "**"]).exitCode == 1)
        #expect(try state(place) == before)
        #expect(try place.coop(["apply", "--yes", "--accept", "**", "other", "tree", "x"]).exitCode == 0)
        #expect(!place.exists("other") && place.exists("src/a") && FileSystem.readLink(place("tree")) == place.root + "/outside")
        #expect(try place.text("../outside/a") == "precious\n" && place.text("../outside/b") == "precious\n")
    }

    @Test("links in the place of directories lead nobody out, whoever makes them", arguments: TestIdentity.all)
    func parents(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let before = try state(place)
        // The session's: what was below the directory is gone, and what the link leads to is not looked at.
        let outcome = try place.shell("rm -r src; ln -s '\(place.root)/outside' src; ln -s ../outside tree/up", options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        let shown = try place.coop(["diff"])
        #expect(!shown.output.contains("precious"), "\(shown)")
        #expect(try place.coop(["apply", "--yes"]).exitCode == 126)
        #expect(try state(place) == before)
        #expect(try place.coop(["apply", "--yes", "--accept", "**"]).exitCode == 0)
        #expect(FileSystem.readLink(place("src")) == place.root + "/outside")
        #expect(try place.text("../outside/a") == "precious\n" && place.text("../outside/b") == "precious\n")
        #expect(try place.coop(["undo"]).exitCode == 0)
        #expect(FileSystem.kind(place("src"), followLinks: false) == .directory)
        #expect(try place.coop(["discard", "--yes"]).exitCode == 0)

        // The user's, made after the session: nothing is written or removed behind it.
        let work = try place.shell("echo change > src/a; rm src/b; echo new > src/c", options: Self.overlay)
        #expect(work.exitCode == 0, "\(work)")
        let exchanged = try place.outside(["/bin/sh", "-c", "mv src kept && ln -s ../outside src"])
        #expect(exchanged.exitCode == 0)
        let now = try state(place)
        let applied = try place.coop(["apply", "--yes", "--accept", "**"])
        #expect(applied.exitCode == 1 && applied.error.contains("link"), "\(applied)")
        #expect(!(try place.coop(["diff"]).output.contains("precious")))
        #expect(try state(place) == now)
    }

    @Test("a file that has another name outside keeps its content there", arguments: TestIdentity.all)
    func hardLinks(_ identity: TestIdentity) throws {
        let place = try place(identity)
        let linked = try place.outside(["/bin/sh", "-c", "ln ../outside/a src/linked && ln ../outside/b src/gone"])
        #expect(linked.exitCode == 0, "\(linked)")
        let outcome = try place.shell(
            "echo change > src/linked; chmod 600 src/linked; rm src/gone; ln src/linked src/third; ln other second", options: Self.overlay)
        #expect(outcome.exitCode == 0, "\(outcome)")
        #expect(try place.text("../outside/a") == "precious\n")
        #expect(try place.coop(["apply", "--yes", "--accept", "**"]).exitCode == 0)
        #expect(try place.text("src/linked") == "change\n" && place.text("src/third") == "change\n" && place.text("second") == "other\n")
        #expect(try place.text("../outside/a") == "precious\n" && place.text("../outside/b") == "precious\n")
        let modes = try place.outside(["stat", "-c", "%a", "../outside/a", "../outside/b"])
        #expect(modes.output == "644\n644\n", "\(modes)")
    }
}
