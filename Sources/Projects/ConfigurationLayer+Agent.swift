extension ConfigurationLayer {
    /// What an agent brings along: it stands behind everything that a person or a repository says.
    ///
    /// - Parameter name: of the agent, for the places where a value's origin is shown.
    public static func agent(
        _ name: String, bundles: [String], allow: [String], environment: [(name: String, value: String)], grants: [GrantSetting]
    ) -> ConfigurationLayer {
        let origin = ConfigurationOrigin(layer: .agent, name: "agent \(name)")
        var layer = ConfigurationLayer(.agent)
        func set(_ key: ConfigurationKey, _ items: [(name: String, content: ConfigurationItem.Content)]) {
            guard !items.isEmpty else { return }
            let items = items.map { ConfigurationItem(name: $0.name, content: $0.content, origin: origin) }
            layer.configuration[key] = Setting(.items(items), origin)
        }
        set(.bundles, bundles.map { ($0, .text($0)) })
        set(.allow, allow.map { ($0, .text($0)) })
        set(.env, environment.map { ($0.name, .pair($0.value)) })
        set(.grants, grants.map { ($0.name, .grant($0)) })
        return layer
    }
}
