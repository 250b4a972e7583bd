/// Brings the layers together, key by key, as the schema says. A pure function of the layers.
public enum ConfigurationMerge {
    typealias Value = Setting<ConfigurationValue>
    typealias Layer = ConfigurationOrigin.Layer

    /// - Parameters:
    ///   - layers: at most one of each kind, in any order.
    ///   - isApproved: decides, request by request, whether what a repository asks holds. What is not approved is as if it had
    ///     not been asked, so the result can only be narrower.
    public static func resolve(
        _ layers: [ConfigurationLayer], isApproved: (ApprovalRequest) -> Bool = { _ in false }
    ) -> ResolvedConfiguration {
        var result = ResolvedConfiguration(effective: Configuration(), overridden: [:], requests: [])
        let layers = layers.sorted { $0.layer < $1.layer }
        for entry in ConfigurationSchema.entries {
            var candidates = layers.compactMap { $0.configuration[entry.key] }
            // Reading a repository's file has refused it already.
            if entry.approval == .refused { candidates.removeAll { $0.origin.layer.isRepository } }
            if candidates.isEmpty {
                if let standard = entry.standard { result.effective[entry.key] = Setting(.text(standard), .defaults) }
                continue
            }
            let resolved: (value: Value?, overridden: [Value])
            switch entry.merge {
            case .unite, .uniteNames, .userFirstNames:
                resolved = items(entry, candidates, isApproved, &result.requests)
            case .smallest: resolved = smallest(candidates)
            case .nearest, .userFirst, .strictest:
                resolved = single(entry, candidates, isApproved, &result.requests)
            }
            result.effective[entry.key] = resolved.value
            if !resolved.overridden.isEmpty { result.overridden[entry.key] = resolved.overridden }
        }
        return result
    }

    // MARK: One value

    private static func single(
        _ entry: ConfigurationSchema.Entry, _ candidates: [Value], _ isApproved: (ApprovalRequest) -> Bool,
        _ requests: inout [ApprovalRequest]
    ) -> (Value?, [Value]) {
        let standing =
            candidates.first { $0.origin.layer == .user } ?? entry.standard.map { Setting(.text($0), .defaults) }
        var order = candidates
        if case .nearest = entry.merge {
        } else {
            // What the user says for this run, then the repository, then what the user says always; or the user before all.
            let userFirst = entry.merge == .userFirst
            order = candidates.filter { $0.origin.layer < .local } + (userFirst ? candidates.filter { $0.origin.layer == .user } : [])
            order += candidates.filter(\.origin.layer.isRepository) + (userFirst ? [] : candidates.filter { $0.origin.layer == .user })
        }
        guard var winner = order.first else { return (standing, []) }
        if winner.origin.layer.isRepository, needsApproval(entry, winner, standing) {
            let request = ApprovalRequest(entry.key, winner)
            requests.append(request)
            if !isApproved(request) {
                guard let standing else { return (nil, candidates) }
                winner = standing
            }
        }
        return (winner, candidates.filter { $0 != winner })
    }

    private static func needsApproval(_ entry: ConfigurationSchema.Entry, _ value: Value, _ standing: Value?) -> Bool {
        switch entry.approval {
        case .never: return false
        case .refused: return true
        case .always, .perItem: return value.value != standing?.value
        case .whenWider:
            guard case .strictest(let order) = entry.merge, let rank = order.firstIndex(of: value.value.text),
                let allowed = standing.flatMap({ order.firstIndex(of: $0.value.text) })
            else { return true }
            return rank > allowed
        }
    }

    /// A limit. What the user says for this run is meant for this run; otherwise neither the repository nor the user's
    /// configuration can lift the other's limit.
    private static func smallest(_ candidates: [Value]) -> (Value?, [Value]) {
        let explicit = candidates.first { $0.origin.layer < .local }
        let repository = candidates.first { $0.origin.layer.isRepository }
        let standing = candidates.first { $0.origin.layer == .user }
        let winner: Value?
        if let explicit {
            winner = explicit
        } else if let repository, let standing {
            winner = standing.value.isSmaller(than: repository.value) ? standing : repository
        } else {
            winner = repository ?? standing
        }
        return (winner, candidates.filter { $0 != winner })
    }

    // MARK: Lists and tables

    private static func items(
        _ entry: ConfigurationSchema.Entry, _ candidates: [Value], _ isApproved: (ApprovalRequest) -> Bool,
        _ requests: inout [ApprovalRequest]
    ) -> (Value?, [Value]) {
        let userItems = candidates.filter { !$0.origin.layer.isRepository }.flatMap(\.value.items)
        let repositoryItems = candidates.filter(\.origin.layer.isRepository).flatMap(\.value.items)
        let userSays = Set(userItems.map { Identity($0) })
        // The user's things stand before the repository's, so that a rule of the repository cannot hide one of the user's; only
        // where names replace each other does the nearer layer come first.
        let all = entry.merge == .uniteNames ? candidates.flatMap(\.value.items) : userItems + repositoryItems
        let byName = entry.merge != .unite
        var taken = Set<Identity>()
        // What the repository says twice counts once, by the nearer file, whether it is approved or not.
        var asked = Set<Identity>()
        var kept: [ConfigurationItem] = []
        var dropped: [ConfigurationItem] = []
        for item in all {
            let identity = byName ? Identity(name: item.name) : Identity(item)
            let isRepository = item.origin.layer.isRepository
            if taken.contains(identity) || (isRepository && !asked.insert(identity).inserted) {
                if byName { dropped.append(item) }
                continue
            }
            if isRepository, !userSays.contains(Identity(item)), needsApproval(entry, item) {
                let request = ApprovalRequest(entry.key, item)
                requests.append(request)
                if !isApproved(request) {
                    dropped.append(item)
                    continue
                }
            }
            taken.insert(identity)
            kept.append(item)
        }
        let origin = kept.first?.origin ?? candidates[0].origin
        return (Setting(.items(kept), origin), dropped.map { Setting(.items([$0]), $0.origin) })
    }

    private static func needsApproval(_ entry: ConfigurationSchema.Entry, _ item: ConfigurationItem) -> Bool {
        switch entry.approval {
        case .never: return false
        case .always, .whenWider, .refused: return true
        case .perItem:
            switch item.content {
            case .rule(let rule): return rule.action != .deny
            case .command(let command): return command.action != .deny
            default: return true
            }
        }
    }

    /// By what two things are the same: name and content, wherever they stand. Hashed by the name alone, which tells nearly all
    /// apart, so that a long list does not take quadratic time.
    private struct Identity: Hashable {
        var name: String
        var content: ConfigurationItem.Content?

        init(_ item: ConfigurationItem) {
            name = item.name
            content = item.content
        }

        init(name: String) { self.name = name }

        func hash(into hasher: inout Hasher) { hasher.combine(name) }
    }
}

extension ConfigurationValue {
    func isSmaller(than other: ConfigurationValue) -> Bool {
        switch (self, other) {
        case (.size(let left), .size(let right)): left < right
        case (.duration(let left), .duration(let right)): left < right
        case (.integer(let left), .integer(let right)): left < right
        case (.number(let left), .number(let right)): left < right
        default: false
        }
    }
}
