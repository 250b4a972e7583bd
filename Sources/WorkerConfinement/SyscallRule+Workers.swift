import Seccomp

extension SyscallRule {
    /// No memory becomes code (PROT_EXEC).
    public static let withoutExecution = SyscallRule(
        "memory that is not executed", [.init([ArgumentTest(2, .equal, 0, mask: 4)], .allow)], otherwise: .errno(1))
}
