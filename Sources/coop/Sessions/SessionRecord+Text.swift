import Sandbox
import Vault

extension SessionRecord {
    /// As JSON, as `Decodable` reads it. Every start writes one, and what writes any `Encodable` would take half a millisecond for it.
    var text: String {
        var members: [JSONValue.Member] = [
            .init("version", .number(String(version))), .init("id", .string(id)), .init("supervisor", .number(String(supervisor))),
            .init("warden", .number(String(warden))), .init("started", .number(String(started))), .init("workspace", .string(workspace)),
            .init("command", .array(command.map { .string($0) })), .init("engine", .string(engine)),
        ]
        if let name { members.append(.init("name", .string(name))) }
        if let log { members.append(.init("log", .string(log))) }
        return JSONValue.object(members).text()
    }
}
