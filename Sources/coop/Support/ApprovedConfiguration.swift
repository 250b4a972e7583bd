import Projects

/// A project's configuration as it was read, and what of its repository's wishes is approved.
struct ApprovedConfiguration {
    var loaded: LoadedConfiguration
    /// The texts of the approved requests.
    var items: Set<String>

    /// What holds: what is not approved is as if it had not been asked.
    var resolved: ResolvedConfiguration { loaded.resolve { items.contains($0.text) } }
}
