import Glibc
import LinuxKernel
import TestSupport
import Testing

/// Real toolchains work inside as they do outside.
@Suite struct ToolchainTests {
    /// A toolchain in the identity's home, as pyenv makes it: a shim that starts the version in use.
    private func makePyenv(_ place: Sandboxed) throws {
        let made = try place.outside([
            "/bin/sh", "-c",
            #"""
            root="$HOME/.pyenv"; version="$root/versions/3.99.0"
            mkdir -p "$root/shims" "$root/libexec" "$version/bin"
            ln -s /usr/bin/python3 "$version/bin/python3"
            printf 'secret\n' > "$HOME/outside"
            printf '#!/bin/sh\nexec "$PYENV_ROOT/libexec/pyenv" exec "${0##*/}" "$@"\n' > "$root/shims/python3"
            printf '#!/bin/sh\nshift; program=$1; shift; PYENV_VERSION=3.99.0 exec "$PYENV_ROOT/versions/3.99.0/bin/$program" "$@"\n' > "$root/libexec/pyenv"
            chmod +x "$root/shims/python3" "$root/libexec/pyenv"
            """#,
        ])
        #expect(made.exitCode == 0, "\(made)")
        place.environment["PYENV_ROOT"] = place.home + "/.pyenv"
        place.environment["PATH"] = place.home + "/.pyenv/shims:" + Sandboxed.path
    }

    /// What was otherwise than expected, the outcome or what was left behind; nil when the script printed just this.
    private func difference(
        _ identity: TestIdentity, _ script: String, _ output: String, timeout: Double = 300, prepare: (Sandboxed) throws -> Void = { _ in }
    ) throws -> String? {
        let place = try Sandboxed(identity)
        try prepare(place)
        let outcome = try place.shell("set -e\n" + script, timeout: timeout)
        guard outcome.exitCode == 0, outcome.output == output, !outcome.timedOut else { return "\(outcome)" }
        let remains = try place.remains()
        return remains.isEmpty ? nil : "left behind: \(remains)"
    }

    @Test("git: branches, rebases, stashes, tags, clones and garbage collection, and the commits arrive", arguments: TestIdentity.all)
    func git(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        let outcome = try place.shell(
            """
            set -e
            git status --porcelain; git checkout -q -b topic; echo two > two; git add two; git commit -qm two
            git checkout -q main; echo three > three; git add three; git commit -qm three
            git checkout -q topic; git rebase -q main; echo wip >> two; git stash -q; git stash pop -q; git checkout -q two
            git tag v1; git gc -q; git log --format=%s; git clone -q . /tmp/clone; git -C /tmp/clone log --oneline | wc -l
            git mv two renamed; git commit -qm renamed; git diff --stat HEAD~1 | tail -1; git blame -s renamed | wc -l
            git worktree list | wc -l; git fsck
            """)
        #expect(outcome.exitCode == 0 && outcome.output.hasPrefix("two\nthree\nfirst\n3\n 1 file changed"), "\(outcome)")
        #expect(try place.git("log", "--format=%s", "topic") == "renamed\ntwo\nthree\nfirst")
        #expect(try place.git("log", "--format=%s", "main") == "three\nfirst")
        #expect(try place.git("status", "--porcelain") == "")
        #expect(try place.git("fsck") == "")
        #expect(try place.remains() == [])
    }

    @Test("git works in a linked worktree", arguments: TestIdentity.all)
    func linkedWorktree(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.makeRepository()
        #expect(try place.git("worktree", "add", "-q", "-b", "side", place.home + "/side") == "")
        let outcome = try place.coop(
            [
                "run", "--", "sh", "-c",
                "git branch --show-current && echo x > x && git add x && git commit -qm side && git log --format=%s",
            ],
            directory: place.home + "/side")
        #expect(outcome.exitCode == 0 && outcome.output == "side\nside\nfirst\n", "\(outcome)")
        #expect(try place.git("log", "--format=%s", "side") == "side\nfirst")
        #expect(try place.git("log", "--format=%s", "main") == "first")
    }

    @Test("gcc, make -j and a statically linked program", arguments: TestIdentity.all)
    func compiler(_ identity: TestIdentity) throws {
        #expect(
            try difference(
                identity,
                """
                for n in 1 2 3 4 5 6; do echo "int f$n(void) { return $n; }" > f$n.c; done
                { echo '#include <stdio.h>'; for n in 1 2 3 4 5 6; do echo "int f$n(void);"; done
                  echo 'int main(void) { printf("%d", f1()+f2()+f3()+f4()+f5()+f6()); puts(""); }'; } > main.c
                printf 'prog: main.o f1.o f2.o f3.o f4.o f5.o f6.o\\n\\t$(CC) -o $@ $^\\nstatic: main.o f1.o f2.o f3.o f4.o f5.o f6.o\\n\\t$(CC) -static -o $@ $^\\n' > Makefile
                make -s -j4 prog static; ./prog; ./static; make -q prog; strip static; ./static; rm -f *.o
                """, "21\n21\n21\n") == nil)
    }

    @Test("python through a pyenv shim in the home, a virtual environment, pip without a network", arguments: TestIdentity.all)
    func python(_ identity: TestIdentity) throws {
        #expect(
            try difference(
                identity,
                """
                [ "$(command -v python3)" = "$HOME/.pyenv/shims/python3" ] && echo python3 in the home; python3 -c 'import os; print(os.environ["PYENV_VERSION"])'; ls "$HOME"
                /usr/bin/python3 -m venv venv; . venv/bin/activate
                mkdir -p wheel/tiny-1.0.dist-info; echo 'def say(): print("tiny says hello")' > wheel/tiny.py
                printf 'Metadata-Version: 2.1\\nName: tiny\\nVersion: 1.0\\n' > wheel/tiny-1.0.dist-info/METADATA
                printf 'Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n' > wheel/tiny-1.0.dist-info/WHEEL
                printf 'tiny.py,,\\ntiny-1.0.dist-info/METADATA,,\\ntiny-1.0.dist-info/WHEEL,,\\ntiny-1.0.dist-info/RECORD,,\\n' > wheel/tiny-1.0.dist-info/RECORD
                (cd wheel && python3 -m zipfile -c ../tiny-1.0-py3-none-any.whl tiny.py tiny-1.0.dist-info)
                pip install -q --no-index --disable-pip-version-check ./tiny-1.0-py3-none-any.whl
                python3 -c 'import tiny, sys; tiny.say(); print(sys.prefix.endswith("/venv"))'
                """, "python3 in the home\n3.99.0\ntiny says hello\nTrue\n"
            ) { place in try self.makePyenv(place) } == nil)
    }

    @Test("python: processes, threads, shared memory, semaphores, message queues and sockets", arguments: TestIdentity.all)
    func pythonSystem(_ identity: TestIdentity) throws {
        #expect(
            try difference(
                identity, "/usr/bin/python3 work.py",
                "[0, 1, 4, 9, 16, 25]\nshared 7\nunix b'HELLO'\ntcp b'HELLO'\nthreads 4950\nsemaphore True\n"
            ) { place in
                try place.write(
                    "work.py",
                    """
                    import multiprocessing as mp, socket, threading, os
                    from multiprocessing import shared_memory
                    def square(n): return n * n
                    def put(name): m = shared_memory.SharedMemory(name); m.buf[0] = 7; m.close()
                    def serve(family, address, kind):
                        server = socket.socket(family); server.bind(address); server.listen()
                        def answer():
                            c, _ = server.accept(); c.sendall(c.recv(100).upper()); c.close()
                        t = threading.Thread(target=answer); t.start()
                        client = socket.socket(family); client.connect(server.getsockname()); client.sendall(b'hello')
                        print(kind, client.recv(100), flush=True); t.join()
                    if __name__ == '__main__':
                        with mp.Pool(3) as pool: print(pool.map(square, range(6)), flush=True)
                        memory = shared_memory.SharedMemory(create=True, size=10)
                        p = mp.Process(target=put, args=(memory.name,)); p.start(); p.join()
                        print('shared', memory.buf[0], flush=True); memory.close(); memory.unlink()
                        serve(socket.AF_UNIX, '/tmp/sock', 'unix'); serve(socket.AF_INET, ('127.0.0.1', 0), 'tcp')
                        total = []; ts = [threading.Thread(target=total.append, args=(n,)) for n in range(100)]
                        [t.start() for t in ts]; [t.join() for t in ts]; print('threads', sum(total))
                        s = mp.Semaphore(1); print('semaphore', s.acquire())
                    """)
            } == nil)
    }

    @Test("POSIX message queues, semaphores and shared memory from C", arguments: TestIdentity.all)
    func posix(_ identity: TestIdentity) throws {
        let program = try BuiltPrograms.compileC(
            #"""
            #include <fcntl.h>
            #include <mqueue.h>
            #include <semaphore.h>
            #include <stdio.h>
            #include <sys/mman.h>
            #include <sys/wait.h>
            #include <unistd.h>
            int main(void) {
                struct mq_attr a = { .mq_maxmsg = 4, .mq_msgsize = 32 };
                mqd_t q = mq_open("/q", O_CREAT | O_RDWR, 0600, &a);
                if (q == (mqd_t)-1) return perror("mq_open"), 1;
                sem_t *s = sem_open("/s", O_CREAT, 0600, 0);
                if (s == SEM_FAILED) return perror("sem_open"), 1;
                int m = shm_open("/m", O_CREAT | O_RDWR, 0600);
                if (m < 0 || ftruncate(m, 4096)) return perror("shm_open"), 1;
                char *p = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, m, 0), b[32] = "";
                if (!fork()) { p[0] = 'x'; mq_send(q, "message", 8, 0); sem_post(s); _exit(0); }
                sem_wait(s); mq_receive(q, b, sizeof b, 0); wait(0);
                printf("%c %s\n", p[0], b);
                return mq_unlink("/q") || sem_unlink("/s") || shm_unlink("/m");
            }
            """#)
        #expect(try difference(identity, "./posix", "x message\n") { try $0.install(program, as: "posix") } == nil)
    }

    @Test("node: workers, files, child processes and a server", arguments: TestIdentity.all)
    func node(_ identity: TestIdentity) throws {
        #expect(
            try difference(identity, "node main.js; npm --version > /dev/null", "worker 42\nfile text\nchild child\nhttp answer\n") {
                place in
                try place.write(
                    "main.js",
                    """
                    const { Worker, isMainThread, parentPort } = require('worker_threads');
                    const fs = require('fs'), { execFileSync } = require('child_process'), http = require('http');
                    if (!isMainThread) { parentPort.postMessage(42); } else {
                      new Worker(__filename).on('message', n => {
                        console.log('worker', n);
                        fs.writeFileSync('file', 'text'); console.log('file', fs.readFileSync('file', 'utf8'));
                        console.log('child', execFileSync('sh', ['-c', 'printf child']).toString());
                        const server = http.createServer((q, r) => r.end('answer')).listen(0, '127.0.0.1', () =>
                          http.get({ port: server.address().port, host: '127.0.0.1' }, r => r.on('data', d => { console.log('http', d.toString()); server.close(); })));
                      });
                    }
                    """)
            } == nil)
    }

    @Test("shell pipelines, perl, awk, sed, xargs, tar and find", arguments: TestIdentity.all)
    func shellTools(_ identity: TestIdentity) throws {
        #expect(
            try difference(
                identity,
                """
                seq 100 | awk '{ s += $1 } END { print s }' | sed 's/^/sum /'
                perl -e 'print join(",", map { $_ * 2 } 1..3), "\\n"'
                mkdir -p a/b; touch a/1 a/b/2; find a -type f | sort | xargs -n1 echo; tar cf - a | tar tf - | wc -l
                bash -c 'diff <(seq 3) <(seq 3) && echo same'; printf 'b\\na\\n' | sort | tee copy | head -1
                """, "sum 5050\n2,4,6\na/1\na/b/2\n4\nsame\na\n") == nil)
    }

    @Test("a tree of processes ten deep, and daemons, which are gone afterwards", arguments: TestIdentity.all)
    func processes(_ identity: TestIdentity) throws {
        #expect(
            try difference(
                identity,
                """
                cat > deep.sh <<'END'
                if [ "$1" = 0 ]; then echo bottom; else sh deep.sh $(($1 - 1)); exit $?; fi
                END
                sh deep.sh 10
                perl -e 'use POSIX; for (1..5) { if (!fork) { setsid; exit 0 if fork; sleep 1000 } wait }'
                ls /proc | grep -c '^[0-9]' > count; [ "$(cat count)" -ge 6 ] && echo daemons
                """, "bottom\ndaemons\n") == nil)
    }

    @Test("large and many files", arguments: TestIdentity.all)
    func files(_ identity: TestIdentity) throws {
        #expect(
            try difference(
                identity,
                """
                head -c 200000000 /dev/zero > big; wc -c < big; cp big copy; cmp big copy; rm copy
                mkdir many; cd many; seq 2000 | xargs touch; ls | wc -l; truncate -s 10G ../sparse; stat -c %s ../sparse; rm ../sparse ../big
                ln 1 hard; ln -s 1 soft; stat -c %h 1; readlink soft; chmod 640 1; stat -c %a 1; flock 1 echo locked
                """, "200000000\n2000\n10737418240\n2\n1\n640\nlocked\n") == nil)
    }

    @Test("cargo builds a crate without dependencies", .enabled(if: getuid() == 0 && FileSystem.isExecutable("/root/.cargo/bin/cargo")))
    func cargo() throws {
        let place = try Sandboxed(.root)
        try place.write("Cargo.toml", "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n")
        try place.write("src/main.rs", "fn main() { println!(\"from rust\"); }\n")
        place.environment["HOME"] = "/root"
        place.environment["PATH"] = "/root/.cargo/bin:" + Sandboxed.path
        let outcome = try place.shell("cargo build -q --offline && ./target/debug/tiny; ls -a ~/.cargo", timeout: 300)
        #expect(outcome.exitCode == 0 && outcome.output.hasPrefix("from rust\n") && !outcome.output.contains("credentials"), "\(outcome)")
    }

    @Test("swift builds a package", .enabled(if: FileSystem.isExecutable("/opt/swift/usr/bin/swift") && getenv("COOP_STRESS") != nil))
    func swift() throws {
        let place = try Sandboxed(TestIdentity.all[TestIdentity.all.count - 1])
        try place.write(
            "Package.swift",
            "// swift-tools-version: 6.0\nimport PackageDescription\nlet package = Package(name: \"tiny\", targets: [.executableTarget(name: \"tiny\")])\n"
        )
        try place.write("Sources/tiny/main.swift", "print(\"from swift\")\n")
        place.environment["PATH"] = "/opt/swift/usr/bin:" + Sandboxed.path
        let outcome = try place.shell("swift build --disable-sandbox 2>&1 >/dev/null; .build/debug/tiny", timeout: 300)
        #expect(outcome.exitCode == 0 && outcome.output.hasSuffix("from swift\n"), "\(outcome)")
    }
}
