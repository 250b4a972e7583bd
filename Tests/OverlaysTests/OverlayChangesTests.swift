import Glibc
import LinuxKernel
import Overlays
import Review
import TestSupport
import Testing

/// What an upper layer means, written by hand as the kernel would write it, and as it never would.
@Suite struct OverlayChangesTests {
    @Test("files that are new, changed, removed, and only copied up")
    func files() throws {
        let place = try OverlayPlace()
        for name in ["same", "changed", "mode", "gone", "dir/kept"] { try place.write(name, "old\n") }
        try place.begin()
        try place.change("same", "old\n")
        try place.change("changed", "new\n")
        try place.change("mode", "old\n", mode: 0o755)
        try place.change("dir/added", "x")
        try place.whiteOut("gone")
        let changes = try #require(try place.end()).changes()
        #expect(changes.lines == ["* changed", "+ dir/added", "- gone", "* mode"])
        #expect(try changes[0].before?.text() == "old\n")
        #expect(try changes[0].after?.text() == "new\n")
        #expect(changes[3].before?.mode == 0o644)
        #expect(changes[3].after?.mode == 0o755)
    }

    @Test("a directory that was removed, replaced, or made opaque takes along what lay in it")
    func directories() throws {
        let place = try OverlayPlace()
        for name in ["a/x", "a/b/y", "file/x", "opaque/old", "opaque/both"] { try place.write(name, name) }
        try place.write("becomes", "a file")
        try place.begin()
        try place.whiteOut("a")
        try place.change("file", "no directory any more")
        try place.makeDirectory("opaque")
        try place.setAttribute("user.overlay.opaque", "y", of: place.directory.upper + "/opaque")
        try place.change("opaque/both", "opaque/both")
        try place.change("becomes/inner", "x")
        let lines = try #require(try place.end()).changes().lines
        #expect(
            lines == ["- a", "- a/b", "- a/b/y", "- a/x", "* becomes", "+ becomes/inner", "* file", "- file/x", "- opaque/old"])
    }

    @Test("links are looked at, never followed")
    func links() throws {
        let place = try OverlayPlace()
        try place.write("dir/secret", "the tree's")
        try place.begin()
        try FileSystem.makeDirectories(place.path + "/outside")
        try place.setUpOutside()
        try check("symlink") { symlink(place.path + "/outside", place.directory.upper + "/dir") }
        let session = try #require(try place.end())
        let changes = try session.changes()
        #expect(changes.lines == ["* dir", "- dir/secret"])
        #expect(changes[0].after?.target == place.path + "/outside")
        // Exchanged after it was listed.
        let upper = place.directory.upper
        try place.change("real/file", "inside")
        let listed = try place.session().changes(["real"])
        #expect(listed.lines == ["+ real", "+ real/file"])
        try FileSystem.removeTree(upper + "/real")
        try check("symlink") { symlink(place.path + "/outside", upper + "/real") }
        #expect(throws: (any Error).self) { _ = try listed[1].after?.open() }
    }

    @Test("a directory that was moved as a whole brings along what lay in it, and leads nowhere else")
    func redirects() throws {
        guard getuid() == 0 else { return }
        let place = try OverlayPlace()
        for name in ["old/deep/x", "old/y", "other/z"] { try place.write(name, name) }
        try place.begin(isTrusted: true)
        let upper = place.directory.upper
        try place.whiteOut("old")
        try place.makeDirectory("new")
        try place.setAttribute("trusted.overlay.redirect", "old", of: upper + "/new")
        try place.whiteOut("new/y")
        try place.change("new/added", "x")
        for (name, target) in [("up", "../../etc"), ("root", "/etc"), ("far", "/../../../../etc"), ("empty", "")] {
            try place.makeDirectory(name)
            try place.setAttribute("trusted.overlay.redirect", target, of: upper + "/" + name)
        }
        let changes = try #require(try place.end()).changes()
        #expect(
            changes.lines == [
                "+ empty", "+ far", "+ new < old", "+ new/added", "+ new/deep < old/deep", "+ new/deep/x < old/deep/x", "- old",
                "- old/deep",
                "- old/deep/x", "- old/y", "+ root", "+ up",
            ])
        #expect(try changes[5].after?.text() == "old/deep/x")
    }

    @Test("a move of a directory that was applied is the base of its new place, whatever becomes of the old one")
    func appliedMove() throws {
        guard getuid() == 0 else { return }
        let place = try OverlayPlace()
        for name in ["old/deep/x", "old/y"] { try place.write(name, name) }
        try place.begin(isTrusted: true)
        let upper = place.directory.upper
        try place.whiteOut("old")
        try place.makeDirectory("new")
        try place.setAttribute("trusted.overlay.redirect", "/old", of: upper + "/new")
        let session = try #require(try place.end())
        let changes = try session.changes()
        #expect(changes.count == 8)
        // Only the removal, first: what was moved is still known.
        try FileSystem.rename(place.tree + "/old", to: place.tree + "/new")
        try session.accept(changes.filter { $0.after == nil }.map { AcceptedVersion(path: $0.path, version: nil) })
        var rest = try place.session().changes()
        #expect(rest.lines == ["+ new < old", "+ new/deep < old/deep", "+ new/deep/x < old/deep/x", "+ new/y < old/y"])
        // Then all of it; the content is what it was at the start, where the tree has none at the old place.
        #expect(try rest[2].after?.text() == "old/deep/x")
        try place.session().accept(rest.map { AcceptedVersion(path: $0.path, version: $0.after) })
        #expect(try place.session().changes().isEmpty)
        try place.write("old/deep/x", "something else of the user's")
        #expect(try place.session().changes().isEmpty)
        // Work of the session's on it afterwards counts.
        try place.change("new/y", "newer")
        try place.whiteOut("new/deep")
        rest = try place.session().changes()
        #expect(rest.lines == ["- new/deep", "- new/deep/x", "* new/y"])
    }

    @Test("a session that makes and removes files all the time can be looked at")
    func churn() throws {
        let place = try OverlayPlace()
        try place.write("kept", "old")
        try place.begin()
        try place.change("kept", "new")
        let upper = place.directory.upper
        let program = """
            import os, sys
            print("ready", flush=True)
            n = 0
            while True:
                n += 1
                d = f"{sys.argv[1]}/d{n % 7}"
                try:
                    os.mkdir(d); open(d + "/f", "w").close(); os.symlink("f", d + "/l")
                    os.unlink(d + "/f"); os.unlink(d + "/l"); os.rmdir(d)
                except OSError: pass
            """
        let session = try ChildProcess(["python3", "-c", program, upper], environment: ["PATH": Sandboxed.path])
        defer {
            kill(session.pid, SIGKILL)
            _ = try? session.wait()
        }
        #expect(try session.waitForOutput("ready"))
        for _ in 0..<500 {
            let found = try place.session().changes()
            #expect(found.contains { $0.path == "kept" })
        }
    }

    @Test("files are recognised where they were moved to, by what is in them")
    func moves() throws {
        let place = try OverlayPlace()
        for number in 1...40 {
            try place.write("from/same\(number)", "all the same")
            try place.write("from/own\(number)", "content \(number)")
        }
        try place.write("from/empty", "")
        try place.begin()
        try place.whiteOut("from")
        for number in 1...40 {
            try place.change("to/same\(number)", "all the same")
            try place.change("to/own\(number)", "content \(number)")
        }
        try place.change("to/empty", "")
        try place.change("to/fresh", "content 0")
        let changes = try #require(try place.end()).changes()
        for change in changes where change.before == nil && change.after?.kind == .file {
            let name = FileSystem.lastComponent(of: change.path)
            #expect(change.origin == (["empty", "fresh"].contains(name) ? nil : "from/" + name))
        }
    }

    @Test("only what is asked for is told")
    func paths() throws {
        let place = try OverlayPlace()
        try place.write("a/b/c", "x")
        try place.begin()
        for name in ["a/b/c", "a/bc", "a/b/d/e", "z"] { try place.change(name, "new") }
        let session = try #require(try place.end())
        #expect(try session.changes(["a/b"]).lines == ["* a/b/c", "+ a/b/d", "+ a/b/d/e"])
        #expect(try session.changes(["./a/b/d/"]).lines == ["+ a/b/d", "+ a/b/d/e"])
        #expect(try session.changes(["nothing"]).isEmpty)
        #expect(try session.changes(["z", "a/bc"]).lines == ["+ a/bc", "+ z"])
    }

    @Test("directories that mounts stand on are no change, unless something was put beside the mount")
    func standing() throws {
        let place = try OverlayPlace()
        try place.begin(standing: ["deep", "deep/node_modules", "other", "other/cache"])
        try place.makeDirectory("deep/node_modules")
        try place.makeDirectory("other/cache")
        try place.change("other/file", "x")
        #expect(try #require(try place.end()).changes().lines == ["+ other", "+ other/file"])
    }

    @Test("names that only differ in their normalisation are two")
    func normalisation() throws {
        let place = try OverlayPlace()
        try place.write("\u{E9}", "composed")
        try place.write("e\u{301}", "decomposed")
        try place.begin()
        try place.change("e\u{301}", "changed")
        let session = try #require(try place.end())
        let changes = try session.changes()
        #expect(changes.count == 1)
        #expect(changes[0].path.osBytes == "e\u{301}".osBytes)
        #expect(try changes[0].before?.text() == "decomposed")
    }

    @Test("what cannot be carried over is named")
    func others() throws {
        let place = try OverlayPlace()
        try place.begin()
        try check("mkfifo") { mkfifo(place.directory.upper + "/pipe", 0o600) }
        let changes = try #require(try place.end()).changes()
        #expect(changes.lines == ["+ pipe"])
        #expect(changes[0].after?.kind == .other(what: "a pipe"))
    }

    @Test("attributes of the user's are a change, overlayfs's own are none")
    func attributes() throws {
        let place = try OverlayPlace()
        for name in ["own", "kernel"] { try place.write(name, "same") }
        try place.begin()
        for name in ["own", "kernel"] { try place.change(name, "same") }
        try place.setAttribute("user.note", "hello", of: place.directory.upper + "/own")
        for name in ["user.overlay.origin", "user.overlay.overlay.redirect"] {
            try place.setAttribute(name, "x", of: place.directory.upper + "/kernel")
        }
        let changes = try #require(try place.end()).changes()
        #expect(changes.lines == ["* own"])
        #expect(changes[0].after?.attributes == ["user.note": Array("hello".utf8)])
    }
}

extension OverlayPlace {
    /// Something that no change may lead to.
    func setUpOutside() throws {
        let file = path + "/outside/file"
        try Descriptor.open(file, O_WRONLY | O_CREAT, mode: 0o644).writeAll("outside".utf8)
        try Descriptor.open(path + "/outside/secret", O_WRONLY | O_CREAT, mode: 0o644).writeAll("outside".utf8)
    }
}
