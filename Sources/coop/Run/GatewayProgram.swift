import CoopErrors
import LinuxKernel

/// Where the gateway's program lies: beside the warden's.
enum GatewayProgram {
    static func locate() throws(CoopError) -> String {
        let path = FileSystem.join(FileSystem.parent(of: try WardenProgram.locate()), "coop-gateway")
        guard FileSystem.isExecutable(path) else {
            throw CoopError(.notReady, "cannot find the gateway", "there is no \(path.printable)", next: "make install")
        }
        return path
    }
}
