import CoopErrors
import Glibc
import LinuxKernel
import Projects
import Testing

@Suite("Trust")
struct TrustStoreTests {
    let scratch: Scratch
    let home: CoopHome
    let store: TrustStore

    init() throws {
        scratch = try Scratch()
        home = try scratch.home()
        store = TrustStore(home: home)
    }

    func load(_ project: Project, flags: [ConfigurationFlag] = []) throws -> (digest: String, requests: [ApprovalRequest]) {
        let loaded = try LoadedConfiguration.load(project: project, home: home, variables: [], flags: flags)
        return (loaded.contentDigest, loaded.resolve().requests)
    }

    func verdict(_ project: Project) throws -> TrustVerdict {
        let (digest, requests) = try load(project)
        return try store.verdict(project, digest: digest, requests: requests)
    }

    func approve(_ project: Project) throws {
        let (digest, requests) = try load(project)
        try store.approve(project, digest: digest, requests: requests, now: 1_700_000_000)
    }

    @Test("is not needed where nothing is asked")
    func notNeeded() throws {
        #expect(try verdict(scratch.project("name = 'x'\n[sandbox]\nmemory = '1G'")) == .notNeeded)
    }

    @Test("holds for exactly the bytes that were approved, and the difference is shown")
    func difference() throws {
        let project = try scratch.project("name = 'x'\n[network]\nallow = ['a.org', 'b.org']")
        guard case .needed(let first) = try verdict(project) else {
            Issue.record("not needed")
            return
        }
        #expect(first.added.map(\.text) == ["reach a.org", "reach b.org"] && first.kept.isEmpty && !first.contentsChanged)
        try approve(project)
        guard case .approved(let record) = try verdict(project) else {
            Issue.record("not approved")
            return
        }
        #expect(record.items == ["reach a.org", "reach b.org"] && record.approvedAt == 1_700_000_000 && record.path == project.root)

        try scratch.write("home/project/coop.toml", "name = 'x'\n[network]\nallow = ['b.org', 'c.org']")
        guard case .needed(let second) = try verdict(project) else {
            Issue.record("still approved")
            return
        }
        #expect(second.added.map(\.text) == ["reach c.org"] && second.kept.map(\.text) == ["reach b.org"])
        #expect(second.withdrawn == ["reach a.org"] && second.contentsChanged)

        try scratch.write("home/project/coop.toml", "name = 'x'\n[network]\nallow = ['a.org', 'b.org']")
        try scratch.write("home/project/coop.local.toml", "# only a comment")
        guard case .needed = try verdict(project) else {
            Issue.record("another file did not matter")
            return
        }
    }

    @Test("covers only what was shown: a request that a flag had hidden is asked for later")
    func hidden() throws {
        let project = try scratch.project("name = 'x'\n[network]\nmode = 'open'\nallow = ['a.org']")
        let (digest, requests) = try load(project, flags: [ConfigurationFlag(.networkMode, option: "--network", values: ["none"])])
        #expect(requests.map(\.text) == ["reach a.org"])
        try store.approve(project, digest: digest, requests: requests)
        guard case .needed(let difference) = try verdict(project) else {
            Issue.record("what was never shown is approved")
            return
        }
        #expect(difference.added.map(\.text) == ["reach the whole public internet"])
        try approve(project)
        #expect(try store.record(of: project)?.items.count == 2)
    }

    @Test("tells text in one file from the same text in the other")
    func framing() throws {
        let project = try scratch.project("name = 'x'\n", local: "agent = 'a'\n")
        let one = try load(project).digest
        try scratch.write("home/project/coop.toml", "name = 'x'\nagent = 'a'\n")
        try scratch.write("home/project/coop.local.toml", "")
        let two = try load(project).digest
        unlink(project.localConfigurationFile)
        #expect(try Set([one, two, load(project).digest]).count == 3)
    }

    @Test("is lost when a sandbox writes the file, and can be given back")
    func lost() throws {
        let project = try scratch.project("name = 'x'\n[network]\nallow = ['a.org']")
        try approve(project)
        try store.loseTrust("coop.toml", in: project)
        try store.loseTrust("coop.toml", in: project)
        guard case .needed(let difference) = try verdict(project) else {
            Issue.record("a file that the sandbox wrote is trusted")
            return
        }
        #expect(difference.writtenBySandbox == ["coop.toml"] && difference.added.isEmpty)
        try store.revoke(project)
        #expect(try store.record(of: project)?.writtenBySandbox == ["coop.toml"])
        try approve(project)
        guard case .approved = try verdict(project) else {
            Issue.record("not approved")
            return
        }
    }

    @Test("is lost even where nothing is asked or was approved")
    func lostBefore() throws {
        let project = try scratch.project("name = 'x'")
        try store.loseTrust("coop.toml", in: project)
        guard case .needed = try verdict(project) else {
            Issue.record("a file that the sandbox wrote is trusted")
            return
        }
    }

    @Test("can be revoked, also when its record is damaged, which is no trust")
    func revoked() throws {
        let project = try scratch.project("name = 'x'\n[network]\nallow = ['a.org']")
        #expect(try store.revoke(project) == false)
        try approve(project)
        #expect(try store.revoke(project))
        #expect(try store.record(of: project) == nil)
        let file = FileSystem.join(home.directory(.trust), project.key.text)
        for damage in ["", "version = 2", "version = 1\npath = '/'\nitems = 1", "\u{0}", "version = 1\npath = '/elsewhere'\nitems = []"] {
            try FileSystem.replace(file, with: damage.utf8)
            #expect(coopError { try verdict(project) }?.next == "coop trust --revoke")
            #expect(try store.revoke(project))
        }
        try approve(project)
        #expect(try FileSystem.status(file)?.st_mode == 0o100600)
    }
}
