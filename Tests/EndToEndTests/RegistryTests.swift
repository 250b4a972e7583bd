import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.last ?? .root

/// Downloads from the archives that this machine is configured for, through the gateway. Which those are, the machine's own tools say.
@Suite struct RegistryTests {
    /// The first archive of apt: the URL of a release file; nil where there is none, or it cannot be reached from here.
    static let release: String? = {
        let targets = try? ChildProcess.run(["apt-get", "indextargets", "--format", "$(SITE)/dists/$(RELEASE)/InRelease"])
        guard targets?.exitCode == 0, let url = targets?.output.split(separator: "\n").first(where: { $0.hasPrefix("http") }) else {
            return nil
        }
        let reached = try? ChildProcess.run([
            "curl", "-sS", "-f", "-m", "60", "--retry", "2", "--retry-all-errors", "-o", "/dev/null", String(url),
        ])
        return reached?.exitCode == 0 ? String(url) : nil
    }()

    /// The hosts of pip's index and of the files that it names for a small package; nil where they cannot be reached from here.
    static let index: (url: String, hosts: [String])? = {
        guard let libraries = ClientService.libraries else { return nil }
        let script = """
            import re, subprocess, sys, urllib.parse, urllib.request
            from pip._internal.models.index import PyPI
            said = subprocess.run([sys.executable, "-m", "pip", "config", "get", "global.index-url"], capture_output=True, text=True)
            index = said.stdout.strip().rstrip("/") or PyPI.simple_url
            page = index + "/idna/"
            text = urllib.request.urlopen(page, timeout=60).read().decode()
            links = [urllib.parse.urljoin(page, link) for link in re.findall('href="([^"]+)"', text)]
            print(index, *sorted({urllib.parse.urlsplit(link).hostname for link in [page] + links}))
            """
        guard let found = try? ChildProcess.run([libraries + "/bin/python", "-c", script]), found.exitCode == 0 else { return nil }
        let words = found.output.split(whereSeparator: \.isWhitespace).map(String.init)
        return words.count > 1 ? (words[0], Array(words.dropFirst())) : nil
    }()

    @Test("a release file of apt's archive, allowed by the bundle", .enabled(if: release != nil))
    func archive() throws {
        let url = try #require(Self.release)
        let place = try Sandboxed(anyone)
        try place.configure("[network]\nbundles = [\"debian\"]\n")
        let outcome = try place.captured("curl -sS -f -m 60 --retry 4 --retry-all-errors \(url) | grep -c '^Origin: '")
        #expect(outcome.output == "1\n", "\(outcome)")
        // Refused without the bundle.
        let refused = try place.captured(
            "curl -sS -m 60 -o /dev/null -w '%{http_code}' \(url)",
            options: ["--network", "scoped", "--deny", String(url.split(separator: "/")[1])])
        #expect(refused.output == "403", "\(refused)")
    }

    @Test("pip downloads a wheel, terminated and passed", .enabled(if: index != nil), arguments: [false, true])
    func wheel(_ isTerminated: Bool) throws {
        let index = try #require(Self.index)
        let libraries = try #require(ClientService.libraries)
        let place = try Sandboxed(anyone)
        // Mirrors often lie at private addresses: the user says that these names lead where they lead.
        let rules = index.hosts.map {
            isTerminated ? "[[network.rules]]\nhost = \"\($0)\"\nmethods = [\"GET\", \"HEAD\"]\naction = \"allow\"" : ""
        }
        try place.configure(
            """
            [network]
            mode = "scoped"
            \(isTerminated ? "" : "allow = [\(index.hosts.map { "\"\($0)\"" }.joined(separator: ", "))]")
            [network.hosts]
            \(index.hosts.map { "\"\($0)\" = \"\($0)\"" }.joined(separator: "\n"))
            \(rules.joined(separator: "\n"))

            """)
        let outcome = try place.captured(
            "\(libraries)/bin/pip --isolated download -q --retries 5 --timeout 60 --no-cache-dir --no-deps -d got --index-url \(index.url) idna==3.6 && ls got",
            options: ["-m", "\(libraries):\(libraries):ro"])
        #expect(outcome.output == "idna-3.6-py3-none-any.whl\n", "\(outcome)")
    }
}
