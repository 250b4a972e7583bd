import Glibc
import LinuxKernel
import Testing

@testable import NativeEngine

/// Difficult hosts that are not at hand: a fabricated tree for what is read, a plain value for what the kernel says.
@Suite final class DiagnosisTests {
    private let root: String

    init() throws {
        var template = Array("/tmp/coop-host-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw SystemError("mkdtemp") }
        root = String(decoding: template.dropLast().map(UInt8.init(bitPattern:)), as: UTF8.self)
    }

    deinit { try? FileSystem.removeTree(root) }

    private func write(_ path: String, _ text: String) throws {
        let path = root + "/" + path
        try FileSystem.makeDirectories(FileSystem.parent(of: path), mode: 0o755)
        try FileSystem.replace(path, with: text.utf8)
    }

    private func recognise(_ facts: HostFacts = .simulated(subordinate: true), refusal: Int32? = nil) -> [Diagnosis] {
        Diagnosis.recognise(facts: facts, conditions: HostConditions.read(root: root), refusal: refusal)
    }

    private func expectOne(
        _ found: [Diagnosis], _ severity: Diagnosis.Severity, why: String, fix: String, location: SourceLocation = #_sourceLocation
    ) {
        #expect(found.count == 1, sourceLocation: location)
        #expect(found.first?.severity == severity, sourceLocation: location)
        #expect(found.first?.why.contains(why) == true, "\(found)", sourceLocation: location)
        #expect(found.first?.fix.contains(fix) == true, "\(found)", sourceLocation: location)
    }

    @Test("an ordinary host has nothing to complain about")
    func ordinary() throws {
        try write("proc/sys/user/max_user_namespaces", "63000\n")
        try write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "0\n")
        try write("proc/self/attr/current", "unconfined\n")
        try write("sys/module/apparmor/parameters/enabled", "Y\n")
        #expect(recognise() == [])
        #expect(HostConditions.read(root: root).appArmorProfile == nil)
    }

    @Test("an empty tree is no condition at all")
    func empty() { #expect(HostConditions.read(root: root) == HostConditions()) }

    @Test("Ubuntu 23.10 and later without a profile: doctor --fix installs it")
    func ubuntu() throws {
        try write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
        expectOne(recognise(), .blocking, why: "only programs with a profile", fix: "sudo coop doctor --fix")
        // Root is not restricted.
        #expect(recognise(.simulated(user: 0, subordinate: true)) == [])
    }

    @Test("Ubuntu with the profile in place is fine, and a profile that is not loaded is recognised by the refusal")
    func ubuntuWithProfile() throws {
        try write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1\n")
        try write("etc/apparmor.d/coop", AppArmorProfile.text(program: "/usr/bin/coop"))
        #expect(recognise() == [])
        expectOne(
            recognise(refusal: EACCES), .blocking, why: "only programs with a profile", fix: "apparmor_parser -r /etc/apparmor.d/coop")
    }

    @Test("the AppArmor label is read only where AppArmor is on: SELinux uses the same file")
    func label() throws {
        try write("proc/self/attr/current", "docker-default (enforce)\0")
        #expect(HostConditions.read(root: root).appArmorProfile == nil)
        try write("sys/module/apparmor/parameters/enabled", "Y\n")
        #expect(HostConditions.read(root: root).appArmorProfile == "docker-default (enforce)")
    }

    @Test("Debian with unprivileged_userns_clone = 0")
    func debian() throws {
        try write("proc/sys/kernel/unprivileged_userns_clone", "0\n")
        expectOne(
            recognise(refusal: EPERM), .blocking, why: "unprivileged_userns_clone is 0", fix: "sysctl -w kernel.unprivileged_userns_clone=1"
        )
        #expect(recognise(.simulated(user: 0, subordinate: true)) == [])
    }

    @Test("max_user_namespaces = 0 stops root as well")
    func maximum() throws {
        try write("proc/sys/user/max_user_namespaces", "0\n")
        expectOne(recognise(refusal: ENOSPC), .blocking, why: "max_user_namespaces is 0", fix: "sysctl -w user.max_user_namespaces")
        expectOne(
            recognise(.simulated(user: 0, subordinate: true)), .blocking, why: "max_user_namespaces is 0",
            fix: "sysctl -w user.max_user_namespaces")
    }

    @Test("a kernel without user namespaces")
    func noUserNamespaces() {
        expectOne(
            recognise(.simulated(subordinate: true, namespaces: ["mnt", "pid"])), .blocking, why: "built without them",
            fix: "CONFIG_USER_NS")
    }

    @Test(
        "Docker masks parts of /proc",
        arguments: [(".dockerenv", "docker", "systempaths=unconfined"), ("run/.containerenv", "podman", "unmask=ALL")])
    func docker(_ file: String, _ name: String, _ option: String) throws {
        try write(file, "")
        #expect(HostConditions.read(root: root).container == name)
        expectOne(
            recognise(.simulated(subordinate: true, maskedProc: true)), .blocking, why: "inside \(name)",
            fix: "--security-opt \(option)")
    }

    @Test("in a pod the remedy is the pod's")
    func kubernetes() throws {
        try write("var/run/secrets/kubernetes.io/serviceaccount/token", "x")
        expectOne(
            recognise(.simulated(subordinate: true, maskedProc: true)), .blocking, why: "inside kubernetes", fix: "procMount: Unmasked")
    }

    @Test("a covered /proc outside of containers")
    func maskedOutside() {
        expectOne(recognise(.simulated(subordinate: true, maskedProc: true)), .blocking, why: "by other mounts", fix: "unmount")
    }

    @Test("Docker's own seccomp profile refuses namespaces")
    func dockerSeccomp() throws {
        try write(".dockerenv", "")
        expectOne(recognise(refusal: EPERM), .blocking, why: "inside docker", fix: "--security-opt seccomp=unconfined")
    }

    @Test("an unknown refusal is said with its error and where to look")
    func unknown() { expectOne(recognise(refusal: EPERM), .blocking, why: "refuses them to this process", fix: "journalctl -k") }

    @Test(
        "kernels before 5.12 lack mount_setattr", arguments: ["5.4.0-150-generic", "5.10.0-28-amd64", "4.18.0-553.el8_10.x86_64", "3.10.0"])
    func old(_ kernel: String) {
        let found = recognise(.simulated(kernel: kernel, landlock: 0, subordinate: true))
        #expect(found.map(\.subject) == ["kernel", "landlock"])
        #expect(found.first?.severity == .blocking && found.first?.why.contains("mount_setattr") == true)
        #expect(found.first?.fix.contains("5.12") == true)
    }

    @Test("5.13 works, with Landlock version 1 too old", arguments: ["5.13.0-52-generic", "5.15.0-1"])
    func landlockOne(_ kernel: String) {
        expectOne(
            recognise(.simulated(kernel: kernel, landlock: 1, subordinate: true)), .weakening, why: "version 1", fix: "--degraded=landlock")
    }

    @Test("a kernel with Landlock switched off")
    func landlockOff() {
        expectOne(
            recognise(.simulated(landlock: 0, subordinate: true)), .weakening, why: "not in the list of active modules", fix: "lsm=landlock"
        )
    }

    @Test("a kernel without seccomp filters")
    func noSeccomp() {
        expectOne(recognise(.simulated(subordinate: true, seccomp: false)), .blocking, why: "no filters", fix: "CONFIG_SECCOMP_FILTER")
    }

    @Test("no newuidmap, or no subordinate ids: weaker, with the command for each")
    func subordinateIDs() {
        expectOne(recognise(.simulated(subordinate: true, tools: false)), .weakening, why: "not installed", fix: "apt-get install uidmap")
        expectOne(recognise(.simulated()), .weakening, why: "share an id", fix: "usermod --add-subuids")
    }

    @Test("several things at once are all said")
    func several() throws {
        try write("proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
        try write(".dockerenv", "")
        let found = recognise(.simulated(landlock: 0, maskedProc: true), refusal: EPERM)
        #expect(found.map(\.subject) == ["AppArmor", "/proc", "landlock", "subordinate ids"])
    }

    @Test("the shipped AppArmor profile is what doctor installs, for the places coop is installed to")
    func shippedProfile() throws {
        func rules(_ text: String) -> [String] {
            text.split(separator: "\n").filter { !$0.hasPrefix("#") }.map { line in
                guard line.hasPrefix("profile coop "), let flags = line.split(separator: " ").last(where: { $0.hasPrefix("flags=") }) else {
                    return String(line)
                }
                return "profile coop … \(flags) {"
            }
        }
        let path = FileSystem.normalize(#filePath + "/../../../packaging/apparmor/coop")
        let shipped = String(osBytes: try FileSystem.read(path))
        #expect(rules(shipped) == rules(AppArmorProfile.text(program: "/usr/bin/coop")))
        #expect(shipped.contains("/bin/coop"))
    }

    @Test("a program's path cannot break out of the profile")
    func profilePath() {
        let text = AppArmorProfile.text(program: "/home/a b/\"x{y}*/coop")
        let line = text.split(separator: "\n").first { $0.hasPrefix("profile coop ") }
        #expect(line == #"profile coop "/home/a b/\"x\{y\}\*/coop" flags=(unconfined) {"#)
    }
}
