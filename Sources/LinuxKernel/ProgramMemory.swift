import CLinux

/// The memory of this process.
public enum ProgramMemory {
    /// Gives back what only the start needed: most of the program's code, and freed memory that the allocator keeps. A supervisor waits for
    /// hours in one small loop.
    public static func giveBack() {
        _ = coop_unmap_program_text()
        _ = coop_return_heap()
    }
}
