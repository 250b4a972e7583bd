import Sandbox

/// A record of the sandboxes that coop makes for work of its own, outside of any session: should coop be killed meanwhile, the next command
/// finds there what is left of them.
enum HelperRecord {
    /// Runs `body` with the record, and removes it afterwards.
    static func with<Value>(_ context: Context, _ body: (SessionDirectory) throws -> Value) throws -> Value {
        try context.home.prepare(context.run)
        let record = try SessionDirectory.create(in: context.run, id: SessionDirectory.newID())
        let result = Result { try body(record) }
        // What was done counts; what stays goes with the next command.
        try? record.remove()
        return try result.get()
    }
}
