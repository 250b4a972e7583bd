/// Decides what an import does with each reference. A pure function of three states: at the start, on the host now, inside now.
struct ImportPlan {
    /// One change of a reference on the host.
    struct Update: Equatable {
        /// The name inside, for the report.
        var source: String
        /// The name on the host.
        var target: String
        var new: ObjectID
        /// What the host must still have for the change to be made; nil for nothing.
        var old: ObjectID?
        var outcome: ImportResult.Outcome
    }

    var updates: [Update] = []
    var reports: [ImportResult.Reference] = []

    /// The facts a plan is made of.
    struct Facts {
        var session: String
        var start: RefSnapshot
        var host: RefSnapshot
        var inside: [String: ObjectID]
        var newStashes: [ObjectID]
        /// Branches that another worktree of the host works on.
        var checkedOutElsewhere: Set<String>
        /// Whether the workspace inside is the host's own, so that files and branch belong together.
        var isLive: Bool
        var ignoresCase: Bool
        /// Tips that could not be brought over, with the reason.
        var missing: [ObjectID: String]
        /// Tips that are commits.
        var commits: Set<ObjectID>
        /// The only branch that the session moves; nil where it moves every one.
        var ownBranch: String?
        /// Where earlier imports of the same session have put it.
        var imported: Set<ObjectID> = []

        /// Whether there is something to do with a reference that inside has this value.
        func concerns(_ name: String, _ new: ObjectID) -> Bool {
            if new != start.refs[name] { return true }
            // It went back to where it was, and an earlier import had moved it.
            guard name == ownBranch, let host = host.refs[name] else { return false }
            return host != new && imported.contains(host)
        }
    }

    /// Whether the sandbox's value of this reference can be wanted at all.
    static func reasonToSkip(_ name: String) -> String? {
        if name.hasPrefix("refs/remotes/") { return "remote-tracking branches are the host's own; fetch there" }
        if name.hasPrefix("refs/coop/") { return "names under refs/coop/ are coop's" }
        if name.hasPrefix("refs/replace/") { return "a replacement would change what the host sees of other commits" }
        if RefSnapshot.isPerWorktree(name) { return "belongs to one worktree" }
        return nil
    }

    static func make(_ facts: Facts, isAncestor: (ObjectID, ObjectID) throws -> Bool) rethrows -> ImportPlan {
        var plan = ImportPlan()
        var taken = facts.host.refs
        var folded = Set(facts.host.refs.keys.map(RefName.folded))
        let parking = "refs/coop/\(facts.session)/"

        func conflict(_ name: String) -> String? {
            if facts.ignoresCase, folded.contains(RefName.folded(name)) { return "the host has a name that differs only in case" }
            // A reference is a file: `a` and `a/b` exclude each other.
            if let other = taken.keys.first(where: { $0.hasPrefix(name + "/") || name.hasPrefix($0 + "/") }) {
                return "the host has \(other)"
            }
            return nil
        }
        func add(_ source: String, _ target: String, _ new: ObjectID, _ outcome: ImportResult.Outcome) {
            plan.updates.append(Update(source: source, target: target, new: new, old: facts.host.refs[target], outcome: outcome))
            taken[target] = new
            folded.insert(RefName.folded(target))
        }
        func report(_ name: String, _ id: ObjectID?, _ outcome: ImportResult.Outcome) {
            plan.reports.append(ImportResult.Reference(name: name, object: id, outcome: outcome))
        }
        func park(_ source: String, _ rest: String, _ new: ObjectID, _ why: String) {
            let target = parking + rest
            if facts.host.refs[target] == new { return report(source, new, .parked(name: target, why: why)) }
            if facts.host.refs[target] == nil, let reason = conflict(target) {
                return report(source, new, .refused(why: "\(why); and \(reason)"))
            }
            add(source, target, new, .parked(name: target, why: why))
        }

        for (name, new) in facts.inside.sorted(by: { $0.key < $1.key }) where facts.concerns(name, new) {
            if let why = reasonToSkip(name) {
                report(name, new, .skipped(why: why))
                continue
            }
            let host = facts.host.refs[name]
            if host == new {
                report(name, new, .alreadyThere)
                continue
            }
            if let why = facts.missing[new] {
                report(name, new, .refused(why: why))
                continue
            }
            let started = facts.start.refs[name]
            let rest = String(name.dropFirst(5))
            if let own = facts.ownBranch, name != own, name.hasPrefix("refs/heads/") || name.hasPrefix("refs/tags/") {
                park(name, rest, new, "a task's session moves the branch of its task alone")
            } else if name.hasPrefix("refs/heads/") {
                guard facts.commits.contains(new) else {
                    report(name, new, .skipped(why: "a branch must point to a commit"))
                    continue
                }
                if name == "refs/heads/HEAD" {
                    park(name, rest, new, "a branch cannot be called HEAD")
                } else if let host {
                    if facts.checkedOutElsewhere.contains(name) {
                        park(name, rest, new, "another worktree has this branch checked out")
                    } else if !facts.isLive, facts.host.head == .branch(name) {
                        park(name, rest, new, "the branch is checked out on the host, whose files are not the sandbox's")
                    } else if try isAncestor(host, new) {
                        add(name, name, new, .fastForwarded)
                    } else if name == facts.ownBranch, host == started || facts.imported.contains(host) {
                        let kept = host == started ? parking + "replaced" : nil
                        if let kept, facts.host.refs[kept] != host { add(kept, kept, host, .created) }
                        add(name, name, new, .rewritten(kept: kept))
                    } else {
                        park(
                            name, rest, new, host == started ? "the branch was rewritten inside" : "the branch moved on the host meanwhile")
                    }
                } else if started != nil {
                    park(name, rest, new, "the branch was deleted on the host meanwhile")
                } else if let why = conflict(name) {
                    park(name, rest, new, why)
                } else {
                    add(name, name, new, .created)
                }
            } else if name.hasPrefix("refs/tags/") {
                if host != nil || started != nil {
                    park(name, rest, new, "a tag of the host is not moved")
                } else if let why = conflict(name) {
                    park(name, rest, new, why)
                } else {
                    add(name, name, new, .created)
                }
            } else if name == "refs/stash" {
                park(name, "stash", new, "the host's stash is its own")
            } else {
                park(name, "other/" + rest, new, "not a branch or tag")
            }
        }
        let newest = facts.inside["refs/stash"]
        for (number, id) in facts.newStashes.filter({ $0 != newest }).enumerated() {
            if let why = facts.missing[id] {
                report("refs/stash@{\(number + 1)}", id, .refused(why: why))
            } else {
                park("refs/stash@{\(number + 1)}", "stash-\(number + 1)", id, "the host's stash is its own")
            }
        }
        for name in facts.start.refs.keys.sorted() where facts.inside[name] == nil && facts.host.refs[name] != nil {
            if name.hasPrefix("refs/heads/") || name.hasPrefix("refs/tags/") {
                report(name, nil, .skipped(why: "deleted inside; still on the host"))
            }
        }
        return plan
    }
}
