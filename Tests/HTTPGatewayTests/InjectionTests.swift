import HTTPGateway
import NIOHTTP1
import Substitution
import Testing

/// Where secrets go, seen from the upstream. What is done with each place is tested with `HeadInjector`.
@Suite struct InjectionTests {
    private func sent(_ place: InjectionPlace, secret: String = "s3cr&t/=", _ request: String) throws -> String {
        let upstream = try TestUpstream(.clear)
        let injection = Injection(
            grant: "test", credential: .token(stub: Array("STUB".utf8), secret: SecretBytes(copying: secret.utf8)), places: [place])
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext) { _, _ in .allow([injection]) }
        let client = try gateway.connect()
        try client.send(request.replacing("\n", with: "\r\n") + "\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        return client.readAll()
    }

    @Test("a stub in a header, and a header that is not there")
    func header() throws {
        let place = InjectionPlace(.header("x-api-key"), whenAbsent: "k:{value}")
        #expect(try sent(place, "GET /echo HTTP/1.1\nX-API-Key: a STUB").contains("x-api-key: a s3cr&t/=\n"))
        #expect(try sent(place, "GET /echo HTTP/1.1").contains("x-api-key: k:s3cr&t/=\n"))
    }

    @Test("a stub in basic authentication, as git sends it")
    func stubInBasic() throws {
        // printf 'x-access-token:STUB' | base64; printf 'x-access-token:s3cr&t/=' | base64
        let text = try sent(InjectionPlace(.basic), "GET /echo HTTP/1.1\nAuthorization: Basic eC1hY2Nlc3MtdG9rZW46U1RVQg==")
        #expect(text.contains("authorization: Basic eC1hY2Nlc3MtdG9rZW46czNjciZ0Lz0=\n"), "\(text)")
    }

    @Test(
        "the query",
        arguments: [
            ("/echo", "/echo?key=s3cr%26t%2F%3D"), ("/echo?a=1&key=%53TUB&b", "/echo?a=1&key=s3cr%26t%2F%3D&b"),
            ("/echo?other=STUB&key=", "/echo?other=STUB&key="),
        ])
    func query(path: String, expected: String) throws {
        #expect(try sent(InjectionPlace(.query("key"), whenAbsent: "{value}"), "GET \(path) HTTP/1.1").contains("GET \(expected)\n"))
    }

    @Test("a secret that would break the head, or a header that would change the framing, is refused")
    func refused() throws {
        let place = InjectionPlace(.header("authorization"), whenAbsent: "Bearer {value}")
        #expect(try sent(place, secret: "a\r\nX: b", "GET /echo HTTP/1.1").hasPrefix("HTTP/1.1 403"))
        for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "a b", ""] {
            let place = InjectionPlace(.header(name), whenAbsent: "{value}")
            #expect(try sent(place, "GET /echo HTTP/1.1").hasPrefix("HTTP/1.1 403"), "\(name)")
        }
    }
}
