import LinuxKernel
import Review

extension Context {
    /// Where landings in the user's trees are kept.
    var landings: LandingStore {
        LandingStore(directory: FileSystem.join(FileSystem.join(home.path, "state"), "landing"))
    }
}
