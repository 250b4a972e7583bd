import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Several tasks and worktrees of one repository at once: nobody is in anybody's way.
@Suite struct SideBySideTests {
    private let anyone = TestIdentity.ordinary.last ?? .root

    /// Runs a script in two tasks that wait for each other, so that both are certainly at work at the same time.
    private func both(_ place: Sandboxed, _ script: String, timeout: Double = 120) throws -> [ChildProcess.Outcome] {
        let meeting = "touch ~/at-$COOP_TASK; until [ -e ~/at-one ] && [ -e ~/at-two ]; do sleep 0.05; done"
        let tasks = try ["one", "two"].map { name in
            try place.start(["run", "--task", name, "--", "sh", "-ec", "\(meeting); \(script)"])
        }
        return try tasks.map { try $0.wait(timeout: timeout) }
    }

    @Test("what is excluded is each task's own, and gone afterwards", arguments: TestIdentity.all)
    func excludes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        try place.sh(
            "printf 'node_modules/\\ntarget\\n' > .gitignore; git add .; git commit -qm ignore; mkdir node_modules; echo host > node_modules/host"
        )
        try place.sh(
            "mkdir -p \"$COOP_HOME\"; printf '[sandbox]\\nexcludes = [\"node_modules\", \"target\"]\\n' > \"$COOP_HOME/config.toml\"")
        // Both have written before either looks.
        let outcomes = try both(
            place,
            "echo $COOP_TASK > node_modules/mine; echo $COOP_TASK > target/mine; touch ~/$COOP_TASK; until [ -e ~/one ] && [ -e ~/two ]; do sleep 0.05; done; cat node_modules/* target/*"
        )
        #expect(outcomes[0].output == "one\none\n" && outcomes[1].output == "two\ntwo\n", "\(outcomes)")
        for name in ["one", "two"] {
            let tree = try place.coop(["task", "path", name]).output.dropLast()
            #expect(try place.sh("ls \(tree); git -C \(tree) status --porcelain --ignored").contains("mine") == false)
        }
        #expect(try place.sh("cat node_modules/*") == "host\n")
    }

    @Test("tasks and the user's worktrees have host names and ports of their own, which stay") func ports() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try place.sh("git worktree add -q ../mine -b mine; git worktree add -q ../coop-one -b other")
        let show = "echo \"$(cat /proc/sys/kernel/hostname) $COOP_WORKTREE $COOP_PORT_OFFSET\""
        func all() throws -> [[Substring]] {
            var found: [[Substring]] = []
            for name in ["one", "two", "three"] {
                found.append(try place.coop(["run", "--task", name, "--", "sh", "-c", show]).output.split(whereSeparator: \.isWhitespace))
            }
            for directory in ["mine", "coop-one"] {
                found.append(
                    try place.coop(["run", "--", "sh", "-c", show], directory: place.root + "/" + directory).output.split(
                        whereSeparator: \.isWhitespace))
            }
            return found
        }
        let first = try all()
        #expect(first.allSatisfy { $0.count == 3 }, "\(first)")
        for column in 0..<3 { #expect(Set(first.map { $0[column] }).count == 5, "\(first)") }
        #expect(try all() == first)
        // A task that would like the ports that another has gets others.
        let record = place.coopHome + "/projects/"
        try place.sh("for r in \(record)*/tasks/*/task; do grep -q '^port_offset [0-9]*$' \"$r\"; done")
    }

    @Test("caches in HOME are shared by tasks that work at the same time") func caches() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        // As cargo, pip and others lock: flock(2), fcntl(2), and a rename into place.
        try place.write(
            "locks.py",
            """
            import fcntl, os, sys
            home = os.environ["HOME"] + "/.cache/shared"
            os.makedirs(home, exist_ok=True)
            for lock, call in (("flock", fcntl.flock), ("fcntl", fcntl.lockf)):
                for _ in range(300):
                    with open(home + "/" + lock + ".lock", "a+") as file:
                        call(file, fcntl.LOCK_EX)
                        path = home + "/" + lock
                        count = int(open(path).read()) if os.path.exists(path) else 0
                        new = path + "." + os.environ["COOP_TASK"]
                        with open(new, "w") as out: out.write(str(count + 1))
                        os.rename(new, path)
                        call(file, fcntl.LOCK_UN)
            """)
        try place.sh("git add .; git commit -qm locks")
        let outcomes = try both(place, "python3 locks.py")
        #expect(outcomes.allSatisfy { $0.exitCode == 0 }, "\(outcomes)")
        let counts = try place.shell("cat ~/.cache/shared/flock; echo; cat ~/.cache/shared/fcntl").output
        #expect(counts == "600\n600", "\(counts)")
    }

    @Test("npm fills one cache from two tasks at once", .enabled(if: FileSystem.isExecutable("/usr/bin/npm"))) func npm() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try place.sh(
            """
            mkdir packages; for n in 1 2 3 4; do mkdir package; head -c 100000 /dev/urandom | base64 > package/data
            printf '{"name":"p%s","version":"1.0.0"}' $n > package/package.json; tar czf packages/p$n.tgz package; rm -r package; done
            git add .; git commit -qm packages
            """)
        let outcomes = try both(
            place,
            """
            export npm_config_update_notifier=false npm_config_audit=false npm_config_fund=false
            for n in 1 2 3 4; do npm cache add ./packages/p$n.tgz; done
            mkdir work && cd work && npm install --offline --no-save ../packages/p*.tgz >&2; ls node_modules; npm cache verify | grep -c -i corrupt || true
            """, timeout: 600)
        for outcome in outcomes { #expect(outcome.exitCode == 0 && outcome.output == "p1\np2\np3\np4\n0\n", "\(outcome)") }
    }

    @Test("pip fills one cache from two tasks at once") func pip() throws {
        let place = try Sandboxed(anyone)
        try place.makeRepository()
        try place.write(
            "index.py",
            """
            import base64, functools, hashlib, http.server, os, sys, zipfile
            top = sys.argv[1]
            for n in range(1, 5):
                directory = f"{top}/simple/p{n}"
                os.makedirs(directory)
                with zipfile.ZipFile(f"{directory}/p{n}-1.0-py3-none-any.whl", "w", zipfile.ZIP_DEFLATED) as wheel:
                    def add(name, text): wheel.writestr(zipfile.ZipInfo(name), text)
                    add(f"p{n}.py", "data = " + repr("x" * 300000 + str(n)) + "\\n")
                    add(f"p{n}-1.0.dist-info/METADATA", f"Metadata-Version: 2.1\\nName: p{n}\\nVersion: 1.0\\n")
                    add(f"p{n}-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\\nGenerator: t\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
                    add(f"p{n}-1.0.dist-info/RECORD", f"p{n}.py,,\\np{n}-1.0.dist-info/RECORD,,\\n")
            class Handler(http.server.SimpleHTTPRequestHandler):
                def end_headers(self):
                    self.send_header("Cache-Control", "max-age=600")
                    super().end_headers()
            handler = functools.partial(Handler, directory=top)
            http.server.ThreadingHTTPServer(("127.0.0.1", 8000), handler).serve_forever()
            """)
        try place.sh("git add .; git commit -qm index")
        let outcomes = try both(
            place,
            """
            export PIP_CONFIG_FILE=/dev/null PIP_DISABLE_PIP_VERSION_CHECK=1
            /usr/bin/python3 -m venv /tmp/venv; /usr/bin/python3 index.py /tmp/index 2> /tmp/log & server=$!
            until /usr/bin/python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8000))' 2> /dev/null; do :; done
            /tmp/venv/bin/pip install -q --trusted-host 127.0.0.1 --index-url http://127.0.0.1:8000/simple p1 p2 p3 p4
            /tmp/venv/bin/python -c 'import p1, p2, p3, p4; print([m.data[300000:] for m in (p1, p2, p3, p4)])'
            # What is in the cache is whole: a second environment is filled from it.
            /usr/bin/python3 -m venv /tmp/other; : > /tmp/log
            /tmp/other/bin/pip install -q --trusted-host 127.0.0.1 --index-url http://127.0.0.1:8000/simple p1 p2 p3 p4
            /tmp/other/bin/python -c 'import p1, p2, p3, p4; print([m.data[300000:] for m in (p1, p2, p3, p4)])'
            grep -c whl /tmp/log || true; kill $server
            """, timeout: 600)
        for outcome in outcomes {
            #expect(outcome.exitCode == 0 && outcome.output == "['1', '2', '3', '4']\n['1', '2', '3', '4']\n0\n", "\(outcome)")
        }
    }

    @Test(
        "cargo fills one cache from two tasks at once",
        .enabled(if: getuid() == 0 && FileSystem.isExecutable("/root/.cargo/bin/cargo")))
    func cargo() throws {
        let place = try Sandboxed(.root)
        try place.makeRepository()
        try place.sh(
            """
            mkdir -p .cargo src registry; printf '/target\\n' > .gitignore
            printf '[source.crates-io]\\nreplace-with = "here"\\n[source.here]\\nregistry = "sparse+http://127.0.0.1:8000/"\\n' > .cargo/config.toml
            printf '[package]\\nname = "app"\\nversion = "0.1.0"\\nedition = "2021"\\n[dependencies]\\n' > Cargo.toml
            echo 'fn main() { println!("{}", part1::n() + part2::n() + part3::n()); }' > src/main.rs
            mkdir -p registry/pa/rt; printf '{"dl":"http://127.0.0.1:8000/{crate}-{version}.crate"}\\n' > registry/config.json
            for n in 1 2 3; do
              mkdir -p part$n-1.0.0/src; printf '[package]\\nname = "part%s"\\nversion = "1.0.0"\\nedition = "2021"\\n' $n > part$n-1.0.0/Cargo.toml
              { echo "pub fn n() -> u32 { $n }"; for i in $(seq 2000); do echo "pub fn f$i() {}"; done; } > part$n-1.0.0/src/lib.rs
              tar czf registry/part$n-1.0.0.crate part$n-1.0.0; rm -r part$n-1.0.0; printf 'part%s = "1.0.0"\\n' $n >> Cargo.toml
              printf '{"name":"part%s","vers":"1.0.0","deps":[],"cksum":"%s","features":{},"yanked":false}\\n' $n \
                $(sha256sum < registry/part$n-1.0.0.crate | cut -d' ' -f1) > registry/pa/rt/part$n
            done
            git add -f .; git commit -qm crates
            """)
        place.environment["HOME"] = "/root"
        place.environment["PATH"] = "/root/.cargo/bin:" + Sandboxed.path
        // The same address in each, so that both unpack into the same directory.
        let outcomes = try both(
            place,
            """
            /usr/bin/python3 -m http.server -d registry --bind 127.0.0.1 8000 2> /dev/null & server=$!
            until /usr/bin/python3 -c 'import socket; socket.create_connection(("127.0.0.1", 8000))' 2> /dev/null; do :; done
            cargo build -q; kill $server; ./target/debug/app; ls ~/.cargo/registry/src/*
            """, timeout: 600)
        for outcome in outcomes {
            #expect(outcome.exitCode == 0 && outcome.output == "6\npart1-1.0.0\npart2-1.0.0\npart3-1.0.0\n", "\(outcome)")
        }
    }
}
