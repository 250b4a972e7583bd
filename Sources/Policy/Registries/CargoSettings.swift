import TOML

/// The settings of cargo (https://doc.rust-lang.org/cargo/reference/config.html).
enum CargoSettings {
    /// `config.toml`: replaced sources, further registries, the proxy.
    static func parse(_ document: TOMLTable) -> RegistrySettings {
        var result = RegistrySettings()
        for entry in document["source"]?.value.table?.entries ?? [] {
            for key in ["registry", "git"] { entry.node.value.table?[key]?.value.string.map { result.addRegistry($0) } }
        }
        for entry in document["registries"]?.value.table?.entries ?? [] {
            entry.node.value.table?["index"]?.value.string.map { result.addRegistry($0) }
        }
        document["registry"]?.value.table?["index"]?.value.string.map { result.addRegistry($0) }
        document["http"]?.value.table?["proxy"]?.value.string.map { result.addProxy($0) }
        return result
    }

    /// `CARGO_REGISTRIES_<NAME>_INDEX`, `CARGO_REGISTRY_INDEX` and `CARGO_HTTP_PROXY`.
    static func parse(variable: String, _ value: String) -> RegistrySettings {
        var result = RegistrySettings()
        if variable == "CARGO_REGISTRY_INDEX" || (variable.hasPrefix("CARGO_REGISTRIES_") && variable.hasSuffix("_INDEX")) {
            result.addRegistry(value)
        }
        if variable == "CARGO_HTTP_PROXY" { result.addProxy(value) }
        return result
    }
}
