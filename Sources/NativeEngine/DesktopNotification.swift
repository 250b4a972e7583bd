import CoopErrors
import Glibc
import LinuxKernel

/// A message on the user's desktop (Desktop Notifications Specification 1.3), over the session bus.
package enum DesktopNotification {
    /// Shows a message and returns when the desktop has taken it.
    ///
    /// - Parameters:
    ///   - title: one line.
    ///   - body: what stands below it. What would be markup is shown as it is written.
    /// - Throws: `notReady` when there is no session bus, nobody who shows notifications, or no answer in time.
    package static func show(title: String, body: String, timeoutMilliseconds: Int = 10_000) throws(CoopError) {
        guard let path = busPath else { throw failure("there is no desktop session: DBUS_SESSION_BUS_ADDRESS is not set") }
        let request = notify(title: title, body: body, serial: 2)
        do {
            let socket = SystemdScope.Socket(path: path, isBus: true)
            var connection = try SystemdScope.Connection(
                socket, uid: geteuid(), deadline: SystemdScope.Deadline(milliseconds: timeoutMilliseconds))
            try connection.call(request, uid: geteuid())
        } catch let refusal as SystemdScope.Refusal {
            throw failure(refusal.text)
        } catch let error as DBusMessage.Malformed {
            throw failure("the answer is not understood: \(error.reason)")
        } catch {
            throw failure("\(error)")
        }
    }

    /// The call (section "Notify"): program, number of one to replace, icon, title, body, actions, hints, and how long it is shown.
    static func notify(title: String, body: String, serial: UInt32) -> DBusMessage {
        DBusMessage.call(
            "Notify", of: "org.freedesktop.Notifications", at: "/org/freedesktop/Notifications",
            destination: "org.freedesktop.Notifications", serial: serial
        ).with("susssasa{sv}i") { message in
            message.string("coop")
            message.uint32(0)
            message.string("")
            message.string(title)
            message.string(withoutMarkup(body))
            message.array(elementAlignment: 4) { _ in }
            message.array(elementAlignment: 8) { _ in }
            // As long as the desktop thinks right.
            message.uint32(UInt32(bitPattern: -1))
        }
    }

    /// Servers may read the body as markup (section "Markup").
    private static func withoutMarkup(_ text: String) -> String {
        var result = ""
        for character in text {
            switch character {
            case "&": result += "&#38;"
            case "<": result += "&#60;"
            case ">": result += "&#62;"
            default: result.append(character)
            }
        }
        return result
    }

    /// Where the session bus listens; nil where there is none.
    private static var busPath: String? {
        if let value = getenv("DBUS_SESSION_BUS_ADDRESS") { return path(in: String(osBytes: UnsafePointer(value))) }
        let usual = "/run/user/\(geteuid())/bus"
        return FileSystem.kind(usual) == .socket ? usual : nil
    }

    /// The path in an address (D-Bus Specification, "Server Addresses"): `unix:path=/run/user/1000/bus,guid=…`, several parted by `;`.
    static func path(in address: String) -> String? {
        for one in address.split(separator: ";") where one.hasPrefix("unix:") {
            for pair in one.dropFirst(5).split(separator: ",") where pair.hasPrefix("path=/") { return String(pair.dropFirst(5)) }
        }
        return nil
    }

    private static func failure(_ why: String) -> CoopError {
        CoopError(.notReady, "cannot notify the desktop", why.printable, next: "notify-send test")
    }
}

extension SystemdScope.Connection {
    /// Greets the bus, makes a call, and waits for its answer.
    fileprivate mutating func call(_ request: DBusMessage, uid: uid_t) throws {
        let bus = "org.freedesktop.DBus"
        let hello = DBusMessage.call("Hello", of: bus, at: "/org/freedesktop/DBus", destination: bus, serial: 1)
        let digits = String(uid).utf8.map { "3" + String($0 & 0x0F) }.joined()
        try send(Array("\0AUTH EXTERNAL \(digits)\r\nBEGIN\r\n".utf8) + hello.encoded + request.encoded)
        try readAuthentication()
        while true {
            let message = try readMessage()
            switch message.kind {
            case .methodReturn where message.replySerial == request.serial: return
            case .error where message.replySerial != nil:
                var body = message.bodyReader
                let text = message.signature.hasPrefix("s") ? try body.string() : ""
                throw SystemdScope.Refusal(text: text.isEmpty ? message.errorName ?? "an error without a name" : text)
            default: break
            }
        }
    }
}
