import GatewayProtocol
import HTTPGateway
import LinuxKernel
import NIOCore
import NIOHTTP1

/// A request of coop's own, from the protocol to the pipelines and back.
enum OutboundFetch {
    static func run(
        _ request: OutboundRequest, over socket: Descriptor, roots: [[UInt8]], on eventLoop: any EventLoop,
        _ tell: @escaping @Sendable (WorkerMessage) -> Void
    ) {
        let server = ConnectionInfo(id: 1, name: request.host, port: request.port, transport: request.isSecure ? .tls : .cleartext)
        let fetch = FetchRequest(
            method: request.method, server: server, path: request.path,
            headers: HTTPHeaders(request.fields.map { ($0.name, $0.value) }), body: request.body)
        fetch.send(over: socket, roots: roots, on: eventLoop).whenComplete { result in
            switch result {
            case .success(let response): tell(message(response))
            case .failure(let error): tell(.notFetched(reason: (error as? FetchFailure)?.reason ?? "the connection failed"))
            }
        }
    }

    private static func message(_ response: JudgeResponse) -> WorkerMessage {
        let fields = response.head.headers.map { HeaderText($0.name, $0.value) }
        // The gateway's limits of heads are below the protocol's; this is for the day when one of them changes.
        guard fields.count <= ProtocolLimit.fields, fields.allSatisfy({ $0.name.utf8.count <= ProtocolLimit.text }),
            response.body.readableBytes <= ProtocolLimit.responseBody
        else { return .notFetched(reason: "the answer is too large") }
        return .fetched(
            WholeResponse(status: UInt16(clamping: response.head.status), fields: fields, body: Array(buffer: response.body)))
    }
}
