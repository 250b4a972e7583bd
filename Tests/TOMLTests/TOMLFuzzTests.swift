import TOML
import TestSupport
import Testing

@Suite("No bytes can crash the TOML parser")
struct TOMLFuzzTests {
    @Test("neither random ones")
    func random() {
        var generator = SeededGenerator(1)
        for _ in 0..<fuzzIterations(20_000) {
            let bytes = (0..<Int.random(in: 0...200, using: &generator)).map { _ in UInt8.random(in: 0...255, using: &generator) }
            #expect(isSound(bytes))
        }
    }

    @Test("nor ones from TOML's own alphabet")
    func alphabet() {
        var generator = SeededGenerator(2)
        let alphabet = Array("[]{}=.,#\"'\\\n\r\t -+_:eExob0179TZuU".utf8)
        for _ in 0..<fuzzIterations(20_000) {
            #expect(isSound((0..<Int.random(in: 0...60, using: &generator)).map { _ in alphabet.randomElement(using: &generator) ?? 0 }))
        }
    }

    @Test("nor mutations and cut ends of valid documents")
    func mutations() {
        var generator = SeededGenerator(3)
        for _ in 0..<fuzzIterations(10_000) {
            let text = DocumentGenerator.document(&generator)
            var bytes = DocumentGenerator.mutated(text, &generator)
            #expect(isSound(bytes))
            bytes.removeLast(Int.random(in: 0...bytes.count, using: &generator))
            #expect(isSound(bytes))
            // The editor meets the same bytes.
            guard let document = try? TOMLDocument(parsing: bytes, name: "f") else { continue }
            let path = DocumentGenerator.existingPath(document.root, &generator)
            _ = try? document.setting(path + ["x"], to: .integer(1))
            _ = try? document.removing(path)
        }
    }

    /// Every place that is reported lies inside the document.
    /// Whether every position that is told, of an entry or of a mistake, lies in the text.
    private func isSound(_ bytes: [UInt8]) -> Bool {
        do {
            return isSound(try TOMLDocument(parsing: bytes, name: "f").root, bytes.count)
        } catch {
            return error.position.line >= 1 && error.position.column >= 1 && error.position.range.upperBound <= bytes.count
        }
    }

    private func isSound(_ table: TOMLTable, _ count: Int) -> Bool {
        table.entries.allSatisfy { entry in
            guard entry.keyPosition.range.upperBound <= count, entry.node.position.range.upperBound <= count else { return false }
            if case .table(let inner) = entry.node.value { return isSound(inner, count) }
            return true
        }
    }
}
