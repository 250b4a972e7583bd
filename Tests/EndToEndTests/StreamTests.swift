import Glibc
import LinuxKernel
import TestSupport
import Testing

/// `coop run -- CMD` in place of `CMD`: the same bytes, the same order, the same code.
@Suite struct StreamTests {
    /// Lines of sh(1) in which `$run` stands before each command. They must do the same with and without a sandbox.
    static let transparent: [String] = [
        // Bytes.
        #"printf 'a\0b\377\r\n\n' | $run cat | od -An -c"#,
        #"$run printf 'no newline'"#,
        #"seq 100000 | $run wc -l"#,
        #"seq 100000 | $run head -n 3"#,
        #"printf '' | $run wc -c"#,
        #"$run cat < /dev/null"#,
        #"$run echo lost > /dev/null"#,
        #"$run sh -c 'echo out; echo err >&2'"#,
        #"$run sh -c 'echo a; echo b >&2; echo c' > both 2>&1; cat both"#,
        #"$run sh -c 'echo a; echo b >&2' 2> err; cat err"#,
        #"seq 5 | $run sort -r | $run head -n 2"#,
        // Positions in files are shared.
        #"seq 5 > five; { read x; $run cat; } < five"#,
        #"seq 5 > five; { $run sh -c 'read a; echo "first $a"'; cat; } < five"#,
        #"echo one > log; $run echo two >> log; echo three >> log; cat log"#,
        #"exec 9<> both-ways; $run sh -c 'echo written' >&9; $run cat <&9; cat both-ways"#,
        #"for m in 077 002 000; do (umask $m; $run sh -c "umask; touch made-$m; stat -c %a made-$m"); done"#,
        // The ends of pipes.
        #"{ $run yes; echo $? >&2; } | head -n 1"#,
        #"$run true | cat; $run false || echo failed"#,
        #"mkfifo pipe; $run cat < pipe & echo through > pipe; wait; rm pipe"#,
        // Exit codes.
        #"for n in 0 1 42 125 127 255; do $run sh -c "exit $n"; echo $?; done"#,
        #"{ for n in 1 2 9 13 15; do $run sh -c "kill -$n \$\$"; echo $?; done; } 2> /dev/null"#,
        #"$run nowhere-to-be-found 2> /dev/null; echo $?"#,
        #"echo text > plain; $run ./plain 2> /dev/null; echo $?; $run /etc 2> /dev/null; echo $?"#,
        #"printf '#!/nowhere\n' > bad; chmod +x bad; $run ./bad 2> /dev/null; echo $?"#,
        #"printf 'echo no interpreter $1' > bare; chmod +x bare; $run ./bare line"#,
        // Words.
        #"$run printf '[%s]' '' 'a b' '*' '$HOME' "it's" '"' '\' "$(printf 'x\ny')" "$(printf 'tab\there')" -- -x --json"#,
        #"$run sh -c 'echo "$@"' x -m --json -t --timeout 3 --no-tty --help -- --"#,
        #"$run printf '%s' "$(printf '\377\376 \303\244')" | od -An -c"#,
        #"$run env -u A B=-c printenv B"#,
        #"mkdir -p sub; cd sub; $run pwd; $run sh -c 'echo here > file'; cat file"#,
        #"$run pwd -P"#,
    ]

    @Test("a command in a sandbox cannot be told from the command", arguments: TestIdentity.all, transparent)
    func isTransparent(_ identity: TestIdentity, _ script: String) throws {
        let (inside, outside) = (try Sandboxed(identity), try Sandboxed(identity))
        let got = try inside.hostShell("run=\"$coop run --\"\n" + script)
        let wanted = try outside.hostShell("run=\n" + script)
        func plain(_ bytes: [UInt8], _ place: Sandboxed) -> String {
            // Only the names of the two projects may differ.
            String(decoding: bytes, as: UTF8.self).replacing(place.root, with: "ROOT")
        }
        #expect(plain(got.outputBytes, inside) == plain(wanted.outputBytes, outside))
        #expect(plain(got.errorBytes, inside) == plain(wanted.errorBytes, outside))
        #expect(got.exitCode == wanted.exitCode)
        #expect(try inside.remains() == [])
    }

    @Test(
        "options of coop end at the first word of the command, with or without --",
        arguments: [
            (["run", "printf", "[%s]", "-m", "--json", "--"], "[-m][--json][--]"),
            (["run", "--", "printf", "[%s]", "-m", "--", "x"], "[-m][--][x]"),
            (["run", "--no-tty", "--", "printf", "[%s]", "--no-tty"], "[--no-tty]"),
            (["run", "-e", "A=b", "printenv", "A"], "b\n"),
            (["run", "sh", "-c", "echo \"$@\"", "x", "-e", "A=b", "--keep"], "-e A=b --keep\n"),
            (["run", "--", "env", "--", "echo", "--"], "--\n"),
        ] as [([String], String)])
    func optionsEnd(_ arguments: [String], _ output: String) throws {
        let place = try Sandboxed(.all[0])
        let outcome = try place.coop(arguments)
        #expect(outcome.exitCode == 0 && outcome.output == output && outcome.error == "", "\(outcome)")
    }

    @Test("50 MB of random bytes pass through pipes unchanged", arguments: TestIdentity.all)
    func volume(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.hostShell(
            """
            head -c 52428800 /dev/urandom > data
            cat data | "$coop" run -- cat | cmp - data && echo pipes
            "$coop" run -- cat < data > copy && cmp data copy && echo files
            """)
        #expect(outcome.output == "pipes\nfiles\n" && outcome.error == "", "\(outcome)")
    }

    @Test("sockets as streams, as node gives them to its children, are relayed without loss", arguments: TestIdentity.all)
    func sockets(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        try place.write(
            "relay.js",
            """
            const { spawn } = require('child_process'), crypto = require('crypto');
            const data = crypto.randomBytes(8 << 20), want = crypto.createHash('sha1').update(data).digest('hex');
            const child = spawn(process.env.coop, ['run', '--', 'sh', '-c', 'cat; echo last words >&2; exit 9']);
            const hash = crypto.createHash('sha1'); let error = '';
            child.stdout.on('data', d => hash.update(d)); child.stderr.on('data', d => error += d);
            child.on('close', code => console.log(hash.digest('hex') === want, JSON.stringify(error), code));
            child.stdin.end(data);
            """)
        let outcome = try place.hostShell("node relay.js")
        #expect(outcome.output == "true \"last words\\n\" 9\n" && outcome.error == "", "\(outcome)")
    }

    @Test("a socket whose reader goes away ends the command as a pipe would")
    func closedSocket() throws {
        let place = try Sandboxed(.all[0])
        try place.write(
            "close.js",
            """
            const { spawn } = require('child_process');
            const child = spawn(process.env.coop, ['run', '--', 'yes']);
            child.stdout.once('data', () => child.stdout.destroy());
            child.on('exit', (code, signal) => console.log(code));
            """)
        let outcome = try place.hostShell("node close.js")
        // `yes` dies of SIGPIPE, or says that it cannot write.
        #expect(["141\n", "1\n"].contains(outcome.output) && !outcome.timedOut, "\(outcome)")
    }

    @Test("end of input reaches the command while its output goes on", arguments: TestIdentity.all)
    func endOfInput(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let coop = try place.start(["run", "--", "sh", "-c", "while read x; do echo \"got $x\"; done; echo end; exit 4"], input: .pipe)
        try coop.send("one\n")
        #expect(try coop.waitForOutput("got one\n"))
        try coop.send("two\n")
        #expect(try coop.waitForOutput("got two\n"))
        coop.closeInput()
        let outcome = try coop.wait()
        #expect(outcome.output == "got one\ngot two\nend\n" && outcome.exitCode == 4, "\(outcome)")
    }

    @Test("closed streams are empty streams inside", arguments: TestIdentity.all)
    func closedStreams(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.hostShell(
            """
            "$coop" run -- sh -c 'wc -c; echo err >&2' <&- ; echo $?
            "$coop" run -- sh -c 'echo lost; echo err >&2; exit 3' >&- ; echo $?
            "$coop" run -- sh -c 'echo out; echo lost >&2; exit 4' 2>&- ; echo $?
            "$coop" run -- sh -c 'exit 5' <&- >&- 2>&- ; echo $?
            """)
        #expect(outcome.output == "0\n0\n3\nout\n4\n5\n" && outcome.error == "err\nerr\n", "\(outcome)")
    }

    @Test("directories and devices are refused as streams, with the reason", arguments: TestIdentity.all)
    func refusedStreams(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        for (redirection, reason) in [
            ("< /etc", "it is a directory"), ("< /dev/zero", "it is a device"), ("> /dev/full", "it is a device"),
        ] {
            let outcome = try place.hostShell("\"$coop\" run -- true \(redirection)")
            #expect(outcome.exitCode == 126 && outcome.error.contains(reason), "\(redirection): \(outcome)")
        }
    }

    @Test("names and values that are no UTF-8 arrive as they are", arguments: TestIdentity.all)
    func otherBytes(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.hostShell(
            #"""
            bad=$(printf 'n\377\303')
            mkdir "$bad" && cd "$bad" && echo text > "$bad" || exit 9
            "$coop" run -- sh -c 'cat "$1" && cp "$1" "$1.copy" && pwd' x "$bad" | od -An -c | tr -d ' \n'; echo
            ls | od -An -c | tr -d ' \n'; echo
            "$coop" run -e "VALUE=$bad" -- printenv VALUE | od -An -c | tr -d ' \n'; echo
            LC_BAD=$bad "$coop" run --env-allow 'LC_*' -- printenv LC_BAD | od -An -c | tr -d ' \n'; echo
            printf '#!/bin/sh\necho run as "${0##*/}"\n' > "./$bad.sh"; chmod +x "./$bad.sh"
            "$coop" run "./$bad.sh" | od -An -c | tr -d ' \n'; echo
            """#)
        let lines = outcome.output.split(separator: "\n").map(String.init)
        #expect(outcome.exitCode == 0 && outcome.error == "" && lines.count == 5, "\(outcome)")
        guard lines.count == 5 else { return }
        #expect(lines[0].hasPrefix("text\\n") && lines[0].hasSuffix("/n377303\\n"), "\(lines[0])")
        #expect(lines[1] == "n377303\\nn377303.copy\\n")
        #expect(lines[2] == "n377303\\n")
        #expect(lines[3] == "n377303\\n")
        #expect(lines[4] == "runasn377303.sh\\n")
    }
}
