import Projects
import Testing

@Suite("Sizes, durations and mounts")
struct QuantitiesTests {
    @Test(
        "sizes are read in powers of 1024",
        arguments: [
            ("4G", 4 << 30), ("1.5GB", 1_610_612_736), ("512m", 512 << 20), ("1k", 1024), ("2TiB", 2 << 40), ("1024", 1024), ("7B", 7),
            ("0.5K", 512), ("1.999999999999G", 2_147_483_646),
        ] as [(String, UInt64)])
    func sizes(text: String, bytes: UInt64) throws {
        #expect(try Quantities.size(text).get() == bytes)
    }

    @Test(
        "wrong sizes are refused",
        arguments: [
            "", "G", "4 G", "-1G", "4GG", "1.", ".5G", "1.5", "0", "0.0G", "99999999999999999999", "9999999T", "1e3", "0x10", "4G ", "٤G",
        ])
    func wrongSizes(text: String) {
        #expect(throws: ValueProblem.self) { try Quantities.size(text).get() }
    }

    @Test(
        "durations are read with their units",
        arguments: [("30m", 1800), ("90s", 90), ("1h30m", 5400), ("2d", 172_800), ("1d1h1m1s", 90061)])
    func durations(text: String, seconds: Int) throws {
        #expect(try Quantities.duration(text).get() == .seconds(seconds))
    }

    @Test(
        "wrong durations are refused",
        arguments: ["", "30", "m", "30m1h", "1h1h", "0s", "-5m", "1.5h", "5 m", "99999999999999999999s", "9999999d"])
    func wrongDurations(text: String) {
        #expect(throws: ValueProblem.self) { try Quantities.duration(text).get() }
    }

    @Test("what is written back reads as the same", arguments: [1, 1023, 1024, 1_610_612_736, 4 << 30, 5 << 40] as [UInt64])
    func sizeRoundTrip(bytes: UInt64) throws {
        #expect(try Quantities.size(Quantities.text(size: bytes)).get() == bytes)
    }

    @Test(
        "mounts are read",
        arguments: [
            ("~/data:/data:ro", MountSetting(host: "~/data", guest: "/data", isReadOnly: true)), ("/a", MountSetting(host: "/a")),
            ("/a:ro", MountSetting(host: "/a", isReadOnly: true)), ("a/b:/c:rw", MountSetting(host: "a/b", guest: "/c")),
        ])
    func mounts(text: String, mount: MountSetting) throws {
        #expect(try MountSetting.parse(text).get() == mount)
    }

    @Test(
        "wrong mounts are refused",
        arguments: ["", ":/a", "/a:b", "/a:/b:/c", "/a:/b:rx", "/a:/../b", "/a:/", "~bob/x", "/a\n:/b", "/a:/b\u{0}"])
    func wrongMounts(text: String) {
        #expect(throws: ValueProblem.self) { try MountSetting.parse(text).get() }
    }
}
