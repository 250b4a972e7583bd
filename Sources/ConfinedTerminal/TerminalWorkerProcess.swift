import FrameTransport
import Glibc
import TerminalModel
import WorkerConfinement

/// The life of the process that reads what programs inside write to their terminal: confine itself, then answer until its input ends.
public enum TerminalWorkerProcess {
    /// Runs on descriptors 0 and 1.
    ///
    /// - Parameter withoutLandlock: see `Confinement`.
    /// - Returns: the exit code: 0 when its input has ended, 125 otherwise.
    public static func run(withoutLandlock: Bool) -> Int32 {
        do {
            try confine(withoutLandlock: withoutLandlock) {}
            var screen = WorkerScreen()
            return try serve(&screen) ? 0 : 125
        } catch {
            return 125
        }
    }

    /// Confines itself, tries to break out, and prints what happened to each attempt, and whether what it needs still works.
    public static func probe() -> Int32 {
        do {
            var files: [ConfinementProbe.Attempt] = []
            try confine(withoutLandlock: false) { files = ConfinementProbe.runFiles() }
            ConfinementProbe.print([("landlock", files), ("need", needs()), ("attempt", ConfinementProbe.run(channel: 0))])
            return 0
        } catch {
            return 125
        }
    }

    /// - Parameter between: what runs when the file system is closed already and system calls are not yet.
    private static func confine(withoutLandlock: Bool, between: () -> Void) throws(Confinement.Failure) {
        // A screen of the largest size, drawn anew, takes a quarter of this memory.
        let confinement = Confinement(highest: 2, descriptors: 16, memory: 512 << 20, withoutLandlock: withoutLandlock)
        try confinement.restrictProcess()
        between()
        try confinement.restrictSystemCalls(to: TerminalSystemCalls.policy)
    }

    private static func needs() -> [ConfinementProbe.Attempt] {
        let model = TerminalModel(rows: 24, columns: 80)
        model.feed("\u{1B}[31mtext".utf8)
        let block = [UInt8](repeating: 1, count: 32 << 20)
        return [
            ConfinementProbe.Attempt("screen", errno: model.text.first == "text" ? 0 : 1),
            ConfinementProbe.Attempt("memory", errno: block.last == 1 ? 0 : 1),
        ]
    }

    /// - Returns: whether the input has ended at the end of a frame.
    private static func serve(_ screen: inout WorkerScreen) throws(WireError) -> Bool {
        var input = FrameBuffer(limit: ScreenRequest.limit)
        var piece = [UInt8](repeating: 0, count: 64 << 10)
        while true {
            let count = read(0, &piece, piece.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return count == 0 }
            input.append(piece[..<count])
            while let request = try input.next(ScreenRequest.self) {
                if let answer = try screen.take(request), !write(FrameBuffer.frame(answer)) { return false }
            }
        }
    }

    private static func write(_ bytes: [UInt8]) -> Bool {
        var done = 0
        while done < bytes.count {
            let count = bytes.withUnsafeBytes { Glibc.write(1, $0.baseAddress.map { $0 + done }, bytes.count - done) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            done += count
        }
        return true
    }
}
