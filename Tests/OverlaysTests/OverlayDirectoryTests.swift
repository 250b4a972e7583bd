import Overlays
import Testing

@Suite struct OverlayDirectoryTests {
    @Test func partsLieBesideEachOther() {
        let directory = OverlayDirectory(path: "/home/user/.coop/projects/p/sessions/s/overlay")
        #expect(directory.upper == directory.path + "/upper")
        #expect(Set([directory.upper, directory.work, directory.base]).count == 3)
    }
}
