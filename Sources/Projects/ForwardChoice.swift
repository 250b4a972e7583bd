/// Something of the user's session that a sandbox can be given to use.
public enum ForwardChoice: String, Sendable, CaseIterable {
    case sshAgent = "ssh-agent"
    case gpg
    case docker
    case display
    case clipboard

    /// What it gives away, in one sentence: for approvals, `explain`, and the first use.
    public var warning: String {
        switch self {
        case .sshAgent: "whatever runs inside can log in and sign with your SSH keys, those that you allow and each time that you agree"
        case .gpg: "whatever runs inside can sign and decrypt with your GPG keys, as far as your gpg-agent does not ask"
        case .docker: "whatever runs inside can become root on this machine"
        case .display: "whatever runs inside can show windows, use the clipboard and, on X11, see the screen and every key that you type"
        case .clipboard: "the clipboard is part of the display, so it gives away what `display` does"
        }
    }
}
