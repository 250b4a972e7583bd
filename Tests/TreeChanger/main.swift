// Changes a tree as a landing does, in a process of its own: tests kill it, and run it as other users.
//
//   TreeChanger apply ROOT STORE WANTED    makes ROOT the same as WANTED
//   TreeChanger undo ROOT STORE            takes the last one back
//   TreeChanger recover STORE              what the next command does
import Glibc
import LinuxKernel
import Review

func fail(_ text: String) -> Never {
    let bytes = Array((text + "\n").utf8)
    _ = write(2, bytes, bytes.count)
    exit(1)
}

let words = CommandLine.arguments
umask(0o022)
do {
    switch words.dropFirst().first {
    case "apply" where words.count == 5:
        let edits = try TreeDifference(root: words[2], wanted: words[4]).edits
        let note = LandingNote(kind: .apply, subject: "test")
        try TreeTransaction(root: words[2], store: LandingStore(directory: words[3]), note: note, edits: edits).run()
        print(edits.count)
    case "undo" where words.count == 4:
        let store = LandingStore(directory: words[3])
        guard let record = try store.records(root: words[2]).first else { fail("nothing to undo") }
        let plan = try LandingPlanner(root: words[2]) { change, now in record.holds(change.path, now) ?? false }.plan(try record.reversed())
        guard plan.conflicts.isEmpty else { fail(plan.conflicts.map { "\($0.path.printable): \($0.reason)" }.joined(separator: "\n")) }
        try TreeTransaction(root: words[2], store: store, note: LandingNote(kind: .undo, subject: "test"), edits: plan.edits).run()
    case "recover" where words.count == 3:
        let (recovered, failures) = try LandingStore(directory: words[2]).recover()
        for one in recovered { print(one.outcome) }
        if let failure = failures.first { throw failure }
    default: fail("usage: TreeChanger apply|undo|recover …")
    }
} catch {
    fail("\(error)")
}
