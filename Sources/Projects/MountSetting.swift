import LinuxKernel

/// A path of the host to mount: `HOST[:GUEST][:ro|rw]`.
public struct MountSetting: Sendable, Equatable {
    /// As it was written: absolute, relative to the project's root, or with `~`.
    public var host: String
    /// The path inside, absolute; nil for the same as outside.
    public var guest: String?
    public var isReadOnly: Bool

    public init(host: String, guest: String? = nil, isReadOnly: Bool = false) {
        self.host = host
        self.guest = guest
        self.isReadOnly = isReadOnly
    }

    /// Reads the written form; the reason when it is wrong.
    public static func parse(_ text: String) -> Result<MountSetting, ValueProblem> {
        var parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        var isReadOnly = false
        if parts.count > 1, let last = parts.last, last == "ro" || last == "rw" {
            isReadOnly = last == "ro"
            parts.removeLast()
        }
        guard parts.count <= 2, let host = parts.first else {
            return .failure("`\(text.printable)` is not HOST[:GUEST][:ro|rw]")
        }
        if let problem = TextRule.pathProblem(host) { return .failure(ValueProblem(problem)) }
        if host.hasPrefix("~"), host != "~", !host.hasPrefix("~/") {
            return .failure("`\(host.printable)`: only ~ and ~/… are understood, not other users' homes")
        }
        guard parts.count == 2 else { return .success(MountSetting(host: host, isReadOnly: isReadOnly)) }
        let guest = parts[1]
        if let problem = TextRule.pathProblem(guest) { return .failure(ValueProblem(problem)) }
        guard guest.utf8.first == UInt8(ascii: "/") else {
            return .failure("the path inside must be absolute, and `\(guest.printable)` is not")
        }
        if FileSystem.components(of: guest).contains("..") { return .failure("the path inside may not hold `..`") }
        if guest.allSatisfy({ $0 == "/" }) { return .failure("the path inside may not be the root") }
        return .success(MountSetting(host: host, guest: guest, isReadOnly: isReadOnly))
    }
}
