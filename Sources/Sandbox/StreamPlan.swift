import CLinux
import CoopErrors
import Glibc
import LinuxKernel
import WardenProtocol

/// How a client's own standard streams reach the command.
///
/// Pipes and regular files are handed over as they are; sockets are relayed through pipes; directories and devices are
/// refused, since a directory leads out of the sandbox (`/proc/self/fd/0/..`). With a terminal on both standard input
/// and output the command gets one of its own. A terminal on output only is replaced by one inside. A terminal on
/// input only, as in `coop run -- python3 | tee log`, is handed over for reading: relaying it would take the keys from
/// the other end of the pipeline, and the filter of system calls forbids typing into it.
public struct StreamPlan {
    public enum Source: Equatable {
        /// The client's own descriptor goes inside.
        case passed
        /// A pipe goes inside, and the client copies.
        case relayed
        /// A terminal inside.
        case terminal
        /// The user's terminal, opened for reading only.
        case readableTerminal
        case null
    }

    public var sources: [Source]
    /// Whether keys are passed on from the start: input and output are the terminal.
    public var isInteractive: Bool

    /// - Parameters:
    ///   - descriptors: standard input, output and error.
    ///   - terminal: what the user asked for with `-t` or `--no-tty`; nil decides by the streams.
    public init(descriptors: [Int32] = [0, 1, 2], terminal: Bool? = nil) throws(CoopError) {
        let names = ["standard input", "standard output", "standard error"]
        var result: [Source] = []
        let isTerminal = descriptors.map { isatty($0) == 1 }
        let interactive = isTerminal[0] && isTerminal[1]
        for (index, number) in descriptors.enumerated() {
            if isTerminal[index] {
                if terminal == false {
                    result.append(index == 0 ? .readableTerminal : .relayed)
                } else if index == 0 {
                    result.append(interactive || terminal == true ? .terminal : .readableTerminal)
                } else {
                    result.append(.terminal)
                }
                continue
            }
            var found = stat()
            guard fstat(number, &found) == 0 else {
                // Closed by the caller: the command sees an empty stream rather than a stray descriptor.
                result.append(.null)
                continue
            }
            switch FileKind(mode: found.st_mode) {
            case .file, .fifo: result.append(terminal == true && index < 2 ? .relayed : .passed)
            case .socket: result.append(.relayed)
            case .characterDevice where StreamPlan.isNull(found): result.append(.null)
            case .characterDevice:
                throw CoopError(
                    .refused, "cannot pass \(names[index]) to the sandbox", "it is a device",
                    next: index == 0 ? "use a pipe: cat DEVICE | coop run …" : "use a pipe: coop run … | cat > DEVICE")
            case .directory:
                throw CoopError(
                    .refused, "cannot pass \(names[index]) to the sandbox", "it is a directory, and would lead out of the sandbox",
                    next: "coop run -m DIRECTORY -- …, to show a directory inside")
            default:
                throw CoopError(
                    .refused, "cannot pass \(names[index]) to the sandbox", "it is neither a pipe, a file, a socket nor a terminal",
                    next: "redirect it to a file or a pipe")
            }
        }
        if terminal == true { result = [.terminal, .terminal, result[2] == .passed ? .passed : .terminal] }
        sources = result
        isInteractive = terminal ?? interactive
    }

    public var usesTerminal: Bool { sources.contains(.terminal) }

    /// What the warden is asked for.
    public var streams: [StandardStream] {
        sources.map { source in
            switch source {
            case .passed, .relayed, .readableTerminal: .passed
            case .terminal: .terminal
            case .null: .null
            }
        }
    }

    /// Character device 1:3 (null(4)).
    private static func isNull(_ found: stat) -> Bool {
        let device = UInt64(found.st_rdev)
        return (device >> 8) & 0xFFF == 1 && device & 0xFF == 3
    }
}
