import ArgumentParser

struct CommitsCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "commits", abstract: "Commits of sessions that did not arrive in the repository, and are kept.",
        discussion: """
            What a session commits is checked before it comes into the repository. What git finds fault with, or there was no room for,
            stays in the session's own git directory, which is kept until you remove it.

            Examples:
              coop commits list
              coop commits import            try again, once the reason is gone
              coop commits bundle work.bundle
              coop commits rm kx3mr
            """,
        subcommands: [CommitsList.self, CommitsImport.self, CommitsBundle.self, CommitsRemove.self])
}
