import CoopErrors
import Glibc
import LinuxKernel
import Substitution
import Testing

@testable import Vault

@Suite struct SecretStoreTests {
    static func text(_ value: SecretBytes?) -> String? { value.map { $0.withBytes { String(decoding: $0, as: UTF8.self) } } }

    static func store(_ place: Scratch) -> SecretStore {
        SecretStore(global: place.path("global/secrets"), project: place.path("projects/p/secrets"))
    }

    @Test func theProjectsOwnComesBeforeTheGlobalOne() throws {
        let place = try Scratch()
        let store = Self.store(place)
        let name = try SecretName("TOKEN")
        #expect(try store.list().isEmpty)
        #expect(try store.find(name) == nil)
        #expect(try store.set(name, SecretBytes(copying: "global".utf8), scope: .global, provider: "openai", now: 100))
        #expect(Self.text(try store.find(name)?.value) == "global")
        #expect(try store.set(name, SecretBytes(copying: "project".utf8), scope: .project, now: 200))
        #expect(Self.text(try store.find(name)?.value) == "project")
        #expect(Self.text(try store.find(name, scope: .global)?.value) == "global")
        let list = try store.list()
        #expect(list.map(\.scope) == [.project, .global])
        #expect(list.map(\.isShadowed) == [false, true])
        #expect(list.map(\.provider) == [nil, "openai"])
        #expect(try store.remove(name, scope: .project))
        #expect(try !store.remove(name, scope: .project))
        #expect(Self.text(try store.find(name)?.value) == "global")
    }

    @Test func replacingKeepsWhatIsKnownAndAnyByteIsAValue() throws {
        let place = try Scratch()
        let store = Self.store(place)
        let name = try SecretName("A.b-c_1")
        let all = SecretBytes(copying: Array(0...255) + [10, 10, 0])
        try store.set(name, SecretBytes(copying: [1]), scope: .global, provider: "npm", now: 100)
        #expect(try !store.set(name, all, scope: .global, now: 300))
        let found = try #require(try store.find(name))
        #expect(found.value == all)
        #expect(found.record.created == 100)
        #expect(found.record.changed == 300)
        #expect(found.record.provider == "npm")
        #expect(throws: CoopError.self) { try store.set(name, all, scope: .global, replace: false) }
        #expect(throws: CoopError.self) { try store.set(name, SecretBytes(copying: []), scope: .global) }
        #expect(throws: CoopError.self) {
            try store.set(name, SecretBytes(copying: [UInt8](repeating: 65, count: SecretStore.sizeLimit + 1)), scope: .global)
        }
        #expect(try store.find(name)?.value == all)
    }

    @Test(arguments: ["", ".", "..", ".hidden", "-x", "a/b", "a b", "a\n", "ä", String(repeating: "a", count: 129), "a\0b", "../../etc/x"])
    func badNames(_ text: String) { #expect(throws: CoopError.self) { try SecretName(text) } }

    @Test func nothingIsReadableForOthersAndWhatIsRefused() throws {
        let place = try Scratch()
        let store = Self.store(place)
        let name = try SecretName("T")
        try store.set(name, SecretBytes(copying: "value".utf8), scope: .global)
        let file = place.path("global/secrets/T.secret")
        #expect(try FileSystem.status(file)?.st_mode ?? 0 & 0o777 == S_IFREG | 0o600)
        #expect((try FileSystem.status(place.path("global/secrets"))?.st_mode ?? 0) & 0o777 == 0o700)
        chmod(file, 0o644)
        #expect(throws: CoopError.self) { try store.find(name) }
        chmod(file, 0o600)
        #expect(try store.find(name) != nil)
        chmod(place.path("global/secrets"), 0o755)
        #expect(throws: CoopError.self) { try store.find(name) }
        #expect(throws: CoopError.self) { try store.set(name, SecretBytes(copying: "x".utf8), scope: .global) }
        chmod(place.path("global/secrets"), 0o700)
    }

    @Test func linksAreNotFollowed() throws {
        let place = try Scratch()
        let store = Self.store(place)
        let name = try SecretName("T")
        try store.set(name, SecretBytes(copying: "value".utf8), scope: .global)
        try place.write("elsewhere", "coop-secret 1\n\nstolen")
        let file = place.path("global/secrets/T.secret")
        unlink(file)
        symlink(place.path("elsewhere"), file)
        #expect(throws: CoopError.self) { try store.find(name) }
        // Writing replaces the link itself, never what it points to.
        #expect(throws: CoopError.self) { try store.set(name, SecretBytes(copying: "new".utf8), scope: .global) }
        #expect(try place.read("elsewhere") == "coop-secret 1\n\nstolen")
        unlink(file)
        link(place.path("elsewhere"), file)
        #expect(throws: CoopError.self) { try store.find(name) }
        unlink(file)
        mkfifo(file, 0o600)
        #expect(throws: CoopError.self) { try store.find(name) }
        unlink(file)
        // The directory itself as a link.
        rename(place.path("global/secrets"), place.path("moved"))
        symlink(place.path("moved"), place.path("global/secrets"))
        #expect(throws: CoopError.self) { try store.find(name) }
    }

    @Test func aDamagedFileIsAnErrorThatNamesTheRemedy() throws {
        let place = try Scratch()
        let store = Self.store(place)
        for (index, text) in ["", "coop-secret 2\n\nx", "coop-secret 1\ncreated=1\n", "coop-secret 1\nnonsense\n\nx", "\n\n\n"].enumerated()
        {
            try FileSystem.makeDirectories(place.path("global/secrets"))
            try place.write("global/secrets/D\(index).secret", text)
            let error = #expect(throws: CoopError.self) { try store.find(try SecretName("D\(index)")) }
            #expect(error?.next == "coop secret rm --global D\(index)")
        }
    }

    @Test func killedWhileWritingItHoldsTheOldOrTheNewValue() async throws {
        let place = try Scratch()
        let store = Self.store(place)
        let name = try SecretName("T")
        try store.set(name, SecretBytes(copying: [UInt8](repeating: 65, count: 50_000)), scope: .global)
        for round in 0..<6 {
            await #expect(processExitsWith: .signal(SIGKILL)) { [path = place.path as String, delay = 1000 + round * 2500 as Int] in
                let store = SecretStore(global: path + "/global/secrets", project: nil)
                let name = try SecretName("T")
                let thread = Thread(microseconds: UInt32(delay))
                for value in 0... {
                    try store.set(
                        name, SecretBytes(copying: [UInt8](repeating: UInt8(65 + value % 26), count: 50_000)), scope: .global)
                }
                withExtendedLifetime(thread) {}
            }
            let value = try #require(try store.find(name)).value
            #expect(value.count == 50_000)
            #expect(value.withBytes { bytes in bytes.allSatisfy { $0 == bytes[0] } })
        }
        try store.set(name, SecretBytes(copying: "after".utf8), scope: .global)
        #expect(try FileSystem.list(place.path("global/secrets")).sorted() == [".lock", "T.secret"])
    }

    @Test func manyProcessesWriteWithoutLosingASecret() async throws {
        let place = try Scratch()
        await withTaskGroup(of: Void.self) { group in
            for number in 0..<4 {
                group.addTask {
                    await #expect(processExitsWith: .success) { [path = place.path as String, number = number as Int] in
                        let store = SecretStore(global: path + "/global/secrets", project: nil)
                        for index in 0..<20 {
                            try store.set(try SecretName("P\(number)_\(index)"), SecretBytes(copying: "v\(number)".utf8), scope: .global)
                            try store.set(try SecretName("SHARED"), SecretBytes(copying: "v\(number)".utf8), scope: .global)
                        }
                    }
                }
            }
        }
        #expect(try Self.store(place).list().count == 81)
    }
}

/// Kills this process after a while, from a thread of its own.
final class Thread {
    private var handle = pthread_t()

    init(microseconds: UInt32) {
        let argument = UnsafeMutablePointer<UInt32>.allocate(capacity: 1)
        argument.pointee = microseconds
        pthread_create(
            &handle, nil,
            { pointer in
                usleep(pointer?.assumingMemoryBound(to: UInt32.self).pointee ?? 0)
                kill(getpid(), SIGKILL)
                return nil
            }, argument)
    }
}
