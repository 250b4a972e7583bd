import CoopErrors
import LinuxKernel
import Review

/// A landing as people and programs read it.
struct LandingText {
    let plan: LandingPlan

    struct Item: Encodable {
        var path: String
        /// `added`, `changed` or `removed`.
        var action: String
        /// Whether the user's own edits were brought together with it.
        var merged: Bool
        var origin: String?
    }

    struct Conflict: Encodable {
        var path: String
        var reason: String
    }

    var items: [Item] {
        plan.items.map { item in
            let action = item.edit.expected == nil ? "added" : item.edit.version == nil ? "removed" : "changed"
            return Item(path: item.edit.path, action: action, merged: item.isMerged, origin: item.change.origin)
        }
    }

    var conflicts: [Conflict] { plan.conflicts.map { Conflict(path: $0.path, reason: $0.reason) } }

    /// A line a path: `M src/main.c`.
    func lines(style: TextStyle = .none) -> [String] {
        items.map { item in
            let (letter, color): (String, TextStyle.Color) =
                switch item.action {
                case "added": ("A", .green)
                case "removed": ("D", .red)
                default: ("M", .yellow)
                }
            let origin = item.origin.map { ", from \($0.printable)" } ?? ""
            return "\(style(color, letter)) \(item.path.printable)\(item.merged ? ", with your own edits" : "")\(origin)"
        }
    }

    /// `3 changes`
    static func count(_ number: Int) -> String { number == 1 ? "1 change" : "\(number) changes" }

    /// The error for a plan that has conflicts.
    func refusal(_ what: String, next: String) -> CoopError {
        let shown = plan.conflicts.prefix(20).map { "\n  \($0.path.printable): \($0.reason)" }.joined()
        let more = plan.conflicts.count > 20 ? "\n  and \(plan.conflicts.count - 20) more" : ""
        let count = plan.conflicts.count == 1 ? "1 path" : "\(plan.conflicts.count) paths"
        return CoopError(
            .failed, what, "\(count) cannot be brought together with your tree, which is as it was:\(shown)\(more)", next: next)
    }
}
