import CLinux
import Glibc
import LinuxKernel
import Netlink
import Testing

/// What a thread is to do, and what came of it.
private final class ThreadWork: @unchecked Sendable {
    let body: () -> Void
    init(_ body: @escaping () -> Void) { self.body = body }
}

/// Runs `body` on a thread of its own in a new network namespace, which ends with the thread.
private func inNewNamespace<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) throws -> Value {
    nonisolated(unsafe) var result: Result<Value, any Error>?
    let work = ThreadWork {
        result = Result {
            try check("unshare") { coop_unshare(0x4000_0000 /* CLONE_NEWNET */) }
            try check("SIOCSIFFLAGS", "lo") { coop_loopback_up() }
            return try body()
        }
    }
    var thread = pthread_t()
    let code = pthread_create(
        &thread, nil,
        { pointer in
            if let pointer { Unmanaged<ThreadWork>.fromOpaque(pointer).takeUnretainedValue().body() }
            return nil
        }, Unmanaged.passUnretained(work).toOpaque())
    guard code == 0 else { throw SystemError("pthread_create", errno: code) }
    pthread_join(thread, nil)
    guard let result else { throw SystemError("thread", errno: EIO) }
    return try result.get()
}

/// What the kernel itself says about rules and routes. Root only: an ordinary user needs a user namespace, which a process with
/// threads cannot make; the escape tests do the same as one.
@Suite(.enabled(if: getuid() == 0)) struct NetworkNamespaceTests {
    private static let rules = GatewayRules(address: [198, 18, 0, 1], redirectPort: 1021, dnsPort: 1022).ruleset

    /// The difference that `planned` sees after `installed` were installed one after the other.
    private func difference(_ planned: PacketRuleset, installed: [PacketRuleset]) throws -> String? {
        try inNewNamespace {
            let socket = try NetlinkSocket(.netfilter)
            for ruleset in installed { try ruleset.install(socket) }
            return try planned.difference(socket)
        }
    }

    @Test("the kernel reports exactly the rules that were installed")
    func same() throws { #expect(try difference(NetworkNamespaceTests.rules, installed: [NetworkNamespaceTests.rules]) == nil) }

    @Test("every change of a rule, a chain or a table is seen")
    func changes() throws {
        let planned = NetworkNamespaceTests.rules
        func changed(_ change: (inout PacketRuleset) -> Void) -> PacketRuleset {
            var copy = planned
            change(&copy)
            return copy
        }
        var variants: [PacketRuleset] = [
            changed { $0.table = "other" }, changed { $0.chains[0].priority = -99 }, changed { $0.chains[1].acceptsByDefault = true },
            changed { $0.chains[1].name = "other" }, changed { $0.chains.removeLast() }, changed { $0.chains.swapAt(0, 1) },
            GatewayRules(address: [198, 18, 0, 2], redirectPort: 1021, dnsPort: 1022).ruleset,
            GatewayRules(address: [198, 18, 0, 1], redirectPort: 1020, dnsPort: 1022).ruleset,
            GatewayRules(address: [198, 18, 0, 1], redirectPort: 1021, dnsPort: 1023).ruleset,
        ]
        for (index, chain) in planned.chains.enumerated() {
            for rule in chain.rules.indices {
                variants.append(changed { $0.chains[index].rules.remove(at: rule) })
                variants.append(changed { $0.chains[index].rules.append(chain.rules[rule]) })
                if rule > 0 { variants.append(changed { $0.chains[index].rules.swapAt(rule, rule - 1) }) }
                // Without its conditions, and with another verdict.
                let verdict = chain.rules[rule].suffix(chain.rules[rule].last == .redirect ? 2 : 1)
                variants.append(changed { $0.chains[index].rules[rule] = Array(verdict) })
                variants.append(
                    changed {
                        $0.chains[index].rules[rule].removeLast()
                        $0.chains[index].rules[rule].append(
                            index == 1 && chain.rules[rule].last != .accept ? .accept : .meta(.networkProtocol))
                    })
            }
        }
        for variant in variants where variant != planned {
            let found = try difference(planned, installed: [variant])
            #expect(found != nil, "\(variant)")
        }
    }

    @Test("no rules, and further ones, are seen")
    func furtherTables() throws {
        let planned = NetworkNamespaceTests.rules
        #expect(try difference(planned, installed: []) == "0 tables")
        var further = planned
        further.table = "further"
        #expect(try difference(planned, installed: [planned, further]) == "2 tables")
    }

    @Test("rules that the kernel does not take are refused as a whole")
    func refusal() throws {
        var broken = NetworkNamespaceTests.rules
        // Only a chain for address translation may redirect.
        broken.chains[1].rules[3] = [.load([3, 253]), .redirect]
        try inNewNamespace { [broken] in
            let socket = try NetlinkSocket(.netfilter)
            do {
                try broken.install(socket)
                Issue.record("it was taken")
            } catch NetlinkError.refused(let subject, let number) {
                // Which rule it names is the kernel's affair: it looks at the whole chain at a later one.
                #expect(subject.hasSuffix("of guard") && number == EOPNOTSUPP, "\(subject) \(number)")
            }
            // Nothing of it is there: the right ones can still be installed.
            try NetworkNamespaceTests.rules.install(socket)
            #expect(try NetworkNamespaceTests.rules.difference(socket) == nil)
        }
    }

    @Test("the route and the address are the planned ones, and others are seen")
    func routes() throws {
        let address: [UInt8] = [198, 18, 0, 1]
        try inNewNamespace {
            let socket = try NetlinkSocket(.route)
            #expect(try LoopbackRouting.difference(address: address, socket) == "0 default routes")
            try LoopbackRouting.install(address: address, socket)
            #expect(try LoopbackRouting.difference(address: address, socket) == nil)
            #expect(try LoopbackRouting.difference(address: [198, 18, 0, 2], socket) != nil)
            // A second address, which brings no second route.
            #expect(throws: NetlinkError.refused(subject: "default route", errno: EEXIST)) {
                try LoopbackRouting.install(address: [198, 18, 0, 3], socket)
            }
            #expect(try LoopbackRouting.difference(address: address, socket) == "an address that is not planned")
        }
    }

    @Test("packets of lo become larger, and a stream that fills them arrives as it was sent")
    func packets() throws {
        try inNewNamespace {
            let socket = try NetlinkSocket(.route)
            func size() throws -> UInt32? {
                var request = NetlinkWriter()
                request.message(type: 18, flags: NetlinkFlags.dump, header: [UInt8](repeating: 0, count: 16), subject: "list of devices")
                let devices = try socket.list(request)
                guard let device = devices.list.first else { return nil }
                let content = try devices.content(LoopbackPackets.sizeAttribute, in: devices.attributes(device, after: 16))
                return content.map { Array($0).withUnsafeBytes { $0.loadUnaligned(as: UInt32.self) } }
            }
            let before = try size()
            try LoopbackPackets.enlarge(socket)
            // A kernel before 6.3 does not know it.
            #expect(try size() == before.map { _ in LoopbackPackets.size })
            let listener = Descriptor(owning: try check("listen") { coop_loopback_socket(AF_INET, Int32(SOCK_STREAM.rawValue), 4000, 0) })
            let sender = Descriptor(owning: try check("socket") { Glibc.socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0) })
            var address = sockaddr_in()
            address.sin_family = sa_family_t(AF_INET)
            address.sin_port = UInt16(4000).bigEndian
            address.sin_addr.s_addr = UInt32(0x7F00_0001).bigEndian
            try check("connect") {
                withUnsafePointer(to: address) {
                    connect(
                        sender.number, UnsafeRawPointer($0).assumingMemoryBound(to: sockaddr.self),
                        socklen_t(MemoryLayout<sockaddr_in>.size))
                }
            }
            let receiver = Descriptor(owning: try check("accept") { accept(listener.number, nil, nil) })
            let piece = (0..<(1 << 20)).map { UInt8(truncatingIfNeeded: $0 &* 31 ^ $0 >> 11) }
            let sent = try check("send") { piece.withUnsafeBytes { send(sender.number, $0.baseAddress, $0.count, Int32(MSG_DONTWAIT)) } }
            var received = [UInt8](repeating: 0, count: sent)
            let count = received.withUnsafeMutableBytes { recv(receiver.number, $0.baseAddress, $0.count, Int32(MSG_WAITALL)) }
            #expect(sent > 65536 && count == sent && received.elementsEqual(piece.prefix(sent)))
        }
    }
}
