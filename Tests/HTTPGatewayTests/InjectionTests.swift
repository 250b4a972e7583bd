import HTTPGateway
import NIOHTTP1
import Testing

/// Where secrets go, seen from the upstream.
@Suite struct InjectionTests {
    private func sent(_ place: Injection.Place, secret: String = "s3cr&t/=", _ request: String) throws -> String {
        let upstream = try TestUpstream(.clear)
        let gateway = try TestGateway(upstream: upstream.port, transport: .cleartext) { _, _ in
            .allow([Injection(place, Secret(secret.utf8))])
        }
        let client = try gateway.connect()
        try client.send(request.replacing("\n", with: "\r\n") + "\r\nHost: api.example.com\r\nConnection: close\r\n\r\n")
        return client.readAll()
    }

    @Test("a header is set, and every one that the client sent is gone")
    func header() throws {
        let text = try sent(.header(name: "X-Api-Key", prefix: "k:"), "GET /echo HTTP/1.1\nx-api-key: one\nX-API-Key: two")
        #expect(text.contains("x-api-key: k:s3cr&t/=\n"))
        #expect(!text.contains("one") && !text.contains("two"))
    }

    @Test("bearer and basic")
    func authorization() throws {
        #expect(try sent(.bearer, "GET /echo HTTP/1.1\nAuthorization: x").contains("authorization: Bearer s3cr&t/=\n"))
        // printf 'user:s3cr&t/=' | base64
        #expect(try sent(.basic(user: "user"), "GET /echo HTTP/1.1").contains("authorization: Basic dXNlcjpzM2NyJnQvPQ==\n"))
    }

    @Test("a stub in basic authentication, as git sends it")
    func stubInBasic() throws {
        // printf 'x-access-token:STUB' | base64; printf 'x-access-token:s3cr&t/=' | base64
        let text = try sent(.stubInBasic(stub: "STUB"), "GET /echo HTTP/1.1\nAuthorization: Basic eC1hY2Nlc3MtdG9rZW46U1RVQg==")
        #expect(text.contains("authorization: Basic eC1hY2Nlc3MtdG9rZW46czNjciZ0Lz0=\n"), "\(text)")
        #expect(try sent(.stubInBasic(stub: "STUB"), "GET /echo HTTP/1.1\nAuthorization: Basic !!!").contains("Basic !!!\n"))
    }

    @Test("a stub in a header")
    func stubInHeader() throws {
        let text = try sent(.stubInHeader(name: "authorization", stub: "STUB"), "GET /echo HTTP/1.1\nAuthorization: token STUB, STUB")
        #expect(text.contains("authorization: token s3cr&t/=, s3cr&t/=\n"))
    }

    @Test(
        "the query",
        arguments: [
            ("/echo", "/echo?key=s3cr%26t%2F%3D"), ("/echo?a=1&key=x&ke%79=y&b=2", "/echo?a=1&b=2&key=s3cr%26t%2F%3D"),
            ("/echo?", "/echo?key=s3cr%26t%2F%3D"),
        ])
    func query(path: String, expected: String) throws {
        #expect(try sent(.query(name: "key"), "GET \(path) HTTP/1.1").contains("GET \(expected)\n"))
    }

    @Test(
        "a stub in the query",
        arguments: [
            ("/echo?a=1&k=STUB&b", "/echo?a=1&k=s3cr%26t%2F%3D&b"), ("/echo?k=%53TUB%20", "/echo?k=s3cr%26t%2F%3D%20"),
            ("/STUB?k=1", "/STUB?k=1"),
        ])
    func stubInQuery(path: String, expected: String) throws {
        #expect(try sent(.stubInQuery(stub: "STUB"), "GET \(path) HTTP/1.1").contains("GET \(expected)\n"))
    }

    @Test("a secret that would break the head, or a header that would change the framing, is refused")
    func refused() throws {
        #expect(try sent(.bearer, secret: "a\r\nX: b", "GET /echo HTTP/1.1").hasPrefix("HTTP/1.1 403"))
        for name in ["Host", "Content-Length", "Transfer-Encoding", "Connection", "a b", ""] {
            #expect(try sent(.header(name: name, prefix: ""), "GET /echo HTTP/1.1").hasPrefix("HTTP/1.1 403"), "\(name)")
        }
    }
}
