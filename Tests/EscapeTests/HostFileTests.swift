import Glibc
import LinuxKernel
import TestSupport
import Testing

@Suite struct HostFileTests {
    @Test("the real home, its keys and coop's own directory do not exist inside", arguments: TestIdentity.all)
    func home(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in [".ssh/id_ed25519", ".aws/credentials", ".netrc", ".config/gh/hosts.yml", ".bash_history", ".cargo/credentials.toml"] {
            let path = try place.write(place.home + "/" + name, "precious\n")
            try place.expectRefused(["file_read", path], control: .outside)
        }
        try place.write(place.coopHome + "/config.toml", "")
        try place.expectRefused(["path_exists", place.coopHome], control: .outside)
        try place.write(place.root + "/neighbour/file", "precious\n")
        try place.expectRefused(["path_exists", place.root + "/neighbour"], control: .outside)
        let inside = try place.shell(
            "ls -A \"$HOME\"; ls -A /root /home /var /run /srv /media /mnt 2>/dev/null; find / -xdev -name 'id_*25519' 2>/dev/null")
        #expect(!inside.output.contains("25519") && !inside.output.contains("dpkg"), "\(inside)")
    }

    @Test("files of the system with secrets or a way out do not exist inside", arguments: TestIdentity.all)
    func system(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for path in [
            "/etc/shadow", "/etc/gshadow", "/etc/sudoers", "/etc/ssh", "/etc/ssl/private", "/etc/subuid", "/var/lib", "/var/log",
            "/run/docker.sock", "/run/systemd", "/run/user", "/run/dbus", "/sys/kernel", "/boot", "/etc/krb5.keytab", "/lost+found",
        ] {
            try place.expectRefused(["path_exists", path], control: .none)
        }
    }

    @Test("nothing outside the workspace, HOME and /tmp can be written", arguments: TestIdentity.all)
    func writing(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for directory in ["", "/etc", "/usr", "/usr/local/bin", "/usr/bin", "/opt", "/run", "/run/coop", "/var", "/dev", "/proc"] {
            try place.expectRefused(["file_create", directory + "/planted"], control: .none)
        }
        for path in ["/etc/passwd", "/etc/hosts", "/etc/ld.so.cache", "/bin/sh"] {
            try place.expectRefused(["file_write", path], control: .none)
        }
        // Each wall holds alone: the read-only mount without Landlock, and with it.
        let alone = try place.attack(["file_create", "/usr/local/bin/planted"], omitting: "landlock")
        #expect(alone.isRefused, "\(alone)")
    }

    @Test("where a read-only mount could be written by mistake, Landlock alone keeps what is there", arguments: TestIdentity.all)
    func secondWall(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for name in ["file", "other"] { try place.write(place.root + "/data/\(name)", "precious") }
        try place.makeDirectory(place.root + "/data/directory")
        let attempts = [
            "echo x > /data/file", "echo x >> /data/file", "python3 -c 'import os; os.truncate(\"/data/file\", 0)'",
            "mv /data/file /data/moved && mv /data/moved /data/file", "ln /data/file /data/directory/name",
            "mv /data/other /data/directory/name", "rm /data/directory/name", "rmdir /data/directory", "echo x > /data/new",
            "mkdir /data/new-directory", "ln -s x /data/link", "mkfifo /data/pipe", "rm -f /data/file", "cp /bin/true /data/planted",
        ]
        func tried(_ omitted: String) throws -> String {
            let lines = attempts.enumerated().map { "{ \($1); } 2>/dev/null && echo worked \($0)" }
            let script = (lines + ["true"]).joined(separator: "\n")
            let outcome = try place.shell(script, options: ["-m", "\(place.root)/data:/data:ro"], environment: ["COOP_TEST_OMIT": omitted])
            #expect(outcome.exitCode == 0, "\(outcome)")
            return outcome.output
        }
        let names = try FileSystem.list(place.root + "/data").sorted()
        for omitted in ["landlock", "mount-read-only=/data"] {
            let output = try tried(omitted)
            #expect(!output.contains("worked"), "without \(omitted): \(output)")
            for name in ["file", "other"] { #expect(String(osBytes: try FileSystem.read(place.root + "/data/\(name)")) == "precious") }
            // The making of a file is not watched beside writing into it.
            let made = Set(try FileSystem.list(place.root + "/data")).subtracting(names)
            #expect(made.isSubset(of: omitted == "landlock" ? [] : ["new", "planted"]), "\(made)")
            for name in made { #expect(try FileSystem.read(place.root + "/data/\(name)").isEmpty) }
        }
        let output = try tried("landlock;mount-read-only=/data")
        for number in attempts.indices {
            #expect(output.contains("worked \(number)\n"), "\(attempts[number]) proves nothing: \(output)")
        }
    }

    @Test("links and .. in the workspace and in /proc lead nowhere outside", arguments: TestIdentity.all)
    func links(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let secret = try place.write(place.root + "/secret.txt", "precious")
        try place.link("absolute", to: secret)
        try place.link("relative", to: "../secret.txt")
        try place.link("up", to: "../../../../../../../../..")
        for path in ["absolute", "relative", "up" + secret, "../secret.txt", "up/proc/self/root" + secret] {
            try place.expectRefused(["file_read", place(path)], control: .outside)
        }
        for path in [
            "/proc/self/root/..\(secret)", "/proc/self/cwd/../secret.txt", "/proc/thread-self/root\(secret)",
            "/proc/self/root/proc/self/root\(secret)",
            "/../../..\(secret)",
        ] {
            try place.expectRefused(["file_read", path], control: .outside)
        }
    }

    @Test("a directory that the host moves out of the workspace does not become a way out", arguments: TestIdentity.all)
    func moving(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write(place.root + "/outside/secret.txt", "precious")
        try place.makeDirectory("sub/deep")
        let script =
            "cd sub/deep && echo ready; read x; cat ../secret.txt ../../secret.txt ../../outside/secret.txt; ls .. ../..; echo done"
        let child = try place.start(["run", "--", "/bin/sh", "-c", script], input: .pipe)
        #expect(try child.waitForOutput("ready"), "\(child.errorText)")
        try FileSystem.rename(place("sub/deep"), to: place.root + "/outside/deep")
        try child.send("\n")
        #expect(try child.waitForOutput("done"))
        let outcome = try child.wait()
        #expect(!outcome.output.contains("precious") && !outcome.output.contains("secret"), "\(outcome)")
    }

    @Test("a workspace whose parent the host renames stays the same and shows no more", arguments: TestIdentity.all)
    func renaming(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let project = try place.makeDirectory(place.root + "/outer/project")
        try place.write(place.root + "/outer/secret.txt", "precious")
        let script = "echo ready; read x; echo written > proof; cat ../secret.txt; ls ..; echo done"
        let child = try place.start(["run", "--", "/bin/sh", "-c", script], directory: project, input: .pipe)
        #expect(try child.waitForOutput("ready"), "\(child.errorText)")
        try FileSystem.rename(place.root + "/outer", to: place.root + "/moved")
        try place.makeDirectory(project)
        try child.send("\n")
        let outcome = try child.wait()
        #expect(!outcome.output.contains("precious") && !outcome.output.contains("secret.txt"), "\(outcome)")
        #expect(place.exists(place.root + "/moved/project/proof") && !place.exists(project + "/proof"))
    }

    @Test("links that the previous run planted in HOME are not followed by the next one", arguments: TestIdentity.all)
    func plantedLinks(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let victim = try place.makeDirectory(place.root + "/victim")
        try place.makeDirectory(place.home + "/.cargo/bin")
        let project = try place.makeDirectory(place.home + "/work/project")
        try place.write(place.home + "/.cargo/bin/tool", "#!/bin/sh\necho tool\n", mode: 0o755)
        let path = Sandboxed.path + ":" + place.home + "/.cargo/bin"
        func run(_ script: String, path: String) throws -> ChildProcess.Outcome {
            try place.coop(["run", "--", "/bin/sh", "-c", script], environment: ["PATH": path], directory: project)
        }
        // Without the tool in PATH its directory is no mount, and the command may make what it likes there.
        let planted = try run("ln -s \(victim) \"$HOME/.cargo\" && ln -s /etc \"$HOME/.other\" && echo planted", path: Sandboxed.path)
        #expect(planted.output == "planted\n", "\(planted)")
        let next = try run("tool; ls -ld \"$HOME/.cargo\"", path: path)
        #expect(next.output.hasPrefix("tool\nd"), "\(next)")
        #expect(try FileSystem.list(victim) == [])
    }

    @Test("a mount whose name hides .. behind an accent does not leave its place", arguments: TestIdentity.all)
    func hiddenParents(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let source = try place.makeDirectory(place.root + "/data")
        let victim = try place.makeDirectory(place.root + "/victim")
        for target in ["/mnt/../\u{301}x", "\(place.project)/../victim/../\u{301}y"] {
            let outcome = try place.coop(["run", "-m", "\(source):\(target)", "--", "/bin/true"])
            #expect(outcome.exitCode != 0, "\(outcome)")
        }
        let excluded = try place.coop(["run", "--", "/bin/true"])
        #expect(excluded.exitCode == 0, "\(excluded)")
        #expect(try FileSystem.list(victim) == [])
        #expect(!place.exists(place.root + "/\u{301}y"))
    }
}
