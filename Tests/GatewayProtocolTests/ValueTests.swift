import GatewayProtocol
import Substitution
import Testing

@Suite struct ValueTests {
    @Test("an IPv4 address is four decimal numbers and nothing else")
    func addresses() throws {
        #expect(IPv4Address("192.0.2.255")?.value == 0xC000_02FF)
        #expect(IPv4Address("0.0.0.0")?.description == "0.0.0.0")
        let hostile = [
            "", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "0x7f.0.0.1", "1.2.3.4 ", " 1.2.3.4", "1..3.4", "1.2.3.", "+1.2.3.4",
            "-1.2.3.4", "1.2.3.4\0", "١.2.3.4", "2130706433", "1.2.3.1234", "::1",
        ]
        for text in hostile { #expect(IPv4Address(text) == nil, "\(text)") }
        var generator = MessageGenerator(seed: 5)
        for _ in 0..<iterations {
            let address = IPv4Address(generator.number())
            try #require(IPv4Address(address.description) == address)
        }
    }

    @Test("a message with a secret never describes it")
    func secrets() {
        let injection = Injection(
            grant: "g", credential: .token(stub: [], secret: SecretBytes(copying: "hunter2".utf8)), places: [InjectionPlace(.basic)])
        #expect(!"\(SupervisorMessage.allowRequest(1, 1, [injection]))".contains("hunter"))
    }
}
