import CoopErrors
import Projects
import TOML
import Testing

/// The merge table: what holds for each key when the layers disagree.
@Suite("Layers come together, key by key")
struct ConfigurationMergeTests {
    /// One situation of one key. Each value is written as TOML behind `key =`; nil where a layer is silent.
    struct Row: Sendable {
        var key: ConfigurationKey
        var flag: [String]?
        var environment: String?
        var local: String?
        var project: String?
        var user: String?
        /// What holds when the repository's requests are not approved, and when they are; nil for nothing.
        var unapproved: String?
        var approved: String?
        /// How many requests there are.
        var requests: Int
    }

    static func row(
        _ key: ConfigurationKey, flag: [String]? = nil, env: String? = nil, local: String? = nil, project: String? = nil,
        user: String? = nil, _ unapproved: String?, approved: String? = "=", requests: Int = 0
    ) -> Row {
        Row(
            key: key, flag: flag, environment: env, local: local, project: project, user: user, unapproved: unapproved,
            approved: approved == "=" ? unapproved : approved, requests: requests)
    }

    /// The nearest layer's value, whoever it is.
    static func nearest(_ key: ConfigurationKey) -> [Row] {
        [
            row(key, flag: ["f"], env: "e", local: "'l'", project: "'p'", user: "'u'", "f"),
            row(key, env: "e", local: "'l'", project: "'p'", user: "'u'", "e"), row(key, local: "'l'", project: "'p'", user: "'u'", "l"),
            row(key, project: "'p'", user: "'u'", "p"), row(key, user: "'u'", "u"), row(key, nil),
        ]
    }

    /// All layers, the user's first; nobody needs to approve.
    static func unite(_ key: ConfigurationKey) -> [Row] {
        [
            row(key, local: "['l', 'u']", project: "['p', 'l']", user: "['u']", "u, l, p"), row(key, nil),
            row(key, flag: ["f", "g"], env: "e,u", user: "['u']", "f, g, e, u"),
        ]
    }

    /// All layers; what only the repository says is a request.
    static func uniteRequests(_ key: ConfigurationKey, _ f: String = "f", _ l: String = "l", _ p: String = "p", _ u: String = "u") -> [Row]
    {
        [
            row(key, local: "['\(l)', '\(u)']", project: "['\(p)']", user: "['\(u)']", u, approved: "\(u), \(l), \(p)", requests: 2),
            row(key, project: "['\(p)']", "", approved: p, requests: 1), row(key, flag: [p], project: "['\(p)']", p),
            row(key, flag: [f], env: l, user: "['\(u)']", "\(f), \(l), \(u)"),
        ]
    }

    static func smallest(_ key: ConfigurationKey, _ small: String, _ middle: String, _ large: String, quoted: Bool = true) -> [Row] {
        func q(_ text: String) -> String { quoted ? "'\(text)'" : text }
        return [
            row(key, project: q(large), user: q(small), small), row(key, project: q(small), user: q(large), small),
            row(key, local: q(large), project: q(small), user: q(middle), middle), row(key, local: q(small), project: q(large), small),
            row(key, flag: [large], local: q(small), project: q(middle), user: q(small), large),
            row(key, env: large, project: q(small), user: q(middle), large), row(key, flag: [small], env: large, small), row(key, nil),
        ]
    }

    static let table: [Row] =
        nearest(.name) + nearest(.agent) + nearest(.start) + [
            row(.engine, "native"), row(.engine, project: "'container'", "native", approved: "container", requests: 1),
            row(.engine, project: "'native'", user: "'microvm'", "microvm", approved: "native", requests: 1),
            row(.engine, flag: ["auto"], project: "'container'", user: "'microvm'", "auto"),
            row(.engine, local: "'microvm'", project: "'container'", user: "'microvm'", "microvm"),
            row(.rootfs, "host"), row(.rootfs, project: "'debian:12'", "host", approved: "debian:12", requests: 1),
            row(.rootfs, project: "'host'", user: "'debian:12'", "debian:12", approved: "host", requests: 1),
            row(.rootfs, env: "flavor:x", project: "'debian:12'", "flavor:x"),
            row(.workspace, "bind"), row(.workspace, project: "'overlay'", "overlay"),
            row(.workspace, project: "'bind'", user: "'overlay'", "overlay", approved: "bind", requests: 1),
            row(.workspace, flag: ["bind"], project: "'none'", user: "'overlay'", "bind"),
            row(.workspace, local: "'none'", project: "'bind'", user: "'worktree'", "none"),
            row(.networkMode, "scoped"), row(.networkMode, project: "'open'", "scoped", approved: "open", requests: 1),
            row(.networkMode, project: "'scoped'", "scoped"), row(.networkMode, project: "'none'", "none"),
            row(.networkMode, project: "'scoped'", user: "'open'", "scoped"),
            row(.networkMode, project: "'open'", user: "'scoped'", "scoped", approved: "open", requests: 1),
            row(.networkMode, local: "'none'", project: "'open'", user: "'open'", "none"),
            row(.networkMode, flag: ["open"], project: "'none'", user: "'none'", "open"),
            row(.networkMode, env: "scoped", project: "'open'", "scoped"),
        ] + uniteRequests(.mounts, "/f:ro", "~/l:/l", "/p", "/u:ro") + unite(.excludes) + unite(.caches) + [
            row(.env, local: "{ A = 'l' }", project: "{ A = 'p', B = 'p' }", user: "{ B = 'u', C = 'u' }", "A=l, B=p, C=u"),
            row(.env, flag: ["A=f"], local: "{ A = 'l' }", "A=f"), row(.env, nil),
        ] + uniteRequests(.envAllow, "F_*", "L", "P", "U") + unite(.envBlock) + uniteRequests(.envBundles)
        + smallest(.memory, "1G", "2G", "3G")
        + smallest(.cpus, "1", "2.5", "3", quoted: false) + smallest(.pids, "10", "20", "30", quoted: false)
        + smallest(.disk, "1G", "2G", "3G")
        + smallest(.timeout, "1m", "1h", "1h30m") + uniteRequests(.allowSyscalls, "f", "ptrace", "nested-userns", "u") + unite(.protect)
        + uniteRequests(.forward, "docker", "gpg", "ssh-agent", "display")
        + uniteRequests(.bundles, "f", "npm", "pypi", "u") + uniteRequests(.allow, "f.org", "*.l.org:8443", "p.org", "[::1]:80")
        + unite(.deny)
        + [
            row(.hostPorts, local: "[1, 3]", project: "[2]", user: "[3]", "3", approved: "3, 1, 2", requests: 2),
            row(.hostPorts, flag: ["5"], env: "6,7", user: "[8]", "5, 6, 7, 8"),
        ] + uniteRequests(.ca, "f.pem", "l.pem", "p.pem", "/u.pem") + [
            row(.proxy, project: "'http://p:1'", nil, approved: "http://p:1", requests: 1),
            row(.proxy, local: "'http://l:1'", user: "'http://u:1'", "http://u:1"),
            row(.proxy, flag: ["http://f:1"], user: "'http://u:1'", "http://f:1"),
            row(.proxy, nil),
            row(
                .hosts, local: "{ 'a.org' = 'l:1', 'b.org' = 'l:1' }", user: "{ 'a.org' = 'u:1' }", "a.org=u:1",
                approved: "a.org=u:1, b.org=l:1", requests: 1),
            row(.hosts, local: "{ 'a.org' = 'l:1' }", project: "{ 'a.org' = 'p:1' }", "", approved: "a.org=l:1", requests: 1),
            row(.hosts, flag: ["a.org=f:1"], project: "{ 'a.org' = 'p:1' }", user: "{ 'a.org' = 'u:1' }", "a.org=f:1"),
            row(
                .rules, project: "[{ host = 'p', action = 'allow' }, { host = 'q', action = 'deny' }, { host = 'r', action = 'ask' }]",
                user: "[{ host = 'u', action = 'allow' }]", "allow * u, deny * q", approved: "allow * u, allow * p, deny * q, ask * r",
                requests: 2),
            row(.rules, project: "[{ host = 'u', action = 'allow' }]", user: "[{ host = 'u', action = 'allow' }]", "allow * u"),
            row(
                .grants, project: "[\(grant("g", "p.org")), \(grant("h", "p.org"))]", user: "[\(grant("g", "u.org"))]", "g@u.org",
                approved: "g@u.org, h@p.org", requests: 1),
            row(.grants, local: "[\(grant("g", "l.org"))]", project: "[\(grant("g", "p.org"))]", "", approved: "g@l.org", requests: 1),
            row(
                .commands, project: "{ git = { allow = ['push'], approve = ['push --tags'], deny = ['gc'] } }",
                user: "{ git = { allow = ['fetch'] } }",
                "git allow fetch, git deny gc", approved: "git allow fetch, git allow push, git approve push --tags, git deny gc",
                requests: 2),
            row(
                .commands, local: "{ git = { allow = ['x'] } }", project: "{ git = { allow = ['x'] } }", "", approved: "git allow x",
                requests: 1),
            row(
                .services, project: "{ postgres = { version = '17' }, redis = { version = '7' } }",
                user: "{ postgres = { version = '17' } }", "postgres 17",
                approved: "postgres 17, redis 7", requests: 1),
            row(
                .services, project: "{ postgres = { version = '18' } }", user: "{ postgres = { version = '17' } }", "postgres 17",
                approved: "postgres 18",
                requests: 1),
            row(.prepare, project: "'npm ci'", nil, approved: "npm ci", requests: 1),
            row(.prepare, project: "'p'", user: "'u'", "u", approved: "p", requests: 1),
            row(.prepare, flag: ["f"], project: "'p'", user: "'u'", "f"), row(.prepare, local: "'u'", user: "'u'", "u"),
        ] + unite(.hookInputs) + [
            row(
                .sshKeys, project: "[\(sshKey("a")), \(sshKey("b"))]", user: "[\(sshKey("a", ", confirm = false"))]",
                "\(fingerprint("a")) without asking", approved: "\(fingerprint("a")) without asking, \(fingerprint("b"))", requests: 1),
            row(.sshKeys, local: "[\(sshKey("a"))]", "", approved: fingerprint("a"), requests: 1),
            row(.notifyOn, env: "idle, failed", user: "['exited']", "idle, failed"), row(.notifyOn, user: "['exited']", "exited"),
            row(.notifyDesktop, env: "false", user: "true", "false"), row(.notifyDesktop, user: "true", "true"), row(.notifyDesktop, nil),
            row(.notifyCommand, env: "e", user: "'u'", "e"), row(.notifyCommand, flag: ["f"], user: "'u'", "f"),
            row(.notifyWebhook, env: "https://e/", user: "'https://u/'", "https://e/"), row(.notifyWebhook, nil),
        ]

    static func fingerprint(_ digit: String) -> String { "SHA256:" + String(repeating: digit, count: 43) }
    static func sshKey(_ digit: String, _ more: String = "") -> String { "{ fingerprint = '\(fingerprint(digit))'\(more) }" }

    static func grant(_ name: String, _ domain: String) -> String {
        "{ name = '\(name)', domain = '\(domain)', header = 'Authorization', secret = 'S' }"
    }

    @Test("every key of the schema has rows, which use each kind of source")
    func complete() {
        for entry in ConfigurationSchema.entries {
            let rows = Self.table.filter { $0.key == entry.key }
            #expect(rows.count >= 2, "\(entry.path) has no test")
            // A file of the repository's that holds such a key cannot even be read.
            if entry.approval == .refused { continue }
            #expect(
                rows.contains { $0.project != nil || $0.local != nil } && rows.contains { $0.user != nil || $0.flag != nil },
                "\(entry.path)")
            if entry.approval != .never { #expect(rows.contains { $0.requests > 0 }, "\(entry.path) is never asked for") }
            #expect(!entry.documentation.isEmpty && !entry.reason.isEmpty)
        }
        #expect(ConfigurationSchema.entries.map(\.key) == ConfigurationKey.allCases)
    }

    @Test("as the table says", arguments: table.indices)
    func rows(index: Int) throws {
        let row = Self.table[index]
        let scratch = try Scratch()
        let home = try scratch.home()
        func line(_ value: String?) -> String? { value.map { "\(row.key.path) = \($0)\n" } }
        let name = row.key == .name ? "" : "name = 'x'\n"
        let project = try scratch.project(line(row.project).map { name + $0 }, local: line(row.local))
        if let text = line(row.user) { try scratch.write("home/.coop/config.toml", text) }
        let variables = row.environment.map { [ConfigurationLayer.variable(for: row.key) + "=" + $0] } ?? []
        let flags = row.flag.map { [ConfigurationFlag(row.key, option: "--x", values: $0)] } ?? []
        let loaded = try LoadedConfiguration.load(project: project, home: home, variables: variables, flags: flags)

        let narrow = loaded.resolve()
        #expect(narrow.effective[row.key]?.value.text == row.unapproved, "\(row)")
        #expect(narrow.requests.count == row.requests, "\(narrow.requests)")
        let wide = loaded.resolve { _ in true }
        #expect(wide.effective[row.key]?.value.text == row.approved, "\(row)")
        #expect(wide.requests == narrow.requests)
        for request in wide.requests { #expect(request.origin.layer.isRepository && request.origin.line > 0) }
        // No layer's word disappears without a trace.
        let sources = [row.flag == nil, row.environment == nil, row.local == nil, row.project == nil, row.user == nil].count { !$0 }
        if ![.unite, .uniteNames, .userFirstNames].contains(row.key.schema.merge) {
            #expect(narrow.overridden[row.key]?.count ?? 0 >= sources - 1)
        }
    }

    @Test("what is the user's alone is an error in a repository's file, with its place")
    func refused() throws {
        let scratch = try Scratch()
        let text = "[notify]\non = ['idle']\ndesktop = true\ncommand = 'x'\nwebhook = 'https://example.com/'\n"
        let project = try scratch.project("name = 'x'\n" + text, local: text)
        let problems = try LoadedConfiguration.problems(project: project, home: scratch.home(), variables: [])
        #expect(
            problems.map { "\($0.origin) \($0.key)" } == [
                "coop.toml:3:1 notify.on", "coop.toml:4:1 notify.desktop", "coop.toml:5:1 notify.command", "coop.toml:6:1 notify.webhook",
                "coop.local.toml:2:1 notify.on", "coop.local.toml:3:1 notify.desktop", "coop.local.toml:4:1 notify.command",
                "coop.local.toml:5:1 notify.webhook",
            ])
    }

    @Test(
        "an address for notifications is https, or of this machine",
        arguments: [
            ("https://hooks.example.com/a?b=c", true), ("http://127.0.0.1:80/", true), ("http://localhost/x", true),
            ("http://example.com/", false),
            ("https://u:p@example.com/", false), ("ftp://example.com/", false), ("example.com", false), ("https://", false),
            ("https://example.com/a b", false), ("http://localhost.example.com/", false), ("http://127.0.0.1@example.com/", false),
        ])
    func webhook(_ address: String, _ isRight: Bool) throws {
        let scratch = try Scratch()
        try scratch.write("home/.coop/config.toml", "notify.webhook = '\(address)'\n")
        #expect(try LoadedConfiguration.problems(project: nil, home: scratch.home(), variables: []).isEmpty == isRight)
    }

    @Test("requests say in plain words what is asked, and where")
    func words() throws {
        let scratch = try Scratch()
        let project = try scratch.project(
            """
            name = "x"
            [sandbox]
            mounts = ["~/datasets:/data:ro", "/etc\\u0041"]
            [network]
            mode = "open"
            host_ports = [5432]
            [network.hosts]
            "api.example.com" = "127.0.0.1:8443"
            [[grants]]
            name = "g"
            domain = "api.example.com"
            header = "Authorization"
            template = "Bearer {value}"
            source = "cmd:pass show x"
            [commands.git]
            approve = ["push --tags"]
            [hooks]
            prepare = "npm \\u202E ci"
            """)
        let loaded = try LoadedConfiguration.load(project: project, home: scratch.home(), variables: [])
        #expect(
            loaded.resolve().requests.map(\.description) == [
                "mount ~/datasets read-only at /data (coop.toml:3:11)", "mount /etcA writable (coop.toml:3:34)",
                "reach the whole public internet (coop.toml:5:8)",
                "reach port 5432 of this machine's loopback (coop.toml:6:15)",
                "connect to 127.0.0.1:8443 in place of api.example.com (coop.toml:8:1)",
                "send what `pass show x`, run on this machine, prints to api.example.com in the header Authorization"
                    + ", as `Bearer {value}` (grant g) (coop.toml:9:1)",
                "run `git push --tags` on this machine, asking you each time (coop.toml:16:12)",
                "run inside before the command: \"npm \\u{202e} ci\" (coop.toml:18:11)",
            ])
    }
}
