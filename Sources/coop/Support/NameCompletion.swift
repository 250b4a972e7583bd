import Agents
import ArgumentParser
import LinuxKernel
import Policy
import Projects

/// Names that a shell completes: asked at each press of a key, so what cannot be read is simply not offered.
enum NameCompletion {
    static var projects: CompletionKind {
        .custom { (_: [String], _: Int, _: String) in
            guard let home = try? CoopHome.locate(), let all = try? ProjectRegistry(home: home).all() else { return [] }
            return plain(all.map(\.title))
        }
    }

    static var environments: CompletionKind {
        .custom { (_: [String], _: Int, _: String) in
            guard let all = try? Context().bundles().list() else { return [] }
            return all.filter { !$0.record.isShadowed }.map(\.record.name.text)
        }
    }

    static var sessions: CompletionKind {
        .custom { (_: [String], _: Int, _: String) in
            guard let context = try? Context(), let all = try? SessionStore(context: context).all() else { return [] }
            return plain(all.reversed().map { $0.summary.name ?? $0.id })
        }
    }

    static var tasks: CompletionKind {
        .custom { (_: [String], _: Int, _: String) in
            guard let context = try? Context(), let project = try? context.project() else { return [] }
            return ((try? ProjectTasks.store(context, project).all()) ?? []).map(\.name.text)
        }
    }

    static var agents: CompletionKind {
        .custom { (_: [String], _: Int, _: String) in
            guard let home = try? CoopHome.locate() else { return [] }
            return ((try? AgentCatalog(directory: home.directory(.agents)).all()) ?? []).map(\.name)
        }
    }

    static var bundles: CompletionKind { .list(NetworkBundle.names) }

    /// A name is offered as it is typed; one that a shell would take apart is not.
    private static func plain(_ names: [String]) -> [String] {
        names.filter { $0.printable == $0 && !$0.contains { " \t'\"\\$`&|;<>()*?[]#~".contains($0) } }
    }
}
