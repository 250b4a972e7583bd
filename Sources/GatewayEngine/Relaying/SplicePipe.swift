import CLinux
import Glibc
import LinuxKernel

/// A pipe through which pages of one socket move to another without being copied (splice(2)).
final class SplicePipe {
    let reader: Descriptor
    let writer: Descriptor
    /// Bytes it can hold.
    let size: Int
    /// Bytes in it.
    var filled = 0

    /// The size that is asked for; the kernel gives less to a user who has many pipes (pipe(7), pipe-user-pages-soft).
    static let preferredSize: Int32 = 1 << 20

    init() throws(SystemError) {
        var ends: [Int32] = [-1, -1]
        let granted = try check("pipe2") { coop_splice_pipe(&ends, SplicePipe.preferredSize) }
        reader = Descriptor(owning: ends[0])
        writer = Descriptor(owning: ends[1])
        size = Int(granted)
    }
}

/// Empty pipes that wait for the next transfer. A direction has one only while bytes are in it.
struct PipePool {
    private var free: [SplicePipe] = []
    private static let kept = 16

    mutating func take() throws(SystemError) -> SplicePipe {
        if let pipe = free.popLast() { return pipe }
        return try SplicePipe()
    }

    mutating func giveBack(_ pipe: SplicePipe) {
        // A pipe with bytes in it would leak them into the next connection.
        if pipe.filled == 0, free.count < PipePool.kept { free.append(pipe) }
    }
}
