import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.last ?? .root

/// Real programs, unmodified and without proxy variables: to a host whose connections pass untouched, and to one whose connections are
/// terminated to put a credential into them.
@Suite struct ClientTests {
    static let hosts = [ClientService.open, ClientService.granted]

    @Test("curl, with HTTP/1.1 and HTTP/2", arguments: TestIdentity.all, hosts)
    func curl(_ identity: TestIdentity, _ host: String) throws {
        let service = try ClientService.start(identity)
        let outcome = try service.place.captured(
            """
            curl -sS --http1.1 https://\(host)/hello; curl -sS --http2 https://\(host)/hello
            head -c 3000000 /dev/urandom > sent
            for version in --http1.1 --http2; do
              curl -sS $version --data-binary @sent -o received https://\(host)/echo; cmp sent received && echo same
              curl -sS $version -T - -X POST -o received https://\(host)/echo < sent; cmp sent received && echo same
            done
            env -i curl -sSN https://\(host)/events | tr -d '\\n'
            """)
        #expect(outcome.output == "hello 1.1\nhello 2.0\nsame\nsame\nsame\nsame\ndata: 1data: 2data: 3", "\(outcome)")
        #expect(outcome.error.isEmpty, "\(outcome)")
    }

    @Test("git clone, fetch and push over HTTPS", arguments: TestIdentity.ordinary, hosts)
    func git(_ identity: TestIdentity, _ host: String) throws {
        let service = try ClientService.start(identity)
        let outcome = try service.place.captured(
            """
            set -e
            git clone -q https://\(host)/git/repository clone; cd clone; wc -l < numbers
            git config user.name T; git config user.email t@example.com
            seq 200000 > more; git add more; git commit -qm "from inside"; git push -q origin HEAD:refs/heads/inside
            git fetch -q; git rev-parse origin/inside HEAD | uniq | wc -l
            """)
        #expect(outcome.output == "20000\n1\n", "\(outcome)")
        let log = try ChildProcess.run(["git", "-C", service.directory + "/repository", "log", "-1", "--format=%s", "inside"])
        #expect(log.output == "from inside\n" || getuid() != 0, "\(log)")
    }

    @Test("Node's fetch, its HTTP/2, and npm", arguments: hosts)
    func node(_ host: String) throws {
        let service = try ClientService.start(anyone)
        let script = """
            const http2 = require("http2");
            (async () => {
              console.log((await (await fetch("https://\(host)/hello")).text()).trim());
              const body = "x".repeat(300000);
              console.log((await (await fetch("https://\(host)/echo", { method: "POST", body })).text()) === body);
              const session = http2.connect("https://\(host)"), stream = session.request({ ":path": "/hello" });
              stream.setEncoding("utf8");
              stream.on("data", (text) => console.log(text.trim()));
              stream.on("end", () => session.close());
            })();
            """
        try service.place.write("client.js", script)
        let outcome = try service.place.captured("node client.js")
        #expect(outcome.output == "hello 1.1\ntrue\nhello 2.0\n", "\(outcome)")
        guard ClientService.has("npm") else { return }
        let packed = try ChildProcess.run([
            "/bin/sh", "-ec",
            """
            cd "$1"; mkdir package; printf '{"name":"coop-test-package","version":"1.0.0"}' > package/package.json
            echo 'module.exports = "from the registry"' > package/index.js; tar czf coop-test-package-1.0.0.tgz package
            """, "sh", service.directory,
        ])
        #expect(packed.exitCode == 0, "\(packed)")
        let installed = try service.place.captured(
            """
            npm install --silent --no-audit --no-fund --no-update-notifier --registry https://\(host)/ coop-test-package
            node -p 'require("coop-test-package")'
            """)
        #expect(installed.output.hasSuffix("from the registry\n"), "\(installed)")
    }

    @Test("requests, httpx, aiohttp, websockets and grpcio", .enabled(if: ClientService.libraries != nil), arguments: hosts)
    func python(_ host: String) throws {
        let libraries = try #require(ClientService.libraries)
        let service = try ClientService.start(anyone)
        try service.place.install(ClientService.file("clients.py"), as: "clients.py", mode: 0o644)
        let outcome = try service.place.captured(
            "\(libraries)/bin/python clients.py \(host)", options: ["-m", "\(libraries):\(libraries):ro"])
        #expect(outcome.output == "requests\nhttpx HTTP/1.1\nhttpx HTTP/2\naiohttp\nwebsockets\ngrpcio\n", "\(outcome)")
    }

    @Test("pip installs from an index", .enabled(if: ClientService.libraries != nil), arguments: hosts)
    func pip(_ host: String) throws {
        let libraries = try #require(ClientService.libraries)
        let service = try ClientService.start(anyone)
        try service.makeWheel()
        let outcome = try service.place.captured(
            """
            \(libraries)/bin/pip install -q --isolated --no-cache-dir --target site --index-url https://\(host)/simple/ coop-test-package &&
            PYTHONPATH=site /usr/bin/python3 -c 'import coop_test_package; print(coop_test_package.answer)'
            """, options: ["-m", "\(libraries):\(libraries):ro"])
        #expect(outcome.output == "42\n", "\(outcome)")
    }

    @Test("openssl s_client", arguments: hosts)
    func openssl(_ host: String) throws {
        let service = try ClientService.start(anyone)
        let outcome = try service.place.captured(
            """
            printf 'GET /hello HTTP/1.1\\r\\nHost: \(host)\\r\\nConnection: close\\r\\n\\r\\n' |
              openssl s_client -quiet -verify_return_error -verify_hostname \(host) -servername \(host) -connect \(host):443 2>/dev/null
            """)
        #expect(outcome.output.contains("hello 1.1"), "\(outcome)")
    }

    @Test("a Java program", .enabled(if: ClientService.has("java") && ClientService.has("javac")), arguments: hosts)
    func java(_ host: String) throws {
        let service = try ClientService.start(anyone)
        try service.place.install(ClientService.file("Client.java"), as: "Client.java", mode: 0o644)
        let outcome = try service.place.captured("java Client.java https://\(host)/hello")
        #expect(outcome.output == "java HTTP_2 200\njava old 200\n", "\(outcome)")
    }

    @Test("a Go program", .enabled(if: ClientService.has("go")), arguments: hosts)
    func go(_ host: String) throws {
        let service = try ClientService.start(anyone)
        try service.place.install(ClientService.file("client.go"), as: "client.go", mode: 0o644)
        let outcome = try service.place.captured("GOCACHE=/tmp/cache GOFLAGS=-mod=mod go run client.go https://\(host)/hello")
        #expect(outcome.output == "go HTTP/2.0 200\n", "\(outcome)")
    }

    @Test("uv, a Rust program with rustls", .enabled(if: ClientService.programs != nil), arguments: hosts)
    func rust(_ host: String) throws {
        let programs = try #require(ClientService.programs)
        let service = try ClientService.start(anyone)
        try service.makeWheel()
        let outcome = try service.place.captured(
            """
            \(programs)/bin/uv pip install -q --no-config --no-cache --python /usr/bin/python3 --target site \
              --default-index https://\(host)/simple/ coop-test-package &&
            PYTHONPATH=site /usr/bin/python3 -c 'import coop_test_package; print(coop_test_package.answer)'
            """, options: ["-m", "\(programs):\(programs):ro"])
        #expect(outcome.output == "42\n", "\(outcome)")
    }

    @Test("deno, a Rust program with certificates of its own", .enabled(if: ClientService.programs != nil), arguments: hosts)
    func deno(_ host: String) throws {
        let programs = try #require(ClientService.programs)
        let service = try ClientService.start(anyone)
        try service.place.write(
            "client.ts",
            """
            console.log((await (await fetch("https://\(host)/hello")).text()).trim());
            const body = "x".repeat(300000);
            console.log((await (await fetch("https://\(host)/echo", { method: "POST", body })).text()) === body);
            """)
        let outcome = try service.place.captured(
            "DENO_DIR=/tmp/deno DENO_NO_UPDATE_CHECK=1 NO_COLOR=1 \(programs)/bin/deno run --no-config --allow-net client.ts",
            options: ["-m", "\(programs):\(programs):ro"])
        #expect(outcome.output == "hello 2.0\ntrue\n", "\(outcome)")
    }

    @Test("none of these clients is missing where they can be had", .enabled(if: ClientService.isExpected))
    func complete() {
        let missing = ["curl", "git", "node", "npm", "openssl", "java", "javac", "go"].filter { !ClientService.has($0) }
        #expect(missing == [], "Scripts/install-packages.sh test")
        #expect(ClientService.libraries != nil && ClientService.programs != nil, "pip cannot install what the tests of clients use")
    }

    @Test("the secret of a grant is nowhere inside after all of that")
    func nowhere() throws {
        let service = try ClientService.start(anyone)
        let outcome = try service.place.captured(
            "curl -sS https://\(ClientService.granted)/hello; env; grep -r 5f4e3d2c1b0a / --include='*' -s -l --exclude-dir=proc --exclude-dir=usr | head"
        )
        #expect(outcome.output.hasPrefix("hello 2.0\n") && !outcome.output.contains("5f4e3d2c1b0a"), "\(outcome)")
    }
}
