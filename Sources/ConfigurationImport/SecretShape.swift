/// Tells what looks like a secret. It is better to ask once too often than to copy one into a file that is committed.
public enum SecretShape {
    /// Beginnings that services give their tokens.
    private static let beginnings = [
        "sk-", "sk_live_", "sk_test_", "pk_live_", "rk_live_", "ghp_", "gho_", "ghu_", "ghs_", "ghr_", "github_pat_", "glpat-", "xoxb-",
        "xoxp-",
        "xapp-", "AKIA", "ASIA", "AIza", "ya29.", "npm_", "pypi-", "hf_", "tskey-", "dop_v1_", "SG.", "eyJhbGciOi", "-----BEGIN ",
        "Bearer ", "Basic ",
    ]

    private static let nameParts = [
        "TOKEN", "SECRET", "PASSWORD", "PASSWD", "APIKEY", "API_KEY", "CREDENTIAL", "PRIVATE_KEY", "ACCESS_KEY",
    ]

    /// Whether a value looks like one, whatever it is called.
    public static func isSecret(_ text: String) -> Bool {
        if beginnings.contains(where: { text.hasPrefix($0) && text.utf8.count >= $0.utf8.count + 8 }) { return true }
        // A user and a password in a URL.
        guard let colon = text.firstIndex(of: ":"), text[colon...].hasPrefix("://") else { return false }
        let authority = text[colon...].dropFirst(3).prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        guard let at = authority.lastIndex(of: "@") else { return false }
        return authority[..<at].contains(":")
    }

    /// Whether a variable of this name usually holds one.
    public static func isSecretName(_ name: String) -> Bool {
        let name = name.uppercased()
        return nameParts.contains { name.contains($0) } || name.hasSuffix("_KEY") || name.hasSuffix("_PASS") || name.hasSuffix("_AUTH")
    }
}
