import Projects

/// One way in which a person is told what a session does.
enum NotificationChannel: Equatable {
    case desktop
    /// A command for sh(1).
    case command(String)
    /// The address of a server.
    case webhook(String)

    /// Those that the user has configured.
    static func all(_ settings: Configuration.Notify) -> [NotificationChannel] {
        (settings.desktop ? [.desktop] : []) + (settings.command.map { [.command($0.value)] } ?? [])
            + (settings.webhook.map { [.webhook($0.value)] } ?? [])
    }

    init?(name: String, value: String) {
        switch name {
        case "desktop": self = .desktop
        case "command": self = .command(value)
        case "webhook": self = .webhook(value)
        default: return nil
        }
    }

    var name: String {
        switch self {
        case .desktop: "desktop"
        case .command: "command"
        case .webhook: "webhook"
        }
    }

    var value: String {
        switch self {
        case .desktop: ""
        case .command(let text), .webhook(let text): text
        }
    }
}
