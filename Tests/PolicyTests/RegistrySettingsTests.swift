import TOML
import TestSupport
import Testing

@testable import Policy

@Suite("The settings of a package manager")
struct RegistrySettingsTests {
    func hosts(_ settings: RegistrySettings) -> [String] { settings.registries.map { "\($0.host):\($0.port)" } }
    func proxies(_ settings: RegistrySettings) -> [String] { settings.proxies.map { "\($0.host):\($0.port)" } }
    func table(_ text: String) throws -> TOMLTable { try TOMLDocument(parsing: Array(text.utf8), name: "test").root }

    @Test(
        "name a host and a port by a URL, whose credentials are not kept",
        arguments: [
            ("https://pypi.example.com/simple", "pypi.example.com:443"), ("http://pypi.example.com:8080/simple/", "pypi.example.com:8080"),
            ("https://user:p%40ss@pypi.example.com/simple", "pypi.example.com:443"),
            ("https://user:p@ss:word@pypi.example.com:81", "pypi.example.com:81"),
            ("sparse+https://crates.example.com/index/", "crates.example.com:443"), ("HTTPS://PyPI.Example.com", "pypi.example.com:443"),
            ("http://[2001:db8::7]:8081/x", "[2001:db8::7]:8081"), ("https://[2001:db8::7]/x", "[2001:db8::7]:443"),
            ("http://192.0.2.7", "192.0.2.7:80"),
            ("mirror+http://mirror.example.com/list", "mirror.example.com:80"),
            ("https://pypi.example.com?x=@evil.example", "pypi.example.com:443"),
        ])
    func urls(text: String, expected: String) throws {
        let url = try #require(RegistryURL(parsing: text))
        #expect("\(url.host):\(url.port)" == expected)
    }

    @Test(
        "ignore what is no URL over HTTP",
        arguments: [
            "", "https://", "file:///srv/mirror", "ssh://git@git.example.com/x", "cdrom:[x]/", "./wheels", "/srv", "pypi.example.com",
            "https://user:pw@", "https://a b.example/", "https://127.1/x", "https://x.example:0", "https://x.example:99999", "direct",
            "https://*.example.com", "https://x.example\\@evil.example/",
        ])
    func noURL(text: String) { #expect(RegistryURL(parsing: text) == nil) }

    @Test("of pip")
    func pip() {
        let found = PipSettings.parse(
            """
            # index-url = https://commented.example.com
            [global]
            index-url = https://me:secret@pypi.example.com/simple
            extra_index_url =
                https://one.example.com/simple
                https://two.example.com:8443/simple
            proxy = proxy.example.com:3128
            timeout: 60
            [install]
            find-links: https://wheels.example.com/  ./local
            ; index-url = https://also.example.com
            trusted-host = trusted.example.com
            """)
        #expect(hosts(found) == ["pypi.example.com:443", "one.example.com:443", "two.example.com:8443", "wheels.example.com:443"])
        #expect(proxies(found) == ["proxy.example.com:3128"])
        #expect(
            hosts(PipSettings.parse(variable: "PIP_EXTRA_INDEX_URL", "https://a.example.com https://b.example.com/x")) == [
                "a.example.com:443", "b.example.com:443",
            ])
        #expect(
            hosts(PipSettings.parse(variable: "UV_INDEX", "mine=https://u:p@a.example.com/x?y=1 https://b.example.com/?q=c")) == [
                "a.example.com:443", "b.example.com:443",
            ])
    }

    @Test("of uv")
    func uv() throws {
        let found = PipSettings.parse(
            uv: try table(
                """
                index-url = "https://a.example.com/simple"
                extra-index-url = ["https://b.example.com/simple"]
                find-links = ["./x"]
                [pip]
                index-url = "https://c.example.com/simple"
                [[index]]
                name = "corp"
                url = "https://user:pw@d.example.com/simple"
                """))
        #expect(hosts(found) == ["a.example.com:443", "b.example.com:443", "d.example.com:443", "c.example.com:443"])
    }

    @Test("of apt, in all of its notations")
    func apt() {
        let list = AptSettings.parse(
            list: """
                # deb http://commented.example.com/debian bookworm main
                deb http://deb.example.com/debian bookworm main # trailing
                deb [arch=amd64 signed-by=/usr/share/keyrings/x.gpg] https://packages.example.com/apt stable main
                deb-src	https://src.example.com:8443/debian bookworm main
                deb cdrom:[Debian]/ bookworm main
                deb file:/srv/mirror bookworm main
                """)
        #expect(hosts(list) == ["deb.example.com:80", "packages.example.com:443", "src.example.com:8443"])
        let sources = AptSettings.parse(
            sources: """
                Types: deb
                URIs: http://deb.example.com/debian
                 https://second.example.com/debian
                Suites: bookworm

                # a comment
                Types: deb
                Enabled: no
                URIs: http://off.example.com/debian

                Types: deb
                uris: http://last.example.com/debian
                Signed-By:
                 -----BEGIN PGP PUBLIC KEY BLOCK-----
                 .
                 https://not.example.com/a-uri
                """)
        #expect(hosts(sources) == ["deb.example.com:80", "second.example.com:443", "last.example.com:80"])
        let configuration = AptSettings.parse(
            configuration: """
                // Acquire::http::Proxy "http://commented.example.com:1";
                Acquire::http::Proxy "http://user:pw@cache.example.com:3142/";
                Acquire { https { Proxy "http://tls.example.com:3128"; Timeout "5"; }; };
                /* Acquire::http::Proxy "http://block.example.com:1"; */
                Acquire::http::Proxy::local.example.com "DIRECT";
                APT::Get::Assume-Yes "true"; # Acquire::http::Proxy "http://hash.example.com";
                Other::Proxy "http://other.example.com:1";
                """)
        #expect(proxies(configuration) == ["cache.example.com:3142", "tls.example.com:3128"])
    }

    @Test("of npm")
    func npm() {
        let found = NpmSettings.parse(
            """
            ; a comment
            registry = "https://npm.example.com/"
            @corp:registry=https://${TEAM}.example.com:4873/npm/
            @none:registry=https://${MISSING}.example.com/
            //npm.example.com/:_authToken=secret
            https-proxy=http://proxy.example.com:3128
            """
        ) { $0 == "TEAM" ? "team" : nil }
        #expect(hosts(found) == ["npm.example.com:443", "team.example.com:4873"])
        #expect(proxies(found) == ["proxy.example.com:3128"])
        #expect(hosts(NpmSettings.parse(variable: "npm_config_registry", "https://x.example.com")) == ["x.example.com:443"])
        #expect(hosts(NpmSettings.parse(variable: "NPM_CONFIG_REGISTRY", "https://x.example.com")) == ["x.example.com:443"])
    }

    @Test("of cargo")
    func cargo() throws {
        let found = CargoSettings.parse(
            try table(
                """
                [source.crates-io]
                replace-with = "corp"
                [source.corp]
                registry = "sparse+https://crates.example.com/index/"
                [source.git]
                git = "https://git.example.com/x"
                [source.vendored]
                directory = "vendor"
                [registries.other]
                index = "https://user:pw@other.example.com/git/index"
                token = "secret"
                [http]
                proxy = "proxy.example.com:3128"
                """))
        #expect(hosts(found) == ["crates.example.com:443", "git.example.com:443", "other.example.com:443"])
        #expect(proxies(found) == ["proxy.example.com:3128"])
        #expect(
            hosts(CargoSettings.parse(variable: "CARGO_REGISTRIES_MINE_INDEX", "sparse+https://mine.example.com/")) == [
                "mine.example.com:443"
            ])
        #expect(hosts(CargoSettings.parse(variable: "CARGO_REGISTRIES_MINE_TOKEN", "https://mine.example.com/")) == [])
    }

    @Test("of go")
    func go() {
        let found = GoSettings.parse(
            "GOFLAGS=-mod=mod\nGOPROXY=https://goproxy.example.com|https://u:p@second.example.com,direct\nGOSUMDB=sum.example.com+abc https://sumdb.example.com\n"
        )
        #expect(hosts(found) == ["goproxy.example.com:443", "second.example.com:443", "sumdb.example.com:443"])
        #expect(hosts(GoSettings.parse(variable: "GOSUMDB", "sum.example.com")) == ["sum.example.com:443"])
        #expect(hosts(GoSettings.parse(variable: "GOSUMDB", "off")) == [])
        #expect(hosts(GoSettings.parse(variable: "GOPROXY", "off")) == [])
    }

    @Test("of any text name only hosts that stand there")
    func fuzz() throws {
        var found = 0
        var random = SeededGenerator(8)
        let parts = [
            "deb ", "[", "]", "http://", "a.example", "\n", " ", "=", "registry", "${", "}", "{", ";", "\"", "#", "/*", "*/", "//", "URIs:",
            "\r\n", "@x:", "@", ":", "é", "\u{0}", "GOPROXY=", "[global]\n", "index-url", "Acquire::http::Proxy ",
        ]
        for _ in 0..<5000 {
            let text = (0..<Int.random(in: 0...12, using: &random)).map { _ in random.pick(parts) }.joined()
            let all = [
                PipSettings.parse(text), AptSettings.parse(list: text), AptSettings.parse(sources: text),
                AptSettings.parse(configuration: text),
                NpmSettings.parse(text) { _ in "a.example" }, GoSettings.parse(text), PipSettings.parse(variable: "UV_INDEX", text),
            ]
            for url in all.flatMap({ $0.registries + $0.proxies }) {
                found += 1
                // An expansion that npm makes may put the name together.
                let isNamed = text.contains("\(url.host)") || text.contains("${")
                #expect(isNamed, "\(text.debugDescription) \(url.host)")
            }
        }
        #expect(found > 20, "\(found)")
    }
}
