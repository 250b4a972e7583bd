import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.first ?? .root

/// Agents are found where people install them: the program and what it loads appear, read-only and at the same path, and nothing else of
/// the home.
@Suite struct InstallationTests {
    /// A way to install a program called `sample`.
    struct Layout: Sendable, CustomStringConvertible {
        var name: String
        /// Lines of sh(1) that install it below $HOME. `program FILE` and `python FILE INTERPRETER` write it; `module DIRECTORY` what it
        /// loads, `secret FILE` what must not appear.
        var script: String
        /// What stands before the usual PATH, below the home.
        var path: String?

        var description: String { name }
    }

    static let layouts = [
        Layout(
            name: "npm, with a prefix in the home",
            script: """
                p=$HOME/.npm-global; m=$p/lib/node_modules; mkdir -p $p/bin $m/@x/sample $m/dependency
                echo 'exports.name = "a module"' >$m/dependency/index.js
                node $m/@x/sample/cli.js; ln -s ../lib/node_modules/@x/sample/cli.js $p/bin/sample
                secret $p/etc/npmrc; secret $HOME/.npmrc; secret $HOME/.npm/_logs/x
                """),
        Layout(
            name: "npm of nvm",
            script: """
                p=$HOME/.nvm/versions/node/v99.0.0; m=$p/lib/node_modules; mkdir -p $p/bin $m/sample $m/dependency
                ln -s /usr/bin/node $p/bin/node; echo 'exports.name = "a module"' >$m/dependency/index.js
                node $m/sample/cli.js; ln -s ../lib/node_modules/sample/cli.js $p/bin/sample
                secret $HOME/.npmrc; secret $HOME/.nvmrc.d/x
                """, path: ".nvm/versions/node/v99.0.0/bin"),
        Layout(
            name: "a native installer",
            script: """
                v=$HOME/.local/share/sample/versions; mkdir -p $v $HOME/.local/bin; program $v/1.2.3; ln -s $v/1.2.3 $HOME/.local/bin/sample
                secret $HOME/.local/share/sample/token; secret $v/1.2.2; secret $HOME/.local/lib/other/x; secret $HOME/.local/share/keyrings/x
                """),
        Layout(
            name: "a native installer, in PATH",
            script: """
                v=$HOME/.local/share/sample/versions; mkdir -p $v $HOME/.local/bin; program $v/1.2.3; ln -s $v/1.2.3 $HOME/.local/bin/sample
                secret $HOME/.local/share/sample/token; secret $HOME/.local/share/keyrings/x
                """, path: ".local/bin"),
        Layout(
            name: "pipx",
            script: """
                v=$HOME/.local/share/pipx/venvs/sample; /usr/bin/python3 -m venv --without-pip $v; mkdir -p $HOME/.local/bin
                module $v/lib/python3*/site-packages; python $v/bin/sample $v/bin/python; ln -s $v/bin/sample $HOME/.local/bin/sample
                secret $HOME/.local/share/pipx/venvs/other/x; secret $HOME/.local/state/pipx/log; secret $HOME/.local/lib/x
                """),
        Layout(
            name: "uv tool, with a python of uv's",
            script: """
                real=$(readlink -f /usr/bin/python3); u=$HOME/.local/share/uv; c=$u/python/cpython-3.99; v=$u/tools/sample
                mkdir -p $c/bin $c/lib $HOME/.local/bin; cp $real $c/bin/; ln -s /usr/lib/${real##*/} $c/lib/${real##*/}
                ln -s ${real##*/} $c/bin/python3; $c/bin/python3 -m venv --without-pip $v
                module $v/lib/python3*/site-packages; python $v/bin/sample $v/bin/python3; ln -s $v/bin/sample $HOME/.local/bin/sample
                secret $u/tools/other/x; secret $u/credentials; secret $HOME/.local/lib/x
                """),
        Layout(
            name: "a virtual environment, in PATH",
            script: """
                v=$HOME/venvs/sample; /usr/bin/python3 -m venv --without-pip $v
                module $v/lib/python3*/site-packages; python $v/bin/sample $v/bin/python3; secret $HOME/venvs/other/x; secret $HOME/venvs/x
                """, path: "venvs/sample/bin"),
        Layout(
            name: "the program that a wheel bundles",
            script: """
                v=$HOME/venvs/sample; /usr/bin/python3 -m venv --without-pip $v; b=$(echo $v/lib/python3*)/site-packages/sample/_bundled
                mkdir -p $b $HOME/bin; program $b/sample; ln -s $b/sample $HOME/bin/sample; secret $HOME/venvs/x; secret $HOME/lib/x
                """, path: "bin"),
        Layout(
            name: "pip install --user",
            script: """
                d=$HOME/.local/lib/$(basename $(readlink -f /usr/bin/python3))/site-packages; mkdir -p $HOME/.local/bin; module $d
                python $HOME/.local/bin/sample /usr/bin/python3; secret $HOME/.local/lib/other/x; secret $HOME/.local/share/x
                """),
    ]

    /// What the program does: says that it runs, and names secrets that it can see, and itself where it can write itself.
    private static let check =
        #"echo ran; grep -rls 'PRIV[A]TE-7391' "$HOME"; f=$(readlink -f "$1"); (: >>"$f") 2>/dev/null && echo "writable $f"; exit 0"#

    private static let functions = #"""
        set -e
        secret() { mkdir -p "$(dirname "$1")"; echo PRIVATE-7391 >"$1"; }
        module() { mkdir -p "$1"; echo 'name = "a module"' >"$1/sample_module.py"; }
        program() { printf '#!/bin/sh\nset -- "$0"\n%s\n' "$CHECK" >"$1"; chmod 755 "$1"; }
        python() {
            printf '#!%s\nimport os, subprocess, sample_module\nassert sample_module.name == "a module"\nsubprocess.run(["/bin/sh", "-c", os.environ["CHECK"], "sh", __file__])\n' "$2" >"$1"
            chmod 755 "$1"
        }
        node() {
            printf '#!/usr/bin/env node\nif (require("dependency").name != "a module") throw 1\nrequire("child_process").execFileSync("/bin/sh", ["-c", process.env.CHECK, "sh", __filename], { stdio: "inherit" })\n' >"$1"
            chmod 755 "$1"
        }
        secret "$HOME/.ssh/id"; secret "$HOME/.config/gh/hosts.yml"; secret "$HOME/notes"

        """#

    @Test("the program and what it loads are there, and nothing else of the home", arguments: layouts)
    func layout(_ layout: Layout) throws {
        let place = try Sandboxed(anyone)
        let made = try place.outside([
            "/usr/bin/env", "CHECK=" + InstallationTests.check, "/bin/sh", "-c", InstallationTests.functions + layout.script,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("\(made)") }
        try place.write(
            "../coophome/agents/sample.toml",
            """
            name = "sample"
            binary = "sample"
            places = ["~/.local/bin/sample", "~/.npm-global/bin/sample"]
            """)
        if let path = layout.path { place.environment["PATH"] = place.home + "/" + path + ":" + Sandboxed.path }
        let outcome = try place.coop(["run", "-e", "CHECK=" + InstallationTests.check, "sample"])
        #expect(outcome.exitCode == 0 && outcome.output == "ran\n", "\(layout): \(outcome)")
        // Outside it says the same, and what it could see there: the layout is one that works.
        let command =
            layout.path.map { place.home + "/\($0)/sample" }
            ?? (FileSystem.isExecutable(place.home + "/.local/bin/sample")
                ? place.home + "/.local/bin/sample" : place.home + "/.npm-global/bin/sample")
        let outside = try place.outside(["/usr/bin/env", "CHECK=" + InstallationTests.check, command])
        #expect(
            outside.output.hasPrefix("ran\n") && outside.output.contains("/.ssh/id\n") && outside.output.contains("writable"), "\(outside)")
    }
}
