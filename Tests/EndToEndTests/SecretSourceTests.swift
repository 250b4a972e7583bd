import Glibc
import LinuxKernel
import TestSupport
import Testing

/// The places that a grant's value can come from, through the built programs.
@Suite struct SecretSourceTests {
    private static let secret = "real-5d4c3b2a1f0e-of-a-source"
    /// A private session bus with a keyring of GNOME's, which holds the secret.
    private static let keyring = """
        export XDG_RUNTIME_DIR="$HOME/runtime"; mkdir -m 700 "$XDG_RUNTIME_DIR"
        printf pass | gnome-keyring-daemon --foreground --unlock --components=secrets > keyring.log 2>&1 & daemon=$!
        trap 'kill $daemon; wait $daemon' EXIT
        for n in $(seq 600); do
          dbus-send --session --print-reply --dest=org.freedesktop.DBus / org.freedesktop.DBus.NameHasOwner string:org.freedesktop.secrets |
            grep -q true && break
          sleep 0.1
        done
        printf %s "$SECRET" | secret-tool store --label=x service coop-test user 'a b'
        """

    private static let tools = ["secret-tool", "gnome-keyring-daemon", "dbus-send", "dbus-run-session"]

    private static let sources = [
        "env:COOP_SOURCE", "file:~/source.json#/deep/value", "cmd:/bin/sh -c 'echo $COOP_SOURCE'",
        "secret-service:service=coop-test 'user=a b'",
    ]

    @Test("a value comes from where the grant says, and reaches its host alone", arguments: TestIdentity.ordinary, sources)
    func source(_ identity: TestIdentity, _ source: String) throws {
        let usesKeyring = source.hasPrefix("secret-service")
        if usesKeyring, !Self.tools.allSatisfy({ ClientService.has($0) }) {
            #expect(!ClientService.isExpected, "Scripts/install-packages.sh test")
            return
        }
        let place = try Sandboxed(identity)
        let upstream = try EchoUpstream(place)
        try place.configure(
            """
            [network]
            ca = ["\(upstream.certificate)"]
            [network.hosts]
            "api.coop-test.example" = "127.0.0.1:\(upstream.port)"

            """)
        try place.write(place.home + "/source.json", "{\"deep\": {\"value\": \"\(Self.secret)\"}}", mode: 0o600)
        let added = try place.coop([
            "grant", "add", "example", "--domain", "api.coop-test.example", "--header", "Authorization", "--template", "Bearer {value}",
            "--env", "EXAMPLE_TOKEN", "--source", source,
        ])
        #expect(added.exitCode == 0, "\(added)")
        let run = """
            set -e; SECRET=\(Self.secret)
            \(usesKeyring ? Self.keyring : "export COOP_SOURCE=$SECRET")
            "$coop" run -- /bin/sh -c 'env; curl -sSi --http1.1 -H "Authorization: Bearer $EXAMPLE_TOKEN" https://api.coop-test.example/last'
            """
        let outcome = try place.startOutside((usesKeyring ? ["dbus-run-session", "--"] : []) + ["/bin/sh", "-c", run]).wait()
        #expect(outcome.exitCode == 0 && outcome.output.contains(" 200 OK"), "\(outcome)")
        #expect(!outcome.output.contains(Self.secret), "\(outcome)")
        #expect(try upstream.received(until: "SEEN").lowercased().contains("authorization: bearer \(Self.secret)"))
        #expect(try place.remains() == [])
    }
}
