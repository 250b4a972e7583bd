import Glibc
import LinuxKernel
import Synchronization

/// The debug build of coop and what the tests compile themselves, in a directory that every user may read and execute
/// from: the build directory often lies in a home that only its owner may enter.
public enum BuiltPrograms {
    /// The directory of the copies.
    public static func directory() throws -> String { try copies.get() }

    /// The copy of `coop`, with `coop-warden` beside it.
    public static func coop() throws -> String { FileSystem.join(try directory(), "coop") }

    public static func warden() throws -> String { FileSystem.join(try directory(), "coop-warden") }

    /// The program that stands outside of a sandbox whose traffic is captured.
    public static func gatewayAcceptor() throws -> String { FileSystem.join(try directory(), "GatewayAcceptor") }

    /// The program that changes a tree as a landing does.
    public static func treeChanger() throws -> String { FileSystem.join(try directory(), "TreeChanger") }

    private static let copies: Result<String, any Error> = Result { try copy() }

    private static func copy() throws -> String {
        let source = try buildDirectory()
        let programs = ["coop", "coop-warden", "coop-gateway", "GatewayAcceptor", "TreeChanger"].map { FileSystem.join(source, $0) }
        var hash = StableHash()
        hash.combine(source.osBytes)
        for program in programs {
            guard let found = try FileSystem.status(program) else { throw TestSupportError("no \(program): swift build") }
            hash.combine("\(found.st_mtim.tv_sec).\(found.st_mtim.tv_nsec).\(found.st_size)".utf8)
        }
        // One directory a build and user; later test processes of the same build reuse it, older ones are removed.
        let name = "coop-test-bin.\(getuid())."
        let target = "/tmp/" + name + hash.text
        if FileSystem.kind(target) == .directory, try FileSystem.status(target)?.st_uid == getuid() { return target }
        for entry in try FileSystem.list("/tmp") where entry.hasPrefix(name) {
            let path = "/tmp/" + entry
            guard path != target, let found = try FileSystem.status(path, followLinks: false), found.st_uid == getuid() else { continue }
            // An hour: another test process may still use it.
            if time(nil) - found.st_mtim.tv_sec > 3600 { try? FileSystem.removeTree(path) }
        }
        let temporary = target + ".\(getpid())"
        try FileSystem.makeDirectories(temporary, mode: 0o755)
        try check("chmod", temporary) { chmod(temporary, 0o755) }
        for program in programs {
            let place = FileSystem.join(temporary, FileSystem.lastComponent(of: program))
            try ProgramFile.replace(place, with: try FileSystem.read(program, limit: 1 << 30), mode: 0o755)
        }
        if rename(temporary, target) != 0 {
            // Another test process was faster; its copy is as good.
            guard errno == EEXIST || errno == ENOTEMPTY else { throw SystemError("rename", target) }
            try FileSystem.removeTree(temporary)
        }
        return target
    }

    /// Where the test bundle lies: SwiftPM puts every product of a configuration into one directory.
    private static func buildDirectory() throws -> String {
        var candidates: [String] = []
        for program in [FileSystem.readLink("/proc/self/exe"), CommandLine.arguments.first.flatMap { FileSystem.realPath($0) }] {
            var directory = program.map { FileSystem.parent(of: $0) }
            while let current = directory, current != "/", current != "." {
                candidates.append(current)
                directory = FileSystem.parent(of: current)
            }
        }
        let package = FileSystem.normalize(#filePath + "/../../..")
        candidates.append(FileSystem.join(package, ".build/debug"))
        for candidate in candidates
        where FileSystem.isExecutable(FileSystem.join(candidate, "coop"))
            && FileSystem.isExecutable(FileSystem.join(candidate, "coop-warden"))
        {
            return candidate
        }
        throw TestSupportError("the built coop is in none of \(candidates): swift build")
    }

    private static let compiling = Mutex<Void>(())

    /// Compiles a C program, statically, so that it runs in any root file system. The result is kept by its source.
    ///
    /// - Parameters:
    ///   - source: the program's text.
    ///   - options: further options of gcc(1).
    /// - Returns: the path of the program, which every user may execute.
    public static func compileC(_ source: String, options: [String] = []) throws -> String {
        var hash = StableHash()
        hash.combine(source.utf8)
        hash.combine(options.joined(separator: "\0").utf8)
        let program = FileSystem.join(try directory(), "c-" + hash.text)
        return try compiling.withLock { _ in
            if FileSystem.isExecutable(program) { return program }
            let text = program + ".\(getpid()).c"
            try FileSystem.replace(text, with: source.utf8, mode: 0o644)
            defer { try? FileSystem.removeFile(text) }
            let made = program + ".\(getpid())"
            let outcome = try ChildProcess.run(
                ["/usr/bin/gcc", "-std=gnu11", "-O1", "-w", "-static", "-pthread", "-o", made, text] + options)
            guard outcome.exitCode == 0 else { throw TestSupportError("gcc: \(outcome.error)") }
            try FileSystem.rename(made, to: program)
            return program
        }
    }
}

/// FNV-1a, 64 bits: names that are the same in every process, unlike `Hasher`.
struct StableHash {
    private var value: UInt64 = 0xCBF2_9CE4_8422_2325

    mutating func combine(_ bytes: some Sequence<UInt8>) {
        for byte in bytes { value = (value ^ UInt64(byte)) &* 0x100_0000_01B3 }
    }

    var text: String { String(value, radix: 16) }
}
