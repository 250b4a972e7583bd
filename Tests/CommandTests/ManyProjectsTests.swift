import LinuxKernel
import TestSupport
import Testing

/// What a user has after a year: everything is listed, and a command that asks about one thing says the right thing about it.
@Suite struct ManyProjectsTests {
    private struct Projects: Decodable {
        struct Project: Decodable { var name: String }
        var projects: [Project]
    }

    private struct Secrets: Decodable {
        struct Secret: Decodable {
            var name: String
            var shadowed: Bool
        }
        var secrets: [Secret]
    }

    @Test("200 projects and 1 000 secrets, of which 100 are the project's own and in the place of global ones")
    func many() throws {
        let place = try Sandboxed(anyone)
        try place.coop(["secret", "add", "--global", "FIRST"], input: .bytes(Array("a value of a secret".utf8))).expectSuccess()
        try place.coop(["secret", "add", "FIRST"], input: .bytes(Array("a value of a secret".utf8))).expectSuccess()
        let key = try #require(try FileSystem.list(place.coopHome + "/projects").first { $0.hasSuffix("-project") })
        // Files as coop writes them, made in one go: what is tested is how they are read.
        let script = """
            umask 077; cd \(place.coopHome)
            i=0; while [ $i -lt 899 ]; do cp global/secrets/FIRST.secret global/secrets/S$i.secret; i=$((i+1)); done
            i=0; while [ $i -lt 99 ]; do cp global/secrets/FIRST.secret projects/\(key)/secrets/S$i.secret; i=$((i+1)); done
            i=0; while [ $i -lt 199 ]; do mkdir -p projects/k$i ../p/$i
            sed -e "s,^path = .*,path = \\"$(realpath ../p/$i)\\"," -e "s,^name = .*,name = \\"project-$i\\"," -e "/^identity/d" \
                projects/\(key)/project.toml > projects/k$i/project.toml; i=$((i+1)); done
            """
        let made = try place.outside(["/bin/sh", "-c", script], timeout: 600)
        #expect(made.exitCode == 0, "\(made)")
        #expect(try place.coop(["project", "list", "--json"]).json(Projects.self).projects.count == 200)
        let secrets = try place.coop(["secret", "list", "--json"]).json(Secrets.self).secrets
        #expect(secrets.count == 1000 && secrets.count { $0.shadowed } == 100)
        #expect(secrets.map(\.name) == secrets.map(\.name).sorted())
        #expect(try place.coop(["secret", "show", "S898"]).output.contains("global"))
        #expect(try place.coop(["--project", "project-198", "secret", "list"], directory: "/").output.split(separator: "\n").count == 901)
        try place.coop(["--project", "projct-198", "ps"], directory: "/").expectError(1, "did you mean `project-198`?")
        #expect(try place.run(["echo", "ran"]).output == "ran\n")
    }
}
