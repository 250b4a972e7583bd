import GatewayEngine
import GatewayProtocol
import LinuxKernel
import NIOPosix

/// Makes the pipelines in two steps, because their threads must exist before the worker confines itself, and their
/// configuration comes after.
struct TerminatingInspectors: InspectorFactory {
    func startThreads() -> any StartedInspectors { Started(group: MultiThreadedEventLoopGroup(numberOfThreads: 1)) }

    private struct Started: StartedInspectors {
        let group: MultiThreadedEventLoopGroup

        /// Nil without an authority: nothing can then be terminated.
        func make(_ configuration: WorkerConfiguration, _ observer: any InspectorObserver) throws -> (any Inspector)? {
            guard let authority = configuration.authority else { return nil }
            return try TerminatingInspector(configuration, authority: authority, group: group, observer: observer)
        }

        func fetch(_ request: OutboundRequest, over socket: Descriptor, roots: [[UInt8]], _ observer: any InspectorObserver) {
            OutboundFetch.run(request, over: socket, roots: roots, on: group.next()) { observer.send($0) }
        }
    }
}
