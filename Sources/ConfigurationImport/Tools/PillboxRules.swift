import TOML

extension ImportRules {
    /// `pillbox.toml`.
    static func pillbox(home: String) -> ImportRules {
        var rules = ImportRules("pillbox")
        rules.value("name", "name")
        rules.add("agent") { place in
            guard place.node.text != "codex-serve" else {
                return [place.finding(.dropped("coop starts the agent itself, not a server of it"), next: "coop run")]
            }
            return [place.finding(.becomes(ImportedSetting(path: ["agent"], change: .value(.string(place.node.text ?? "")))))]
        }
        rules.expect(
            "workspace.backend", "local", covered: "the project stays where it is", otherwise: "coop keeps no copies of a project elsewhere"
        )
        rules.drop("workspace.*", why: "coop keeps no copies of a project elsewhere")
        rules.drop("runner.image", why: "this version of coop uses the system of the host, not an image")
        // Keys of version 0.5.
        rules.mounts("mount.[]", home: home)
        rules.mounts("mounts.[]", home: home)
        rules.variables("env")
        rules.add("with.[]") { place in
            [place.finding(.dropped("a grant says which host gets a secret"), next: SecretNames.command(for: place.node.text ?? ""))]
        }
        rules.drop("env_file", why: "an environment file is named for a run", next: "coop run --env-file PATH -- COMMAND")
        return rules
    }
}
