import Testing

@testable import Sandbox

@Suite struct EnvironmentPolicyTests {
    @Test(
        "what looks like a secret or leads to a service of the host never passes",
        arguments: [
            "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE", "GITHUB_TOKEN", "MY_TOKEN", "STRIPE_API_KEY", "DB_PASSWORD",
            "SSH_AUTH_SOCK",
            "SSH_AGENT_PID", "GPG_AGENT_INFO", "DBUS_SESSION_BUS_ADDRESS", "XDG_RUNTIME_DIR", "KUBECONFIG", "DOCKER_HOST", "LD_PRELOAD",
            "BASH_ENV",
            "GIT_SSH_COMMAND", "TMUX", "DISPLAY", "ANTHROPIC_API_KEY", "OPENAI_BASE_URL", "aws_x", "github_token",
        ])
    func secrets(_ name: String) {
        #expect(!EnvironmentPolicy().verdict(for: name).passes)
        // A pattern is not a decision about this variable.
        #expect(!EnvironmentPolicy(allow: ["*"]).verdict(for: name).passes)
    }

    @Test(
        "terminal, locale and toolchain variables pass",
        arguments: ["TERM", "COLORTERM", "LANG", "LC_ALL", "LC_TIME", "TZ", "NO_COLOR", "CI", "PYENV_ROOT"])
    func ordinary(_ name: String) { #expect(EnvironmentPolicy().verdict(for: name).passes) }

    @Test("what is on no list stays out, and the rule says so")
    func unknown() {
        let verdict = EnvironmentPolicy().verdict(for: "SOMETHING")
        #expect(!verdict.passes && verdict.rule == "not on any allow list")
        #expect(EnvironmentPolicy(allow: ["SOME*"]).verdict(for: "SOMETHING").rule == "env_allow SOME*")
    }

    @Test("an exact name lets a secret in on purpose, and a block wins over it")
    func exact() {
        #expect(EnvironmentPolicy(allow: ["MY_TOKEN"]).verdict(for: "MY_TOKEN").passes)
        #expect(!EnvironmentPolicy(allow: ["MY_TOKEN"], block: ["MY_*"]).verdict(for: "MY_TOKEN").passes)
        #expect(!EnvironmentPolicy(allow: ["TERM"], block: ["TERM"]).verdict(for: "TERM").passes)
        #expect(!EnvironmentPolicy(block: ["*"]).verdict(for: "LANG").passes)
    }

    @Test("no name that is allowed by default is one that is blocked by default")
    func disjoint() {
        for name in EnvironmentPolicy.builtInAllow {
            let word = name.replacing("*", with: "X")
            #expect(!EnvironmentPolicy.builtInBlock.contains { Glob.matches($0, word) }, "\(name)")
        }
    }
}
