import TestSupport
import Testing

@testable import Vault

@Suite struct JSONValueTests {
    @Test(arguments: [
        "null", "true", "[]", "{}", "-0", "1.5e+10", "9999999999999", #""\u00e4\ud83d\ude00\n\/""#, #"{"a":[1,{"b":null}],"a":2}"#,
        " \t\r\n[ 1 , 2 ] ",
    ]) func whatIsJSON(_ text: String) throws {
        let value = try JSONValue.parse(Array(text.utf8))
        #expect(try JSONValue.parse(Array(value.text().utf8)) == value)
        #expect(try JSONValue.parse(Array(value.text(indented: true).utf8)) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "truee", "[1,]", "{\"a\":1,}", "{a:1}", "'a'", "01", "1.", ".5", "-", "1e", "+1", "\"\u{1}\"", "\"\\x\"",
        "\"\\ud800\"",
        "\"\\udc00\"", "\"\\ud800\\u0041\"", "\"a", "[1 2]", "{\"a\" 1}", "// x\n1", "[1]x", "\u{FEFF}1", "NaN", "\"\\u12g4\"",
    ]) func whatIsNot(_ text: String) { #expect(throws: JSONParser.Failure.self) { try JSONValue.parse(Array(text.utf8)) } }

    @Test func depthAndEncodingAreLimited() {
        #expect(throws: JSONParser.Failure.self) { try JSONValue.parse([UInt8](repeating: UInt8(ascii: "["), count: 100_000)) }
        #expect(throws: JSONParser.Failure.self) { try JSONValue.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONParser.Failure.self) { try JSONValue.parse([0x22, 0xC0, 0x80, 0x22]) }
    }

    @Test func damageNeverCrashes() throws {
        var generator = SeededGenerator(2)
        let text = Array(#"{"claudeAiOauth":{"accessToken":"sk-é\ud83d\ude00","expiresAt":1.7e12,"scopes":["a",null,true]}}"#.utf8)
        for _ in 0..<5000 {
            var damaged = text
            for _ in 0..<Int.random(in: 1...3, using: &generator) {
                let place = Int.random(in: 0..<damaged.count, using: &generator)
                switch Int.random(in: 0...2, using: &generator) {
                case 0: damaged[place] = UInt8.random(in: 0...255, using: &generator)
                case 1: damaged.remove(at: place)
                default: damaged.insert(contentsOf: damaged[place...].prefix(5), at: place)
                }
            }
            if let value = try? JSONValue.parse(damaged) { #expect(try JSONValue.parse(Array(value.text().utf8)) == value) }
        }
    }

    @Test func membersAndPaths() throws {
        var value = try JSONValue.parse(Array(#"{"a":{"x":1},"b":2}"#.utf8))
        value.set(["a", "y"], .string("z"))
        value.set(["c", "d"], .boolean(true))
        value["b"] = nil
        #expect(value.text() == #"{"a":{"x":1,"y":"z"},"c":{"d":true}}"#)
        #expect(value.at(["a", "y"])?.string == "z")
        #expect(value.at(["a", "y", "z"]) == nil)
    }
}
