import Glibc
import TOML
import TestSupport
import Testing

/// Python's `tomllib` (3.11 and later) reads the same documents.
@Suite("Python's tomllib agrees")
struct TOMLOracleTests {
    /// Reads one document, as hexadecimal digits, a line; writes one line for each: `error`, `differs` where Python is known to
    /// read TOML otherwise than the specification, or the value as `canonical` writes it.
    static let script = #"""
        import sys, struct, re, datetime
        try:
            import tomllib
        except ImportError:
            sys.exit(77)
        def canonical(v):
            if isinstance(v, bool): return "true" if v else "false"
            if isinstance(v, str): return "s" + v.encode().hex()
            if isinstance(v, int):
                if not -2**63 <= v < 2**63: raise ValueError("range")
                return "i%d" % v
            if isinstance(v, float):
                return "fnan" if v != v else "f%x" % struct.unpack(">Q", struct.pack(">d", v))[0]
            if isinstance(v, (datetime.datetime, datetime.date, datetime.time)): return "d" + v.isoformat()
            if isinstance(v, list): return "[" + ",".join(canonical(e) for e in v) + "]"
            pairs = sorted((k.encode().hex(), canonical(e)) for k, e in v.items())
            return "{" + ",".join(k + ":" + e for k, e in pairs) + "}"
        # Leap seconds, the year 0 and a lower-case z are valid RFC 3339; Python's datetime knows none of them. Its int() refuses
        # more than 4300 digits, and its recursion limit is not part of TOML.
        odd = re.compile(rb":60|0000-|[0-9]z")
        with open(sys.argv[1]) as source, open(sys.argv[2], "w") as target:
            for line in source:
                data = bytes.fromhex(line.strip())
                try:
                    text = canonical(tomllib.loads(data.decode()))
                except (tomllib.TOMLDecodeError, ValueError, RecursionError):
                    text = "differs" if odd.search(data) else "error"
                target.write(text + "\n")
        """#

    @Test("on generated and mutated documents")
    func oracle() throws {
        var generator = SeededGenerator(42)
        var documents: [[UInt8]] = TOMLParserTests.values.map { Array($0.0.utf8) } + TOMLParserTests.wrong.map { Array($0.0.utf8) }
        for _ in 0..<fuzzIterations(20_000) {
            let text = DocumentGenerator.document(&generator)
            documents.append(Bool.random(using: &generator) ? Array(text.utf8) : DocumentGenerator.mutated(text, &generator))
        }
        let directory = try #require(temporaryDirectory())
        defer {
            for name in ["in", "out"] { unlink(directory + "/" + name) }
            rmdir(directory)
        }
        let source = try #require(fopen(directory + "/in", "we"))
        for document in documents { fputs(hex(document) + "\n", source) }
        fclose(source)
        let status = run(["python3", "-c", Self.script, directory + "/in", directory + "/out"])
        if status == 77 || status == 127 {
            print("skipped: python3 with tomllib (3.11 or later) is not installed")
            return
        }
        #expect(status == 0)
        let answers = try lines(directory + "/out")
        try #require(answers.count == documents.count)
        var valid = 0
        for (document, answer) in zip(documents, answers) where answer != "differs" {
            var ours = "error"
            if let parsed = try? TOMLDocument(parsing: document, name: "t.toml") {
                ours = canonical(.table(parsed.root))
                valid += 1
            }
            #expect(ours == answer, "\(String(decoding: document, as: UTF8.self).debugDescription)")
        }
        // The comparison means nothing when nearly everything is invalid.
        #expect(valid > documents.count / 10)
    }

    private func temporaryDirectory() -> String? {
        var template = Array("/tmp/coop-toml-XXXXXX".utf8CString)
        return mkdtemp(&template) == nil ? nil : String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    private func run(_ arguments: [String]) -> Int32 {
        var pointers: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) } + [nil]
        defer { for pointer in pointers { free(pointer) } }
        var child: pid_t = 0
        guard posix_spawnp(&child, arguments[0], nil, nil, &pointers, environ) == 0 else { return 127 }
        var status: Int32 = 0
        while waitpid(child, &status, 0) < 0, errno == EINTR {}
        return status & 0x7F == 0 ? (status >> 8) & 0xFF : 128
    }

    private func lines(_ path: String) throws -> [String] {
        let file = try #require(fopen(path, "re"))
        defer { fclose(file) }
        var result: [String] = []
        var line: UnsafeMutablePointer<CChar>?
        var capacity = 0
        defer { free(line) }
        while getline(&line, &capacity, file) > 0, let line { result.append(String(String(cString: line).dropLast())) }
        return result
    }
}
