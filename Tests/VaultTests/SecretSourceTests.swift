import CoopErrors
import LinuxKernel
import Substitution
import TestSupport
import Testing

@testable import Vault

@Suite struct SecretSourceTests {
    static func resolver(_ place: Scratch, environment: [String: String] = [:], timeout: Int = 120) -> SecretResolver {
        SecretResolver(
            store: SecretStoreTests.store(place), userHome: place.path, environment: { environment[$0] }, timeout: timeout)
    }

    static func value(_ text: String, _ place: Scratch, environment: [String: String] = [:], timeout: Int = 120) throws -> String? {
        SecretStoreTests.text(try resolver(place, environment: environment, timeout: timeout).value(try SecretSource(text)))
    }

    @Test(arguments: [
        "env:A_B", "file:/a/b", "file:~/x.json#/a/b", "cmd:pass show 'my token'", "secret-service:service=x 'user=a b'",
    ]) func whatIsReadIsWrittenTheSame(_ text: String) throws { #expect(try SecretSource(text).text == text) }

    @Test(arguments: [
        "", "x", "env:", "env:1A", "env:A-B", "env:A B", "file:", "file:relative", "cmd:", "cmd:   ", "cmd:a 'b", "secret-service:x",
        "secret-service:--x=y", "http:x", "cmd:a\nb", "env:A\u{1B}",
    ]) func whatIsNoSource(_ text: String) { #expect(throws: CoopError.self) { try SecretSource(text) } }

    @Test func wordsWithoutAShell() {
        #expect(CommandWords.split("a  'b c' \"d'e\" f\\ g '' x\"y\"z") == ["a", "b c", "d'e", "f g", "", "xyz"])
        #expect(CommandWords.split("$HOME `id` ; | > &") == ["$HOME", "`id`", ";", "|", ">", "&"])
        #expect(CommandWords.split("\"a\\\"b\\n\"") == ["a\"b\\n"])
        #expect(CommandWords.split("'a") == nil)
        #expect(CommandWords.split("a\\") == nil)
        var generator = SeededGenerator(1)
        for _ in 0..<500 {
            let words = (0..<Int.random(in: 1...4, using: &generator)).map { _ in
                String((0..<Int.random(in: 0...6, using: &generator)).map { _ in "ab'\" \\$".randomElement(using: &generator) ?? "a" })
            }
            #expect(CommandWords.split(CommandWords.join(words)) == words)
        }
    }

    @Test func environmentAndFiles() throws {
        let place = try Scratch()
        #expect(try Self.value("env:T", place, environment: ["T": "v"]) == "v")
        #expect(throws: CoopError.self) { try Self.value("env:T", place) }
        #expect(throws: CoopError.self) { try Self.value("env:T", place, environment: ["T": ""]) }
        try place.write("token", "abc\r\n\n")
        #expect(try Self.value("file:~/token", place) == "abc")
        try place.write("x.json", #"{"a":{"b/c":["x","tok"]},"top":"t"}"#)
        #expect(try Self.value("file:~/x.json#/a/b~1c/1", place) == "tok")
        #expect(try Self.value("file:\(place.path("x.json"))#top", place) == "t")
        for bad in ["#/a/b~1c/2", "#/a", "#none", "#/a/b~1c/x"] {
            #expect(throws: CoopError.self) { try Self.value("file:~/x.json\(bad)", place) }
        }
        #expect(throws: CoopError.self) { try Self.value("file:~/token#/a", place) }
        #expect(throws: CoopError.self) { try Self.value("file:~/none", place) }
    }

    @Test func programsAreRunWithoutAShell() throws {
        let place = try Scratch()
        #expect(try Self.value("cmd:/bin/echo '$HOME' ; id", place) == "$HOME ; id")
        #expect(try Self.value("cmd:sh -c 'printf x; printf \"y\\n\\n\"'", place) == "xy")
        #expect(try Self.value("cmd:sh -c 'test -t 0 || cat; echo read'", place) == "read")
    }

    @Test(arguments: [
        ("cmd:false", "exit code 1"), ("cmd:true", "printed nothing"), ("cmd:/nonexistent/program", "cannot run"),
        ("cmd:sh -c 'kill -9 $$'", "signal 9"), ("cmd:head -c 100000 /dev/zero", "more than 64 KiB"),
        ("cmd:sh -c 'echo x; sleep 100'", "did not end within 1 seconds"),
        ("cmd:sh -c 'sleep 100 & echo x; exec 1>&-; wait'", "did not end within 1 seconds"),
    ]) func programsThatFail(_ text: String, _ why: String) throws {
        let place = try Scratch()
        // On a busy machine a program may need a while to begin: only those that never end are given up soon.
        let error = #expect(throws: CoopError.self) { try Self.value(text, place, timeout: text.contains("sleep") ? 1 : 60) }
        #expect(error?.message.contains(why) == true, "\(error?.message ?? "")")
        #expect(error?.next != nil)
    }

    @Test func aMissingKeyringSaysWhatIsMissing() throws {
        let place = try Scratch()
        let error = #expect(throws: CoopError.self) { try Self.value("secret-service:service=x", place, environment: ["PATH": place.path]) }
        #expect(error?.message.contains("secret-tool is not installed") == true)
        try place.write("secret-tool", "#!/bin/sh\n[ \"$*\" = 'lookup service x user a b' ] && echo from-keyring\n", mode: 0o700)
        let environment = ["PATH": place.path, "DBUS_SESSION_BUS_ADDRESS": "unix:path=/nonexistent"]
        // Another test's child that is not quite started may still hold the script open for writing.
        #expect(
            try Deadline.poll(seconds: 60) {
                do {
                    return try Self.value("secret-service:service=x 'user=a b'", place, environment: environment) == "from-keyring"
                } catch let error as CoopError {
                    if error.message.contains("Text file busy") { return false }
                    throw error
                }
            })
        #expect(throws: CoopError.self) { try Self.value("secret-service:service=y", place, environment: environment) }
    }

    @Test func aStoredSecretIsReadAnew() throws {
        let place = try Scratch()
        let store = SecretStoreTests.store(place)
        let resolver = Self.resolver(place)
        #expect(throws: CoopError.self) { try resolver.value(.stored("T")) }
        try store.set(try SecretName("T"), SecretBytes(copying: "one".utf8), scope: .global)
        #expect(SecretStoreTests.text(try resolver.value(.stored("T"))) == "one")
        try store.set(try SecretName("T"), SecretBytes(copying: "two".utf8), scope: .global)
        #expect(SecretStoreTests.text(try resolver.value(.stored("T"))) == "two")
    }
}
