import ArgumentParser
import CoopErrors
import Sessions
import Vault
import WebSocket

struct SubscribeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "subscribe", abstract: "Serve a session's events to programs, over WebSocket.",
        discussion: """
            Prints a line of JSON with `url` and `token`, then serves until the session is over and every subscriber has everything. Each event is a
            text frame; a subscriber that comes back asks for what it has not seen with `?from=SEQ`. Only programs of this machine that know the token
            are admitted, as `Authorization: Bearer TOKEN` or `?token=TOKEN`, and no web page.

            Examples:
              coop subscribe fix-auth
              coop subscribe fix-auth --from 120 --bind 127.0.0.1:8080
            """)

    @Option(help: ArgumentHelp("Begin with the event of this number, where a subscriber does not say another.", valueName: "SEQ"))
    var from: UInt64 = 1
    @Option(help: ArgumentHelp("Listen on this address and port of the loopback interface; a free port otherwise.", valueName: "ADDR:PORT"))
    var bind: String?

    @Argument(
        help: ArgumentHelp("The session: a name, an id or the beginning of an id.", valueName: "ID"), completion: NameCompletion.sessions)
    var id: String

    func validate() throws {
        if from == 0 { throw ValidationError("Events are numbered from 1.") }
    }

    func run() throws {
        let address = try bind.map { text throws(CoopError) in try LoopbackAddress(text) } ?? .standard
        let context = try Context()
        let session = try SessionStore(context: context).find(id)
        let (socket, port) = try address.listen()
        let token = SubscribeCommand.newToken()
        let server = WebSocketServer(listener: socket, admission: .loopback(port: port, token: token))
        let events = try EventServer(session, from: from, server: server, context: context)
        let announcement = JSONValue([
            "version": .number("1"), "session": .string(session.id), "url": .string("ws://\(address.authority(port: port))/"),
            "token": .string(token),
        ])
        try StandardOutput.write(Array(announcement.text().utf8) + [0x0A])
        try events.run()
    }

    /// Two hundred and fifty-six random bits.
    private static func newToken() -> String {
        (0..<32).map { _ in
            let byte = UInt8.random(in: 0...255)
            return (byte < 16 ? "0" : "") + String(byte, radix: 16)
        }.joined()
    }
}
