/// Which variables of the user's environment reach the command: those on a list, and never one that looks like a secret.
public struct EnvironmentPolicy: Sendable {
    /// Further names, as globs, that the user allows.
    public var allow: [String]
    /// Names, as globs, that are kept out; they win over everything that is allowed.
    public var block: [String]

    public init(allow: [String] = [], block: [String] = []) {
        self.allow = allow
        self.block = block
    }

    /// Variables that programs need to behave as the user is used to. None of them holds a secret by convention.
    public static let builtInAllow = [
        "TERM", "COLORTERM", "TERM_PROGRAM", "TERM_PROGRAM_VERSION", "LANG", "LANGUAGE", "LC_*", "TZ", "NO_COLOR", "CLICOLOR",
        "CLICOLOR_FORCE", "FORCE_COLOR", "LS_COLORS", "EDITOR", "VISUAL", "PAGER", "LESS", "MANPAGER", "SHELL", "DEBIAN_FRONTEND",
        "CI", "MAKEFLAGS", "JAVA_HOME", "GOPATH", "GOROOT", "GOFLAGS", "GOTOOLCHAIN", "CARGO_HOME", "RUSTUP_HOME", "RUSTUP_TOOLCHAIN",
        "RUSTUP_AUTO_INSTALL", "RUST_BACKTRACE", "NVM_DIR", "PYENV_ROOT", "PYENV_VERSION", "RBENV_ROOT", "VOLTA_HOME", "PNPM_HOME",
        "BUN_INSTALL", "DENO_INSTALL", "SDKMAN_DIR", "ASDF_DIR", "ASDF_DATA_DIR", "MISE_DATA_DIR", "UV_TOOL_DIR", "VIRTUAL_ENV",
        "CONDA_PREFIX", "CONDA_DEFAULT_ENV", "PYTHONUNBUFFERED", "PYTHONDONTWRITEBYTECODE", "PIP_DISABLE_PIP_VERSION_CHECK", "NODE_ENV",
        "SWIFTLY_HOME_DIR", "SWIFTLY_BIN_DIR", "DOTNET_ROOT", "MAVEN_HOME", "M2_HOME", "GRADLE_HOME", "ANDROID_HOME",
    ]

    /// Names that hold secrets or lead to services of the host. Only a value given with `-e NAME=VALUE`, in an
    /// environment file or by an exact name in `env_allow` gets such a name inside.
    public static let builtInBlock = [
        "*_TOKEN", "*_KEY", "*_SECRET", "*_PASSWORD", "*_PASSWD", "*_PASS", "*_CREDENTIALS", "*_APIKEY", "*_AUTH", "*SECRET*", "*PASSWORD*",
        "AWS_*", "AZURE_*", "GCP_*", "GOOGLE_*", "GITHUB_*", "GH_*", "GITLAB_*", "OPENAI_*", "ANTHROPIC_*", "GEMINI_*", "HF_*", "NPM_TOKEN",
        "DOCKER_*", "KUBECONFIG", "SSH_*", "GPG_*", "DBUS_*", "XDG_RUNTIME_DIR", "XAUTHORITY", "DISPLAY", "WAYLAND_DISPLAY", "TMUX*",
        "STY", "NOTIFY_SOCKET", "LD_*", "GIT_*", "BASH_ENV", "ENV", "PROMPT_COMMAND",
    ]

    /// Whether a variable of the host's environment passes, and by which rule.
    public func verdict(for name: String) -> (passes: Bool, rule: String) {
        if let rule = block.first(where: { Glob.matches($0, name) }) { return (false, "env_block \(rule)") }
        // An exact name is a decision about this very variable; a pattern is not.
        if allow.contains(name) { return (true, "env_allow \(name)") }
        if let rule = EnvironmentPolicy.builtInBlock.first(where: { Glob.matches($0, name) }) { return (false, "built-in block \(rule)") }
        if let rule = allow.first(where: { Glob.matches($0, name) }) { return (true, "env_allow \(rule)") }
        if let rule = EnvironmentPolicy.builtInAllow.first(where: { Glob.matches($0, name) }) { return (true, "built-in allow \(rule)") }
        return (false, "not on any allow list")
    }
}
