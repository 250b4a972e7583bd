import CoopErrors
import LinuxKernel
import Testing

@testable import Projects

@Suite("The registry of projects")
struct ProjectRegistryTests {
    let scratch: Scratch
    let home: CoopHome
    let registry: ProjectRegistry

    init() throws {
        scratch = try Scratch()
        home = try scratch.home()
        registry = ProjectRegistry(home: home)
    }

    private func project(_ name: String) throws -> Project { Project(at: try scratch.directory("work/" + name)) }

    @Test("keeps what it is told, whatever the path and the name hold")
    func roundTrip() throws {
        for name in ["plain", "with space", "quote\"s and \\", "ünï", String(osBytes: [0x62, 0xFF, 0x80]), "new\nline"] {
            let project = try project(name)
            let kept = try registry.keep(project, name: nil)
            #expect(registry.record(of: project) == kept && kept.path == project.root && kept.name.utf8.elementsEqual(name.utf8))
            #expect(try registry.keep(project, name: "other").id == kept.id)
        }
        #expect(try registry.all().count == 6)
    }

    @Test("a record that is damaged, empty or of another version is no record", arguments: ["", "x", "version = 2\npath = \"/x\"\n"])
    func damaged(_ text: String) throws {
        let project = try project("a")
        let id = try registry.keep(project).id
        try FileSystem.replace(home.directory(of: project.key) + "/project.toml", with: text.utf8)
        #expect(try registry.record(of: project) == nil && registry.all().isEmpty)
        let told = try registry.listing().damaged
        #expect(told.map(\.directory) == [home.directory(of: project.key)] && told.first == registry.damage(of: project))
        #expect(told.first?.reason.hasPrefix("project.toml") == true, "\(told)")
        #expect(coopError { try registry.find("a") }?.why.contains("the records of 1 cannot be read") == true)
        // What lies beside it stays the project's.
        #expect(try registry.formerSelf(of: project) == nil)
        #expect(try registry.keep(project).id != id)
        #expect(try registry.listing().damaged.isEmpty && registry.damage(of: project) == nil)
        // A directory without a record has none that could be damaged.
        try FileSystem.makeDirectories(home.directory(.projects) + "/other")
        #expect(try registry.listing().damaged.isEmpty)
    }

    @Test("names: the title is exact, the plain name only where it is unique")
    func find() throws {
        let (one, two, three) = (try project("x/app"), try project("y/app"), try project("shop"))
        for project in [one, two, three] { try registry.keep(project) }
        #expect(try registry.find("shop").path == three.root)
        let error = coopError { try registry.find("app") }
        #expect(error?.code == .usage && error?.why.contains(one.root) == true && error?.why.contains(two.root) == true)
        #expect(coopError { try registry.find("shp") }?.why.contains("did you mean `shop`?") == true)
        let id = try #require(registry.record(of: two)).id
        #expect(try registry.find(id).path == two.root)
    }

    @Test("a directory at the old path, even another one, keeps what is kept")
    func replaced() throws {
        let old = try project("old")
        try registry.keep(old)
        let new = scratch("work/new")
        try FileSystem.rename(old.root, to: new)
        #expect(try registry.formerSelf(of: Project(at: new))?.path == old.root)
        _ = try scratch.directory("work/old")
        #expect(try registry.formerSelf(of: Project(at: new)) == nil)
    }

    @Test("a project that has something of its own takes nothing over")
    func occupied() throws {
        let old = try project("old")
        try registry.keep(old)
        let new = scratch("work/new")
        try FileSystem.rename(old.root, to: new)
        try home.prepare(home.directory(.secrets, of: ProjectKey(path: new)))
        #expect(try registry.formerSelf(of: Project(at: new)) == nil)
    }
}

@Suite("Linked worktrees")
struct LinkedWorktreeTests {
    private func worktree(_ name: String) -> LinkedWorktree { LinkedWorktree(repository: "/r/.git", name: name) }

    @Test(
        "a name that is a label stays; every other one has a label of its own",
        arguments: ["feature", "a", "fix-12", "0"])
    func plain(_ name: String) { #expect(worktree(name).label == name) }

    @Test("labels are valid and injective")
    func injective() {
        var names: Set<String> = [
            "", "-", "--", "a--b", "a-", "-a", "A", "a", "a.b", "a_b", "a-b", "ä", "a/b", String(repeating: "x", count: 41),
        ]
        let letters = Array("aAb-_.0 é")
        for _ in 0..<3000 { names.insert(String((0..<Int.random(in: 1...8)).map { _ in letters.randomElement() ?? "a" })) }
        // A name that looks like what another one becomes.
        for name in Array(names) { names.insert(worktree(name).label) }
        let labels = names.map { worktree($0).label }
        #expect(Set(labels).count == names.count)
        for label in labels {
            #expect(label.utf8.count <= 44 && !label.hasPrefix("-") && !label.hasSuffix("-"), "\(label)")
            #expect(label.utf8.allSatisfy { $0 == 0x2D || ($0 >= 0x30 && $0 <= 0x39) || ($0 >= 0x61 && $0 <= 0x7A) }, "\(label)")
        }
    }

    @Test("offsets: by the name alone, the next one where that is taken, none when all are")
    func offsets() {
        let first = WorktreePlace.portOffset(of: worktree("feature"), taken: [])
        #expect(first == WorktreePlace.portOffset(of: worktree("feature"), taken: []))
        var taken: Set<Int> = []
        for _ in 0..<WorktreePlace.count {
            guard let offset = WorktreePlace.portOffset(of: worktree("feature"), taken: taken) else {
                Issue.record("none is left after \(taken.count)")
                return
            }
            #expect(offset >= 10 && offset <= 30000 && offset % 10 == 0 && taken.insert(offset).inserted)
        }
        #expect(WorktreePlace.portOffset(of: worktree("feature"), taken: taken) == nil)
    }
}
