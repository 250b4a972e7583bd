/// Ports and who speaks first on them.
enum ServerFirstPorts {
    /// FTP, SSH, Telnet, SMTP, POP3, NNTP, IMAP, submission, MySQL, VNC: the client waits for a greeting (RFC 6335 registry).
    private static let greeting: Set<UInt16> = [21, 22, 23, 25, 110, 119, 143, 587, 2222, 3306, 5900]

    static func contains(_ port: UInt16) -> Bool { greeting.contains(port) }

    /// Ports where the client always speaks first, and is waited for.
    static func clientMustSpeak(_ port: UInt16) -> Bool { port == 443 || port == 80 }
}
