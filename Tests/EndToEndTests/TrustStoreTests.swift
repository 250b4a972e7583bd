import Glibc
import LinuxKernel
import TestSupport
import Testing

private let anyone = TestIdentity.ordinary.last ?? .root

/// Every store of trusted certificates inside knows the sandbox's own authority. It signs the page that names a refusal, so no server is
/// needed: a client that believes it gets to see 403.
@Suite struct TrustStoreTests {
    private static let host = "refused.coop-test.example"
    private static let url = "https://" + host
    private static let scoped = ["--allow", "other.coop-test.example"]

    /// Programs, and what they print.
    static let programs: [(program: String, script: String, output: String)] = [
        ("curl", "curl -sS -o /dev/null -w '%{http_code}' URL", "403"),
        ("curl", "env -i curl -sS -o /dev/null -w '%{http_code}' URL", "403"),
        ("curl", "curl -sS --capath /etc/ssl/certs -o /dev/null -w '%{http_code}' URL", "403"),
        (
            "openssl",
            "env -i openssl s_client -connect HOST:443 -servername HOST -verify_return_error -CApath /etc/ssl/certs -no-CAfile -no-CAstore "
                + "</dev/null 2>/dev/null | grep -o 'Verify return code: 0'", "Verify return code: 0\n"
        ),
        ("gnutls-cli", "gnutls-cli HOST </dev/null | grep -o 'certificate is trusted'", "certificate is trusted\n"),
        ("wget", "env -i wget -q -O- URL; echo $?", "8\n"),
        ("git", "git ls-remote URL/x.git 2>&1 | grep -o 'returned error: 403'", "returned error: 403\n"),
        ("node", "node -e 'fetch(\"URL\").then((answer) => console.log(answer.status))'", "403\n"),
        (
            "python3",
            "env -i /usr/bin/python3 -c 'import urllib.request as u, urllib.error as e\ntry: u.urlopen(\"URL\")\nexcept e.HTTPError as f: print(f.code)'",
            "403\n"
        ),
        (
            "tstclnt",
            "certutil -L -d sql:$HOME/.pki/nssdb | grep -o 'coop sandbox.*C,,'; "
                + "printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 30 tstclnt -4 -h HOST -p 443 -d sql:$HOME/.pki/nssdb 2>&1 | grep -a -o 'HTTP/1.1 403'",
            "coop sandbox                                                 C,,\nHTTP/1.1 403\n"
        ),
        ("keytool", "keytool -list -cacerts -storepass changeit 2>/dev/null | grep -o '^coop1.*trustedCertEntry'", "coop1"),
    ]

    @Test("programs believe the sandbox's authority", arguments: programs.indices)
    func believed(_ index: Int) throws {
        let (program, script, output) = Self.programs[index]
        guard ClientService.has(program) else { return }
        let place = try Sandboxed(anyone)
        let text = script.replacing("URL", with: Self.url).replacing("HOST", with: Self.host)
        let outcome = try place.captured(text, options: Self.scoped)
        #expect(output == "coop1" ? outcome.output.hasPrefix(output) : outcome.output == output, "\(outcome)")
    }

    @Test("every identity gets the stores, and the sandbox cannot change them", arguments: TestIdentity.all)
    func stores(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let outcome = try place.captured(
            """
            curl -sS -o /dev/null -w '%{http_code}\\n' \(Self.url)
            for file in /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/1d670ddc.0 /etc/ssl/certs/new /run/coop/authorities.pem \
              $HOME/.pki/nssdb/cert9.db $HOME/.pki/nssdb/new; do (echo x > $file) 2>/dev/null && echo "wrote $file"; done
            ls /etc/ssl/certs | wc -l
            """, options: Self.scoped)
        let count = try FileSystem.list("/etc/ssl/certs").count + 1
        #expect(outcome.output == "403\n\(count)\n", "\(outcome)")
        // The copy of the directory is kept, and links to the host's certificates.
        let cache = try FileSystem.list(place.coopHome + "/cache")
        #expect(cache.count == 1 && cache[0].hasPrefix("certificates-"), "\(cache)")
        #expect(try place.remains() == [])
    }

    @Test("copies of what the host's certificates were before go with the next one, unless a sandbox may have them")
    func oldCopies() throws {
        let place = try Sandboxed(anyone)
        let cache = place.coopHome + "/cache"
        func change() throws {
            // As if the host's certificates had changed: the copy is one of another state.
            for name in try FileSystem.list(cache) { try FileSystem.rename(cache + "/" + name, to: cache + "/certificates-before") }
        }
        #expect(try place.coop(["run", "--keep", "--name", "kept", "--", "true"]).exitCode == 0)
        try change()
        #expect(try place.run(["true"]).exitCode == 0)
        #expect(try FileSystem.list(cache).count == 2)
        #expect(try place.coop(["exec", "kept", "--", "test", "-e", "/etc/ssl/certs/ca-certificates.crt"]).exitCode == 0)
        #expect(try place.coop(["stop", "kept"]).exitCode == 0)
        try FileSystem.removeTree(cache + "/certificates-before")
        try change()
        #expect(try place.run(["true"]).exitCode == 0)
        let left = try FileSystem.list(cache)
        #expect(left.count == 1 && left != ["certificates-before"], "\(left)")
    }

    @Test("a file that the user names for the sandbox gets the authority too, and its own stay")
    func named() throws {
        let place = try Sandboxed(anyone)
        let service = try ClientService(place)
        let ca = service.directory + "/ca.pem"
        let outcome = try place.captured(
            """
            echo $CURL_CA_BUNDLE; grep -c BEGIN /own.pem; curl -sS -o /dev/null -w '%{http_code}\\n' \(Self.url)
            """, options: Self.scoped + ["-m", "\(ca):/own.pem:ro", "-e", "CURL_CA_BUNDLE=/own.pem"])
        #expect(outcome.output == "/own.pem\n2\n403\n", "\(outcome)")
        #expect(String(osBytes: try FileSystem.read(ca)).split(separator: "BEGIN").count == 2)
        // What the sandbox could write is left alone, and said.
        try place.write("mine.pem", String(osBytes: try FileSystem.read(ca)))
        let own = try place.captured(
            "grep -c BEGIN mine.pem", options: Self.scoped + ["-e", "SSL_CERT_FILE=\(place("mine.pem"))"])
        #expect(own.output == "1\n" && own.error.contains("names nothing that knows the sandbox's certificate authority"), "\(own)")
    }

    @Test("what the host's own variables name is trusted inside as well, without being there")
    func inherited() throws {
        let place = try Sandboxed(anyone)
        let service = try ClientService(place)
        let outcome = try place.shell(
            "echo $REQUESTS_CA_BUNDLE $NODE_EXTRA_CA_CERTS; grep -c BEGIN /run/coop/authorities.pem",
            options: Self.scoped + ["-e", "LANG=C"],
            environment: ["REQUESTS_CA_BUNDLE": service.directory + "/ca.pem"])
        #expect(outcome.output.hasPrefix("/etc/") && outcome.output.hasSuffix("/run/coop/authorities.pem\n2\n"), "\(outcome)")
    }
}
