import Glibc
import LinuxKernel
import TestSupport

/// A server of the test's own on loopback that real clients know how to talk to, and the certificates for it (Clients/service.js).
final class ClientService {
    /// Reached without a grant; its requests are not looked into.
    static let open = "open.coop-test.example"
    /// Has a grant: its server wants the real secret.
    static let granted = "granted.coop-test.example"
    static let secret = "real-5f4e3d2c1b0a-clients"

    /// Where its files are, and from where it is reached.
    let place: Sandboxed
    let directory: String
    let port: String
    private let process: ChildProcess

    /// A file beside this one.
    static func file(_ name: String) -> String { FileSystem.parent(of: #filePath) + "/Clients/" + name }

    init(_ place: Sandboxed) throws {
        self.place = place
        directory = place.root + "/service"
        let made = try ChildProcess.run([
            "/bin/sh", "-ec",
            """
            mkdir -p "$1/work"; cd "$1"
            ec="-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
            openssl req -x509 $ec -keyout ca.key -out ca.pem -days 30 -subj '/CN=Test authority of clients' \
              -addext basicConstraints=critical,CA:TRUE -addext keyUsage=critical,keyCertSign,cRLSign
            openssl req $ec -keyout server.key -out server.csr -subj "/CN=$2"
            printf 'subjectAltName=DNS:%s,DNS:%s\\nextendedKeyUsage=serverAuth\\nbasicConstraints=CA:FALSE\\n' "$2" "$3" > server.ext
            openssl x509 -req -in server.csr -CA ca.pem -CAkey ca.key -CAcreateserial -out server.pem -days 30 -extfile server.ext
            chmod 644 ca.pem
            export HOME="$1" GIT_CONFIG_NOSYSTEM=1 GIT_CONFIG_GLOBAL=/dev/null
            git init -q -b main work; cd work; seq 20000 > numbers; git add numbers
            git -c user.name=T -c user.email=t@example.com commit -qm first; cd ..
            git clone -q --bare work repository; git -C repository config http.receivepack true
            """, "sh", directory, ClientService.open, ClientService.granted,
        ])
        guard made.exitCode == 0 else { throw TestSupportError("the service's files: \(made)") }
        process = try ChildProcess(
            ["/usr/bin/env", "node", ClientService.file("service.js"), "server.pem", "server.key", directory, ClientService.secret],
            environment: ["PATH": Sandboxed.path, "HOME": directory], directory: directory, input: .pipe)
        guard try process.waitForOutput(" END\n") else { throw TestSupportError("no service: \(process.errorText)") }
        port = String(process.outputText.dropFirst(5).dropLast(5))
    }

    deinit {
        process.signal(SIGKILL)
        _ = try? process.wait()
    }

    /// One whose place's user allows the open host, and has a grant for the other one.
    static func start(_ identity: TestIdentity, further: String = "") throws -> ClientService {
        let place = try Sandboxed(identity)
        let service = try ClientService(place)
        try place.configure(
            """
            [network]
            allow = ["\(open)"]
            ca = ["\(service.directory)/ca.pem"]
            \(further)
            [network.hosts]
            "\(open)" = "127.0.0.1:\(service.port)"
            "\(granted)" = "127.0.0.1:\(service.port)"

            """)
        for arguments in [
            ["secret", "add", "--global", "TOKEN"],
            [
                "grant", "add", "clients", "--domain", granted, "--header", "Authorization", "--template", "Bearer {value}", "--secret",
                "TOKEN",
            ],
        ] {
            let outcome = try place.coop(arguments, input: .bytes(Array(secret.utf8)))
            guard outcome.exitCode == 0 else { throw TestSupportError("\(outcome)") }
        }
        return service
    }

    /// Puts the package `coop-test-package` into its index.
    func makeWheel() throws {
        let script = """
            import sys, zipfile
            info = "coop_test_package-1.0.0.dist-info/"
            with zipfile.ZipFile(sys.argv[1] + "/coop_test_package-1.0.0-py3-none-any.whl", "w") as wheel:
                wheel.writestr("coop_test_package.py", "answer = 42\\n")
                wheel.writestr(info + "METADATA", "Metadata-Version: 2.1\\nName: coop-test-package\\nVersion: 1.0.0\\n")
                wheel.writestr(info + "WHEEL", "Wheel-Version: 1.0\\nGenerator: test\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
                wheel.writestr(info + "RECORD", "")
            """
        let made = try ChildProcess.run(["/usr/bin/python3", "-c", script, directory])
        guard made.exitCode == 0 else { throw TestSupportError("\(made)") }
    }

    /// A virtual environment with the libraries that the tests use; nil where they cannot be had. Kept between runs.
    static let libraries: String? = {
        let path = "/tmp/coop-test-venv.\(getuid())"
        let made = try? ChildProcess.run(
            [
                "/bin/sh", "-c",
                """
                exec 9> "$1.lock"; flock 9; [ -e "$1/ready" ] && exit 0
                rm -rf "$1"; umask 022; /usr/bin/python3 -m venv "$1" &&
                for n in 1 2 3; do
                  "$1/bin/pip" install -q --retries 5 --timeout 60 requests 'httpx[http2]' aiohttp grpcio websockets && touch "$1/ready" && break
                  sleep 5
                done; [ -e "$1/ready" ]
                """, "sh", path,
            ], timeout: 900)
        if made?.exitCode != 0 { print("pip cannot install what the tests of clients use: \(made.map { "\($0)" } ?? "it did not start")") }
        return made?.exitCode == 0 ? path : nil
    }()

    /// A virtual environment with further programs that are clients, each with a TLS library and trust of its own; nil where they cannot be
    /// had. Kept between runs.
    static let programs: String? = {
        let path = "/tmp/coop-test-programs.\(getuid())"
        let made = try? ChildProcess.run(
            [
                "/bin/sh", "-c",
                """
                exec 9> "$1.lock"; flock 9; [ -e "$1/ready" ] && exit 0
                rm -rf "$1"; umask 022; /usr/bin/python3 -m venv "$1" && for n in 1 2 3; do
                  "$1/bin/pip" install -q --retries 5 --timeout 60 uv deno && touch "$1/ready" && break
                  sleep 5
                done; [ -e "$1/ready" ]
                """, "sh", path,
            ], timeout: 900)
        if made?.exitCode != 0 { print("pip cannot install what the tests of clients use: \(made.map { "\($0)" } ?? "it did not start")") }
        return made?.exitCode == 0 ? path : nil
    }()

    /// Whether all the clients must be there: Debian has them, and the tests' own script installs them, unless it was told not to.
    static let isExpected: Bool = {
        let release = (try? FileSystem.read("/etc/os-release")).map { String(osBytes: $0) } ?? ""
        return release.split(separator: "\n").contains("ID=debian") && getenv("COOP_NO_INSTALL") == nil
    }()

    /// Whether a program is installed where every user may run it.
    static func has(_ program: String) -> Bool { FileSystem.isExecutable("/usr/bin/" + program) }
}

extension Sandboxed {
    /// Runs lines of sh(1) in a sandbox, without the variables that name the proxy: what leaves is captured.
    func captured(_ script: String, options: [String] = [], timeout: Double = 180) throws -> ChildProcess.Outcome {
        let unset = "unset http_proxy https_proxy all_proxy no_proxy HTTP_PROXY HTTPS_PROXY ALL_PROXY NO_PROXY\n"
        return try shell(unset + script, options: options, timeout: timeout)
    }
}
