/// A mount that must exist once the plan has run.
public struct ExpectedMount: Sendable, Equatable {
    public var point: String
    public var restrictions: MountRestrictions
    /// Whether the host's own submounts may lie below it, with the same restrictions.
    public var recursive: Bool
    /// The file system type, where the plan decides it.
    public var type: String?
    /// Options of the file system itself that it must have.
    public var superOptions: [String] = []
}

extension LaunchPlan {
    /// The mounts that the plan makes, in order. What the kernel reports beyond them must not be there.
    public var expectedMounts: [ExpectedMount] {
        var result: [ExpectedMount] = []
        for operation in operations {
            switch operation {
            case .root:
                result.append(.init(point: "/", restrictions: [.readOnly, .noSetuid, .noDevices], recursive: false, type: "tmpfs"))
            case .bind(_, let target, let restrictions, let recursive):
                result.append(.init(point: target, restrictions: restrictions, recursive: recursive, type: nil))
            case .overlay(_, _, _, let target, let restrictions, let isGiven):
                result.append(
                    .init(
                        point: target, restrictions: restrictions, recursive: false, type: "overlay",
                        superOptions: [isGiven ? "redirect_dir=on" : "userxattr"]))
            case .pin(let path):
                result.append(.init(point: path, restrictions: [], recursive: false, type: nil))
            case .readOnly(let path):
                result.append(.init(point: path, restrictions: .readOnly, recursive: true, type: nil))
            case .mask(let path):
                result.append(.init(point: path, restrictions: .readOnly, recursive: false, type: nil))
            case .cover(let path, _, _):
                result.append(.init(point: path, restrictions: MountRestrictions.cover, recursive: false, type: "tmpfs"))
            case .tmpfs(let target, _, _, _, _, let restrictions):
                result.append(.init(point: target, restrictions: restrictions, recursive: false, type: "tmpfs"))
            case .proc(let target):
                result.append(.init(point: target, restrictions: [.noSetuid, .noDevices, .noExecute], recursive: false, type: "proc"))
            case .terminals(let target):
                result.append(.init(point: target, restrictions: [.noSetuid, .noExecute], recursive: false, type: "devpts"))
            case .messageQueues(let target):
                result.append(
                    .init(point: target, restrictions: [.noSetuid, .noDevices, .noExecute], recursive: false, type: "mqueue"))
            default: break
            }
        }
        return result
    }
}
