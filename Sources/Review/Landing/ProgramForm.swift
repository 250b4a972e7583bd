/// Programs, and parts of them, in a form that nobody reads, by their first bytes.
struct ProgramForm {
    /// How many bytes it takes to tell.
    static let length = 64

    let text: String

    init?(_ start: [UInt8]) {
        func begins(_ bytes: [UInt8]...) -> Bool { bytes.contains { start.starts(with: $0) } }
        if begins([0x7F, 0x45, 0x4C, 0x46]) {
            text = "program or library in binary form (ELF)"
        } else if begins([0xCF, 0xFA, 0xED, 0xFE], [0xCE, 0xFA, 0xED, 0xFE], [0xFE, 0xED, 0xFA, 0xCE], [0xFE, 0xED, 0xFA, 0xCF]) {
            text = "program or library in binary form (Mach-O)"
        } else if begins([0xCA, 0xFE, 0xBA, 0xBE], [0xCA, 0xFE, 0xD0, 0x0D]) {
            text = "program in binary form (Java class or Mach-O)"
        } else if begins([0x00, 0x61, 0x73, 0x6D]) {
            text = "program in binary form (WebAssembly)"
        } else if begins(Array("!<arch>\n".utf8), Array("!<thin>\n".utf8)) {
            text = "library or package in binary form (ar)"
        } else if begins([0x42, 0x43, 0xC0, 0xDE], [0xDE, 0xC0, 0x17, 0x0B]) {
            text = "program in binary form (LLVM)"
        } else if begins(Array("dex\n0".utf8)) {
            text = "program in binary form (Android)"
        } else if begins([0x1B, 0x4C, 0x75, 0x61], [0x1B, 0x4C, 0x4A]) {
            text = "program in binary form (Lua)"
        } else if begins([0x4D, 0x5A]), start.contains(0) {
            // The offset of the real header, in the last bytes that were read, is below 16 MiB; a text holds no NUL.
            text = "program in binary form (Windows)"
        } else {
            return nil
        }
    }
}
