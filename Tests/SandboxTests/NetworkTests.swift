import CoopErrors
import Glibc
import Sandbox
import Testing

@testable import Sandbox

@Suite struct NetworkTests {
    @Test("without a gateway no variable is set and no port is checked")
    func none() throws {
        let network = Network(hostPorts: [80, 80, 1021])
        #expect(!network.usesGateway && network.proxyEnvironment.isEmpty)
        try network.check()
    }

    @Test("the proxy variables name an HTTP proxy on loopback, and leave loopback out", arguments: [Network.Mode.scoped, .open])
    func variables(_ mode: Network.Mode) {
        let variables = Network(mode: mode, proxyPort: 4000).proxyEnvironment
        #expect(variables.map(\.name) == ["http_proxy", "https_proxy", "HTTPS_PROXY", "ALL_PROXY", "no_proxy", "NO_PROXY"])
        #expect(variables.prefix(4).allSatisfy { $0.value == "http://127.0.0.1:4000" })
        #expect(variables.suffix(2).allSatisfy { $0.value == "localhost,127.0.0.1,::1" })
        #expect(variables.allSatisfy { $0.origin == "coop" })
    }

    @Test(
        "ports that collide, do not exist or are too many are refused",
        arguments: [[1021], [1022], [3128], [0], [80, 80], Array(2000...2064)] as [[UInt16]])
    func ports(_ ports: [UInt16]) {
        let error = #expect(throws: CoopError.self) { try Network(mode: .scoped, hostPorts: ports).check() }
        #expect(error?.code == .configuration && error?.next != nil)
    }

    @Test("the most ports that may be asked for are taken")
    func mostPorts() {
        #expect(throws: Never.self) { try Network(mode: .open, hostPorts: Array(2000..<2064)).check() }
        #expect(throws: CoopError.self) { try Network(mode: .open, hostPorts: Array(2000..<2065)).check() }
    }

    @Test("a proxy port that the gateway needs itself is refused", arguments: [0, 1021, 1022] as [UInt16])
    func proxyPorts(_ port: UInt16) {
        #expect(throws: CoopError.self) { try Network(mode: .scoped, proxyPort: port).check() }
    }

    @Test("a kernel without the parts of nf_tables is named as the missing layer, with the remedy")
    func missingKernelParts() {
        for number in [ENOENT, EOPNOTSUPP, EPROTONOSUPPORT] {
            let error = SetupExplanation.error(step: "gateway-rules", subject: "rule 3 of capture", errno: number, reason: "netlink: x")
            #expect(error.code == .refused && error.what == "layer network cannot be enforced" && error.why.contains("rule 3 of capture"))
            #expect(error.next?.contains("modprobe") == true && error.next?.contains("--network none") == true)
        }
        #expect(
            SetupExplanation.error(step: "gateway-route", subject: "", errno: EPERM, reason: "x").what == "layer network cannot be enforced"
        )
        #expect(SetupExplanation.error(step: "listen", subject: "", errno: EADDRINUSE, reason: "x").code == .configuration)
    }
}
