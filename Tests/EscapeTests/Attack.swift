import Glibc
import LinuxKernel
import TestSupport
import Testing

/// How an attack went.
enum AttackResult: Equatable {
    case worked(String)
    case refused(String)
    /// It proves nothing: it could not even be tried.
    case broken(String)

    init(_ outcome: ChildProcess.Outcome) {
        let text = "\(outcome)"
        switch outcome.exitCode {
        case 0 where outcome.output.hasPrefix("WORKED"): self = .worked(text)
        case 10: self = .refused(text)
        // SIGSYS and SIGKILL: how the filter answers calls of a foreign architecture, and the kernel a lack of memory.
        case 128 + SIGSYS, 128 + SIGKILL, 128 + SIGSEGV: self = outcome.timedOut ? .broken(text) : .refused(text)
        default: self = .broken(text)
        }
    }

    var hasWorked: Bool { if case .worked = self { true } else { false } }
    var isRefused: Bool { if case .refused = self { true } else { false } }
}

/// Everything that keeps a command from the kernel's privileged calls; the layers overlap, so they are left out together.
let allPrivilegeLayers = "seccomp;landlock;drop-privileges;kernel-setting=/proc/sys/user"

/// How a test shows that its attack would do harm if the protection were not there.
enum Control {
    /// It works when these parts of the launch plan are left out (`COOP_TEST_OMIT`).
    case without(String)
    /// The same for these identities; the host refuses the others by itself.
    case withoutFor([TestIdentity], String)
    /// It works outside of a sandbox.
    case outside
    /// Nothing can be left out: the protection is how coop is built, or the host refuses it as well.
    case none
}

extension Sandboxed {
    /// The program with all attacks, in the project.
    static func attacks() throws -> String {
        let source = FileSystem.parent(of: #filePath) + "/Attacks/attacks.c"
        return try BuiltPrograms.compileC(String(osBytes: FileSystem.read(source)))
    }

    /// Puts the program with all attacks where the sandbox can execute it.
    @discardableResult
    func armed() throws -> String {
        let program = self("attack")
        if FileSystem.kind(program) == nil { try install(Sandboxed.attacks(), as: "attack") }
        return program
    }

    /// Runs one attack in a sandbox.
    func attack(
        _ words: [String], options: [String] = [], omitting: String? = nil, input: ChildProcess.Input = .null
    ) throws -> AttackResult {
        AttackResult(
            try run([try armed()] + words, options: options, environment: omitting.map { ["COOP_TEST_OMIT": $0] } ?? [:], input: input))
    }

    /// Expects an attack to be refused, and to work when its protection is taken away.
    func expectRefused(
        _ words: [String], options: [String] = [], input: ChildProcess.Input = .null, control: Control,
        at location: SourceLocation = #_sourceLocation
    ) throws {
        let result = try attack(words, options: options, input: input)
        #expect(result.isRefused, "\(identity): \(words.joined(separator: " ")): \(result)", sourceLocation: location)
        let omission: String?
        switch control {
        case .without(let text): omission = text
        case .withoutFor(let identities, let text): omission = identities.contains(identity) ? text : nil
        case .outside, .none: omission = nil
        }
        if let omission {
            let result = try attack(words, options: options, omitting: omission, input: input)
            #expect(
                result.hasWorked, "\(identity), without \(omission): \(words.joined(separator: " ")) proves nothing: \(result)",
                sourceLocation: location)
        }
        if case .outside = control {
            let result = AttackResult(try outside([try armed()] + words, input: input))
            #expect(
                result.hasWorked, "\(identity), outside: \(words.joined(separator: " ")) proves nothing: \(result)",
                sourceLocation: location)
        }
    }
}

/// Expects an attack that needs no preparation to be refused.
func expectRefused(
    _ identity: TestIdentity, _ words: String..., control: Control, at location: SourceLocation = #_sourceLocation
) throws {
    try Sandboxed(identity).expectRefused(words, control: control, at: location)
}
