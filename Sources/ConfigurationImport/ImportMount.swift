import LinuxKernel
import TOML

/// A mount as the tools write it: `HOST`, `HOST:GUEST`, with `:ro` behind; `HOST::ro` for the same path on both sides.
enum ImportMount {
    /// What no sandbox gets by an import: whoever holds one of these holds the user's accounts or the machine.
    private static let keys = [
        ".ssh", ".gnupg", ".aws", ".azure", ".kube", ".docker", ".config/gcloud", ".config/gh", ".netrc", ".npmrc", ".pypirc",
        ".git-credentials",
    ]

    /// - Parameter home: the user's home directory, which is the home inside as well.
    static func finding(_ place: ImportRules.Place, home: String) -> ImportFinding {
        guard let whole = place.node.text else { return place.finding(.dropped("it is not a single value")) }
        // sbx takes what stands behind # for a comment.
        let text = String(whole.prefix { $0 != "#" }.reversed().drop { $0 == " " }.reversed())
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var isReadOnly = false
        while parts.count > 1, let last = parts.last, last.isEmpty || ["ro", "rw", "z", "Z"].contains(last) {
            if last == "ro" { isReadOnly = true }
            parts.removeLast()
        }
        guard let host = parts.first, !host.isEmpty, parts.count <= 2 else {
            return place.finding(.dropped("`\(whole.printable)` is not HOST[:GUEST][:ro]"))
        }
        let absolute = expanded(host, home)
        if let key = keys.first(where: { FileSystem.contains(FileSystem.join(home, $0), FileSystem.normalize(absolute)) }) {
            return place.finding(.dropped("~/\(key) holds keys of yours; a sandbox needs none of them"), next: "coop grant providers")
        }
        if absolute.hasSuffix(".sock") {
            return place.finding(.dropped("a socket of the host is a way out of the sandbox"))
        }
        var result = host
        if parts.count == 2 {
            let guest = expanded(parts[1], home)
            guard guest.hasPrefix("/") else { return place.finding(.dropped("`\(parts[1].printable)` is no absolute path inside")) }
            if guest != absolute { result += ":" + guest }
        }
        if isReadOnly { result += ":ro" }
        return place.finding(.becomes(ImportedSetting(path: ["sandbox", "mounts"], change: .element(.string(result)))))
    }

    private static func expanded(_ path: String, _ home: String) -> String {
        if path == "~" { return home }
        return path.hasPrefix("~/") ? FileSystem.join(home, String(path.dropFirst(2))) : path
    }
}
