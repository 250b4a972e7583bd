import Glibc
import LinuxKernel
import TestSupport
import Testing

/// The real values of grants are searched for, byte by byte, while a sandbox runs.
@Suite struct SecretSearchTests {
    /// Made anew for each test, so that no file of the build holds them.
    private let key = "real-" + SecretSearchTests.word()
    private let password = "pass-" + SecretSearchTests.word()

    private static func word() -> String {
        String((0..<24).map { _ in "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghjkmnpqrstuvwxyz23456789".randomElement() ?? "x" })
    }

    private func place(_ identity: TestIdentity) throws -> (place: Sandboxed, upstream: EchoUpstream) {
        let place = try Sandboxed(identity)
        let upstream = try EchoUpstream(place)
        try place.configure(
            """
            [network]
            mode = "scoped"
            ca = ["\(upstream.certificate)"]
            [network.hosts]
            \(EchoUpstream.names.map { "\"\($0)\" = \"127.0.0.1:\(upstream.port)\"" }.joined(separator: "\n"))

            """)
        for (name, value, host, options) in [
            ("API_KEY", key, "api", ["--header", "Authorization", "--template", "Bearer {value}"]),
            ("WIKI_PASSWORD", password, "basic", ["--basic-user", "me"]),
        ] {
            for (words, input) in [
                (["secret", "add", "--global", name], ChildProcess.Input.bytes(Array(value.utf8))),
                (["grant", "add", host, "--domain", "\(host).coop-test.example", "--secret", name] + options, .null),
            ] {
                let outcome = try place.coop(words, input: input)
                guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
            }
        }
        return (place, upstream)
    }

    /// Six requests with the stub and one without, whose responses repeat what arrived; everything received stays in memory and in files.
    private static let script = #"""
        ask() { curl -sSi --http1.1 --noproxy '*' "$@" | tee -a received /tmp/received "$HOME/received"; echo; }
        ask -H "Authorization: Bearer $API_KEY" https://api.coop-test.example/granted
        ask https://api.coop-test.example/absent
        ask -H "Authorization: Bearer $API_KEY" https://api.coop-test.example/chunked
        ask --compressed -H "Authorization: Bearer $API_KEY" https://api.coop-test.example/gzip
        ask -d "note=$API_KEY" -H "Authorization: Bearer $API_KEY" "https://api.coop-test.example/body?note=$API_KEY"
        ask -u "me:$WIKI_PASSWORD" https://basic.coop-test.example/basic
        ask -u "me:$WIKI_PASSWORD" https://basic.coop-test.example/chunked/last
        exec python3 -c 'import time; held = open("received").read(); print(len(held), "waiting", flush=True); time.sleep(600)'
        """#

    @Test("no process, file, variable, argument, log or response inside ever holds the real value", arguments: TestIdentity.all)
    func searched(_ identity: TestIdentity) throws {
        // Only root reads the memory of every process.
        guard getuid() == 0 else { return }
        let (place, upstream) = try place(identity)
        let child = try place.start(["run", "--", "/bin/sh", "-c", "echo \"stub $API_KEY $WIKI_PASSWORD\"; " + SecretSearchTests.script])
        guard try child.waitForOutput(" waiting\n") else { throw TestSupportError("\(child.outputText) \(child.errorText)") }
        let stubs = child.outputText.split(separator: "\n").first.map { $0.split(separator: " ").dropFirst().map(String.init) } ?? []
        #expect(stubs.count == 2 && child.outputText.split(separator: " 200 OK").count >= 7, "\(child.outputText) \(child.errorText)")

        let supervisor = child.pid
        let children = try Sandboxed.children(of: supervisor)
        let warden = try #require(children.first { Sandboxed.name(of: $0) == "coop-warden" })
        let worker = try #require(children.first { Sandboxed.name(of: $0) == "coop-gateway" })
        let search = SecretSearch(values: [
            ("key", Array(key.utf8)), ("password", Array(password.utf8)), ("basic", Array(base64("me:\(password)").utf8)),
            ("stub", Array(stubs[0].utf8)), ("basic-stub", Array(stubs[1].utf8)),
        ])
        let root = "/proc/\(warden)/root"
        let found = try search.run(
            warden: warden, beside: [supervisor, worker],
            directories: [
                root + place.project, root + place.home, root + "/tmp", root + "/run", root + "/etc", root + "/dev/shm",
                place.coopHome + "/run", place.coopHome + "/audit", place.coopHome + "/projects",
            ])
        for value in ["key", "password", "basic"] { #expect(found[value] == nil, "\(value): \(found[value] ?? [])") }
        // The search does find: the stub, in all kinds of places.
        let control = found["stub"] ?? []
        for wanted in ["memory of python3", "environ of python3", "file \(root)\(place.project)/received", "file \(root)/tmp/received"] {
            #expect(control.contains(wanted), "\(wanted): \(control)")
        }
        #expect(found["looked"]?.contains { $0.hasPrefix("memory ") } == true)

        // What the sandbox received, all of it.
        for value in [key, password, base64("me:\(password)")] {
            #expect(!child.outputText.contains(value) && !child.errorText.contains(value))
        }
        // Upstream it arrived once with each request that it was granted to, and nowhere else.
        let seen = try upstream.received(until: "/chunked/last")
        #expect(seen.split(separator: key).count == 6 && !seen.contains(password), "\(seen)")
        #expect(seen.split(separator: base64("me:\(password)")).count == 3, "\(seen)")
        #expect(seen.contains("note=\(stubs[0])"))

        // What outside holds the value leaves no core file, and the worker is closed to the user's other processes too.
        for process in [supervisor, worker] {
            let limits = String(osBytes: try FileSystem.read("/proc/\(process)/limits"))
            let core = limits.split(separator: "\n").first { $0.hasPrefix("Max core file size") }
            #expect(core?.split(separator: " ").suffix(3) == ["1", "1", "bytes"], "\(core ?? "")")
        }
        #expect(try FileSystem.status("/proc/\(worker)/environ")?.st_uid == 0)
        child.signal(SIGTERM)
        let outcome = try child.wait()
        #expect(!outcome.timedOut && !outcome.error.contains(key) && !outcome.error.contains(password), "\(outcome)")
        for value in [key, password] {
            #expect(try !place.coop(["audit", "export"]).output.contains(value))
        }
    }

    private func base64(_ text: String) -> String {
        let alphabet = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
        let bytes = Array(text.utf8)
        var result = ""
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let part = bytes[start..<min(start + 3, bytes.count)]
            let word = part.reduce(0) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - part.count))
            for place in 0..<4 { result.append(place <= part.count ? alphabet[Int(word >> UInt32(18 - 6 * place) & 63)] : "=") }
        }
        return result
    }
}
