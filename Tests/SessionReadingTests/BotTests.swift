import LinuxKernel
import TestSupport
import Testing

/// A program of thirty lines in another language drives a session through what every program has: `subscribe`, `send`, `logs`.
@Suite struct BotTests {
    /// Where sessions can be started in the background and typed into.
    private static let canSend =
        (try? ChildProcess.run([try BuiltPrograms.coop(), "send", "--help"]).output.contains("USAGE: coop send")) == true

    @Test("it answers what a program inside asks, and ends with its code", .enabled(if: canSend), arguments: TestIdentity.ordinary)
    func answers(_ identity: TestIdentity) throws {
        let place = try Sandboxed(identity)
        let bot = try place.install(FileSystem.normalize(#filePath + "/../bot.py"), as: "bot.py", mode: 0o644)
        let script = "echo 'Your name?'; read name; echo 'Your number?'; read number; echo \"Hello $name, $number\"; exit 7"
        let outcome = try place.outside(["/usr/bin/python3", bot, try BuiltPrograms.coop(), "/bin/sh", "-c", script])
        #expect(outcome.exitCode == 7 && outcome.output == "Hello Ada, 42\n" && outcome.errorBytes.isEmpty, "\(outcome)")
        #expect(try place.remains() == [])
    }
}
