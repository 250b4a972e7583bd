import CLinux
import Glibc
import LinuxKernel
import WardenProtocol

// PID 1 of every sandbox. Descriptor 3 is the only thing it is given: a stream of frames to its supervisor. End of file
// there means that the supervisor is gone, and the sandbox ends.

/// Ends the warden, and with it every process of its namespace.
func end(_ code: Int32) -> Never {
    kill(-1, SIGKILL)
    _exit(code)
}

func runWarden() -> Never {
    // What the plan makes has the modes of the plan, whatever the caller's mask: the command may be another user than the warden.
    umask(0o022)
    // Neither the command nor anything else of the same user may look into or attach to this process.
    _ = coop_prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    guard fcntl(3, F_SETFD, FD_CLOEXEC) == 0 else {
        // Started by hand: there is no channel to speak to.
        let text = "coop-warden: this program is started by coop, inside a sandbox\nNext: coop run -- COMMAND\n"
        _ = write(2, text, text.utf8.count)
        _exit(125)
    }
    let channel = FrameChannel(Descriptor(owning: 3))
    // The caller's own streams are not the sandbox's. The numbers stay reserved, so that nothing else ever gets them.
    let null = open("/dev/null", O_RDWR | O_CLOEXEC)
    guard null > 3 else { end(125) }
    for number in 0...2 { guard coop_dup3(null, Int32(number), O_CLOEXEC) >= 0 else { end(125) } }
    close(null)
    var blocked = sigset_t()
    sigemptyset(&blocked)
    sigaddset(&blocked, SIGCHLD)
    sigprocmask(SIG_BLOCK, &blocked, nil)

    do {
        let inherited = try ProcessStatus.read().seccompFilters
        var pending = try nextFrames(channel)
        let executor: PlanExecutor
        switch pending.first?.frame {
        case .prepare(let part)?, .plan(let part)?: executor = PlanExecutor(plan: part)
        default: throw WireError("there is no plan")
        }
        while case .prepare(let part)? = pending.first?.frame {
            pending.removeFirst()
            try executor.run(part)
            guard pending.isEmpty else { continue }
            // There is time: coop is still preparing the rest. What is wrong is said when it must be proven at the latest.
            if !isReadable(channel) { try? executor.proveNetwork() }
            pending = try nextFrames(channel)
        }
        let rest = try takePlan(from: &pending, for: executor)
        // A command that was asked for together with the plan has brought its streams already.
        let streams = Set(pending.flatMap { $0.descriptors.map(\.number) } + channel.waitingDescriptors)
        let plan = try setUp(executor, rest, channel, inheritedFilters: inherited, streams: streams)

        let table = ProcessTable(plan: plan, channel: channel)
        let children = Descriptor(owning: try check("signalfd") { coop_signalfd(&blocked) })
        for (frame, descriptors) in pending { try handle(frame, descriptors, table, channel) }
        while !table.isOver {
            var watched = [
                pollfd(fd: channel.socket.number, events: Int16(POLLIN), revents: 0),
                pollfd(fd: children.number, events: Int16(POLLIN), revents: 0),
            ]
            for number in table.statusDescriptors { watched.append(pollfd(fd: number, events: Int16(POLLIN), revents: 0)) }
            if poll(&watched, nfds_t(watched.count), -1) < 0 {
                if errno == EINTR { continue }
                throw SystemError("poll")
            }
            for entry in watched[2...] where entry.revents != 0 { try table.readStatus(entry.fd) }
            if watched[1].revents != 0 {
                var drain = [UInt8](repeating: 0, count: 1024)
                while read(children.number, &drain, drain.count) > 0 {}
                try table.reap()
            }
            if watched[0].revents != 0, !table.isOver {
                guard let frames = try channel.receive() else { end(0) }
                for (frame, descriptors) in frames { try handle(frame, descriptors, table, channel) }
            }
        }
        table.killEverything()
        try channel.send(.ended)
        _exit(0)
    } catch let failure as SetupFailure {
        // If the supervisor is gone there is nobody to tell; the sandbox ends either way.
        try? channel.send(
            .failed(step: failure.step, subject: failure.subject, errno: failure.errno, reason: failure.reason))
        end(125)
    } catch {
        try? channel.send(.failed(step: "warden", subject: "", errno: 0, reason: "\(error)"))
        end(125)
    }
}

/// The rest of the plan, and the mount that may have come with it: nobody but the executor holds that.
func takePlan(from pending: inout [(frame: Frame, descriptors: [Descriptor])], for executor: PlanExecutor) throws -> LaunchPlan {
    let next = pending.removeFirst()
    guard case .plan(let rest) = next.frame, next.descriptors.count <= 1 else { throw WireError("there is no plan") }
    executor.given = next.descriptors
    return rest
}

/// Waits until at least one frame is there; ends with the supervisor.
func nextFrames(_ channel: FrameChannel) throws -> [(frame: Frame, descriptors: [Descriptor])] {
    while true {
        guard let frames = try channel.receive() else { end(125) }
        if !frames.isEmpty { return frames }
    }
}

/// Whether something has come already.
func isReadable(_ channel: FrameChannel) -> Bool {
    var watched = pollfd(fd: channel.socket.number, events: Int16(POLLIN), revents: 0)
    return poll(&watched, 1, 0) != 0
}

/// Runs the plan, or what is left of it, proves the whole, and says so.
func setUp(
    _ executor: PlanExecutor, _ rest: LaunchPlan, _ channel: FrameChannel, inheritedFilters: Int, streams: Set<Int32>
) throws -> LaunchPlan {
    try executor.run(rest)
    try handOut(executor.listeners, channel)
    // What coop's own process had open was close-on-exec; the reserved numbers are no longer needed.
    for number in 0...2 { close(Int32(number)) }
    executor.release()
    var attestation = Attestation(
        plan: executor.plan, skippedMasks: executor.skippedMasks, inheritedFilters: inheritedFilters, streams: streams,
        networkChecks: executor.networkChecks)
    try attestation.verify()
    for number in 0...2 {
        guard open("/dev/null", O_RDWR | O_CLOEXEC) == Int32(number) else { throw SystemError("open", "/dev/null") }
    }
    try channel.send(.ready(checks: attestation.checks))
    return executor.plan
}

/// Gives the sockets for the gateway to the supervisor, as many at a time as a frame can carry.
func handOut(_ listeners: [(socket: ListeningSocket, descriptor: Descriptor)], _ channel: FrameChannel) throws {
    var rest = listeners[...]
    while !rest.isEmpty {
        let part = rest.prefix(Int(COOP_MAX_DESCRIPTORS))
        try channel.send(.listeners(part.map(\.socket)), descriptors: part.map(\.descriptor))
        rest = rest.dropFirst(part.count)
    }
}

func handle(_ frame: Frame, _ descriptors: [Descriptor], _ table: ProcessTable, _ channel: FrameChannel) throws {
    switch frame {
    case .start(let request): try table.start(request, passed: descriptors)
    case .signal(let target, let number): table.signal(target, number)
    case .connect(let id, let port):
        do {
            let socket = try LoopbackConnection.open(port: port)
            try channel.send(.connected(id: id, errno: 0), descriptors: [socket])
        } catch let error as LoopbackConnection.Failure {
            try channel.send(.connected(id: id, errno: error.errno))
        }
    case .end:
        table.killEverything()
        try channel.send(.ended)
        _exit(0)
    default: throw WireError("a frame that only the warden sends")
    }
}

runWarden()
