import Glibc
import LinuxKernel
import TestSupport
import Testing

/// A host with an agent of the user's own whose login is a program that behaves as the agents do: it waits at a port of the loopback
/// interface, asks for a browser, exchanges a code for tokens, and writes them into its file.
final class LoginProgram {
    let place: Sandboxed
    let server: LoginServer

    init(_ identity: TestIdentity) throws {
        place = try Sandboxed(identity)
        server = try LoginServer(place, access: "REAL-access-0-0123456789", refresh: "REAL-refresh-0-0123456789")
        try place.configure(server.configuration())
        try place.write("../coophome/agents/sample.toml", LoginProgram.file)
        try place.write("../home/.local/bin/sample", LoginProgram.program, mode: 0o755)
    }

    private static let file = """
        name = "sample"
        binary = "sample"
        places = ["~/.local/bin/sample"]
        [login]
        command = ["sample", "login"]
        hosts = ["auth.coop-test.example"]
        [login.file]
        path = ".sample/login.json"
        access = ["access"]
        refresh = ["refresh"]
        expiry = ["expires"]
        account_file = ".sample.json"
        account = ["account"]
        [login.tokens]
        endpoints = ["https://auth.coop-test.example/token"]
        client = "sample-client"
        hosts = ["mcp.coop-test.example"]
        """

    /// Logs in, with the test as the browser.
    ///
    /// - Parameters:
    ///   - user: who logs in.
    ///   - options: of `coop auth login`.
    func logIn(_ user: String = "me@example.com", options: [String] = []) throws -> ChildProcess.Outcome {
        let process = try place.start(["auth", "login", "--agent", "sample"] + options + ["--", user], input: .pipe)
        guard try process.waitUntil({ $0.errorText.contains("https://auth.coop-test.example/authorize") }) else {
            return try process.wait(timeout: 30)
        }
        if let address = process.errorText.split(separator: "\n").first(where: { $0.hasPrefix("https://auth.coop-test.example/authorize") })
        {
            _ = try browse(String(address))
        }
        return try process.wait()
    }

    /// Follows an address as a browser on this machine does.
    func browse(_ address: String) throws -> String {
        try ChildProcess.run(
            [
                "/usr/bin/curl", "-sSkL", "--max-time", "60", "--noproxy", "*", "--connect-to",
                "auth.coop-test.example:443:127.0.0.1:\(server.port)", address,
            ], timeout: 90
        ).output
    }

    /// Where coop keeps the login of a profile.
    func kept(_ profile: String = "default") -> String { place.coopHome + "/global/auth/agents/sample/\(profile).json" }

    func text(_ path: String) throws -> String { String(osBytes: try FileSystem.read(path)) }

    /// `coop run sample STEPS…`.
    func run(_ steps: [String], options: [String] = []) throws -> ChildProcess.Outcome {
        try place.coop(["run"] + options + ["sample"] + steps)
    }

    /// The first word is `login`, with whose it is and what else to do, or a step: `api`, `file`, `wait`.
    private static let program = #"""
        #!/usr/bin/python3
        import base64, hashlib, http.server, json, os, subprocess, sys, time, urllib.error, urllib.parse, urllib.request
        home = os.path.expanduser("~")
        path = home + "/.sample/login.json"
        def send(url, fields, body=None):
            try: reply = urllib.request.urlopen(urllib.request.Request(url, body, fields), timeout=60)
            except urllib.error.HTTPError as error: reply = error
            return reply.status, reply.read().decode()
        def login(user, *what):
            print("LOGIN", sorted(os.listdir(home)), os.getcwd(), flush=True)
            verifier = "v" * 64
            found = {}
            class Handler(http.server.BaseHTTPRequestHandler):
                def do_GET(self):
                    found.update(urllib.parse.parse_qsl(urllib.parse.urlparse(self.path).query))
                    self.send_response(200)
                    self.send_header("Content-Length", "9")
                    self.end_headers()
                    self.wfile.write(b"logged in")
                def log_message(self, *rest): pass
            server = http.server.HTTPServer(("127.0.0.1", 0), Handler)
            if "elsewhere" in what:
                for host in ("mcp", "other"):
                    try: print(host, send("https://%s.coop-test.example/" % host, {})[0])
                    except Exception as error: print(host, error)
            if "nothing" in what: sys.exit(3)
            browser = [os.environ["BROWSER"]] if "xdg" not in what else ["xdg-open"]
            if "hostile" in what:
                for text in ["https://x/\x1b[2J", "file:///etc/passwd", "https://x/" + "a" * 9000, "https://y/?redirect_uri=http%3A%2F%2Flocalhost%3A80%2F",
                    "https://z/?redirect_uri=http%3A%2F%2F192.0.2.1%3A4711%2F"]:
                    subprocess.run(browser + [text])
                    with open(home + "/.coop-addresses", "w") as pipe: pipe.write(text + "\n")
            back = "http://localhost:%d/callback" % server.server_port
            query = {"redirect_uri": back, "state": "s", "code_challenge_method": "S256",
                "code_challenge": base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).decode().rstrip("=")}
            subprocess.run(browser + ["https://auth.coop-test.example/authorize?" + urllib.parse.urlencode(query)])
            while "code" not in found: server.handle_request()
            body = {"grant_type": "authorization_code", "code": found["code"], "code_verifier": verifier}
            status, text = send("https://auth.coop-test.example/token", {"Content-Type": "application/json"}, json.dumps(body).encode())
            tokens = json.loads(text)
            os.makedirs(os.path.dirname(path))
            if "link" in what: os.symlink("/etc/hostname", path)
            else: json.dump({"access": tokens["access_token"], "refresh": tokens["refresh_token"], "expires": int(time.time() + 3600) * 1000}, open(path, "w"))
            json.dump({"account": user}, open(home + "/.sample.json", "w"))
            print("DONE", status)
        if sys.argv[1:2] == ["login"]: login(*sys.argv[2:])
        else:
            for step in sys.argv[1:]:
                if step == "file": print(open(path).read() if os.path.exists(path) else "no file", flush=True)
                if step == "wait": print("WAITING", flush=True); sys.stdin.readline()
                if step == "api":
                    print(*send("https://mcp.coop-test.example/v1", {"Authorization": "Bearer " + json.load(open(path))["access"]}), flush=True)
        """#
}
