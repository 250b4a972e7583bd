import CoopErrors
import LinuxKernel
import Projects
import Vault

/// The logins of one agent that there are on this machine, and which of them a project's sandboxes get.
struct AgentLogins {
    /// Why a login is the one that is used.
    enum Reason: String { case option = "--profile", pin = "pinned", standard = "default", host = "host" }

    let service: OAuthService
    let store: ProfileStore
    private let context: Context
    private let project: Project?

    init(_ service: OAuthService, context: Context, project: Project?) {
        self.service = service
        self.context = context
        self.project = project
        store = ProfileStore(directory: AgentLogins.directory(service.name, context))
    }

    static func directory(_ agent: String, _ context: Context) -> String {
        FileSystem.join(context.home.directory(.global), "auth/agents/\(agent)")
    }

    /// The project's own choices; nil where there is no project.
    var pins: ProfilePins? {
        project.map { ProfilePins(directory: FileSystem.join(context.home.directory(.auth, of: $0.key), "profiles")) }
    }

    /// Makes the directories above the pins with the checks of coop's home.
    func preparePins() throws(CoopError) {
        guard let project else { return }
        try context.home.prepare(FileSystem.join(context.home.directory(.auth, of: project.key), "profiles"))
    }

    func prepareStore() throws(CoopError) { try context.home.prepare(AgentLogins.directory(service.name, context)) }

    /// The profile that is used: the one that is asked for, else the project's, else coop's own login, else the host's.
    ///
    /// - Parameter asked: of `--profile`.
    /// - Throws: `notFound` when the one that is asked for or pinned does not exist: another account must not take its place.
    func choice(_ asked: ProfileName?) throws(CoopError) -> (name: ProfileName, reason: Reason) {
        let pinned = try pins?.pin(of: service.name)
        guard let name = asked ?? pinned else {
            return try store.holdsLogin(.standard) ? (.standard, .standard) : (.host, .host)
        }
        let names = try store.names() + [.host]
        guard names.contains(name) else {
            throw CoopError(
                .notFound, "there is no profile `\(name)` of \(service.name)",
                asked == nil ? "it is pinned for this project" : "`--profile` names it",
                next: asked == nil
                    ? "coop profile current --agent \(service.name) --clear" : "coop auth login --agent \(service.name) --profile \(name)")
        }
        return (name, asked == nil ? .pin : .option)
    }

    /// The credential file of a profile. Its login command, for messages, is the one that mends it.
    func file(_ name: ProfileName) -> OAuthCredentialFile {
        if name == .host { return context.credentialFile(service) }
        var service = service
        service.loginCommand = "coop auth login --agent \(service.name)" + (name == .standard ? "" : " --profile \(name)")
        return OAuthCredentialFile(service, userHome: context.home.userHome, path: store.path(name))
    }
}
