/// Who on the host would execute or trust something.
public enum LandingKind: String, Sendable, CaseIterable, Codable {
    /// git and other version control.
    case git
    /// Editors and the programs that they start by themselves.
    case editor
    /// Coding agents outside of the sandbox.
    case agent
    /// Shells and what evaluates a directory on entry.
    case environment
    /// Task runners, package managers, compilers: what a person starts by name.
    case build
    /// Services that build what is pushed.
    case ci
    /// What is installed: virtual environments, modules, programs in binary form.
    case installed
    /// Coop itself.
    case coop
    /// Properties of a file, whatever it is called.
    case file

    /// For a heading.
    public var title: String {
        switch self {
        case .git: "git"
        case .editor: "editors"
        case .agent: "agents"
        case .environment: "shells and environments"
        case .build: "build and tasks"
        case .ci: "CI"
        case .installed: "installed programs"
        case .coop: "coop"
        case .file: "files"
        }
    }

    /// Whether it matters, too, that something is taken away: settings of these hold what restricts.
    var includesRemoval: Bool { self == .git || self == .agent || self == .coop }
}
