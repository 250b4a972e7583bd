extension MountRestrictions: WireCodable {
    public func encode(to writer: inout WireWriter) { writer.write(rawValue) }
    public init(from reader: inout WireReader) throws(WireError) {
        let raw = try reader.read(UInt8.self)
        guard raw < 16 else { throw WireError("unknown mount restriction") }
        self.init(rawValue: raw)
    }
}

extension Owner: WireCodable {
    public func encode(to writer: inout WireWriter) { writer.write(rawValue) }
    public init(from reader: inout WireReader) throws(WireError) {
        guard let value = Owner(rawValue: try reader.read()) else { throw WireError("unknown owner") }
        self = value
    }
}

extension LandlockRule: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(path)
        writer.write(access)
    }
    public init(from reader: inout WireReader) throws(WireError) {
        path = try reader.readString()
        access = try reader.read()
    }
}

extension CoverFile: WireCodable {
    public func encode(to writer: inout WireWriter) {
        writer.write(name)
        writer.write(parts) { $1.encode(to: &$0) }
    }
    public init(from reader: inout WireReader) throws(WireError) {
        name = try reader.readString()
        parts = try reader.readList { (reader: inout WireReader) throws(WireError) in try FilePart(from: &reader) }
    }
}

extension PlanOperation: WireCodable {
    public func encode(to writer: inout WireWriter) {
        switch self {
        case .privateMounts: writer.write(UInt8(0))
        case .root(let bytes, let inodes):
            writer.write(UInt8(1))
            writer.write(bytes)
            writer.write(inodes)
        case .directory(let path, let mode, let owner):
            writer.write(UInt8(2))
            writer.write(path)
            writer.write(mode)
            owner.encode(to: &writer)
        case .file(let path, let contents, let mode):
            writer.write(UInt8(3))
            writer.write(path)
            writer.write(contents)
            writer.write(mode)
        case .homeFile(let path, let contents):
            writer.write(UInt8(25))
            writer.write(path)
            writer.write(contents)
        case .cover(let path, let files, let isDirectory):
            writer.write(UInt8(26))
            writer.write(path)
            writer.write(files) { $1.encode(to: &$0) }
            writer.write(isDirectory)
        case .copy(let source, let path):
            writer.write(UInt8(21))
            writer.write(source)
            writer.write(path)
        case .compose(let path, let parts):
            writer.write(UInt8(27))
            writer.write(path)
            writer.write(parts) { $1.encode(to: &$0) }
        case .symlink(let path, let destination):
            writer.write(UInt8(4))
            writer.write(path)
            writer.write(destination)
        case .bind(let source, let target, let restrictions, let recursive):
            writer.write(UInt8(5))
            writer.write(source)
            writer.write(target)
            restrictions.encode(to: &writer)
            writer.write(recursive)
        case .overlay(let lower, let upper, let work, let target, let restrictions, let isGiven):
            writer.write(UInt8(28))
            for path in [lower, upper, work, target] { writer.write(path) }
            restrictions.encode(to: &writer)
            writer.write(isGiven)
        case .pin(let path):
            writer.write(UInt8(6))
            writer.write(path)
        case .readOnly(let path):
            writer.write(UInt8(7))
            writer.write(path)
        case .mask(let path):
            writer.write(UInt8(8))
            writer.write(path)
        case .tmpfs(let target, let bytes, let inodes, let mode, let owner, let restrictions):
            writer.write(UInt8(9))
            writer.write(target)
            writer.write(bytes)
            writer.write(inodes)
            writer.write(mode)
            owner.encode(to: &writer)
            restrictions.encode(to: &writer)
        case .proc(let target):
            writer.write(UInt8(10))
            writer.write(target)
        case .terminals(let target):
            writer.write(UInt8(11))
            writer.write(target)
        case .messageQueues(let target):
            writer.write(UInt8(12))
            writer.write(target)
        case .enterRoot: writer.write(UInt8(13))
        case .hostname(let name):
            writer.write(UInt8(14))
            writer.write(name)
        case .loopback: writer.write(UInt8(15))
        case .gatewayRoute(let address):
            writer.write(UInt8(22))
            writer.write(address)
        case .listen(let socket):
            writer.write(UInt8(23))
            socket.encode(to: &writer)
        case .gatewayRules(let address, let redirectPort, let dnsPort):
            writer.write(UInt8(24))
            writer.write(address)
            writer.write(redirectPort)
            writer.write(dnsPort)
        case .kernelSetting(let path, let value):
            writer.write(UInt8(16))
            writer.write(path)
            writer.write(value)
        case .resourceLimit(let resource, let name, let soft, let hard):
            writer.write(UInt8(17))
            writer.write(resource)
            writer.write(name)
            writer.write(soft)
            writer.write(hard)
        case .landlock(let handled, let scopes, let rules):
            writer.write(UInt8(18))
            writer.write(handled)
            writer.write(scopes)
            writer.write(rules) { $1.encode(to: &$0) }
        case .dropPrivileges(let keep):
            writer.write(UInt8(19))
            writer.write(keep)
        case .seccomp(let name, let program):
            writer.write(UInt8(20))
            writer.write(name)
            writer.write(program)
        }
    }

    public init(from reader: inout WireReader) throws(WireError) {
        switch try reader.read(UInt8.self) {
        case 0: self = .privateMounts
        case 1: self = .root(bytes: try reader.read(), inodes: try reader.read())
        case 2: self = .directory(path: try reader.readString(), mode: try reader.read(), owner: try Owner(from: &reader))
        case 3: self = .file(path: try reader.readString(), contents: try reader.readBytes(), mode: try reader.read())
        case 4: self = .symlink(path: try reader.readString(), destination: try reader.readString())
        case 5:
            self = .bind(
                source: try reader.readString(), target: try reader.readString(),
                restrictions: try MountRestrictions(from: &reader), recursive: try reader.readBool())
        case 6: self = .pin(path: try reader.readString())
        case 7: self = .readOnly(path: try reader.readString())
        case 8: self = .mask(path: try reader.readString())
        case 9:
            self = .tmpfs(
                target: try reader.readString(), bytes: try reader.read(), inodes: try reader.read(), mode: try reader.read(),
                owner: try Owner(from: &reader), restrictions: try MountRestrictions(from: &reader))
        case 10: self = .proc(target: try reader.readString())
        case 11: self = .terminals(target: try reader.readString())
        case 12: self = .messageQueues(target: try reader.readString())
        case 13: self = .enterRoot
        case 14: self = .hostname(try reader.readString())
        case 15: self = .loopback
        case 16: self = .kernelSetting(path: try reader.readString(), value: try reader.readString())
        case 17:
            self = .resourceLimit(
                resource: try reader.read(), name: try reader.readString(), soft: try reader.read(), hard: try reader.read())
        case 18:
            self = .landlock(
                handled: try reader.read(), scopes: try reader.read(),
                rules: try reader.readList { (reader: inout WireReader) throws(WireError) in try LandlockRule(from: &reader) })
        case 19: self = .dropPrivileges(keep: try reader.read())
        case 20: self = .seccomp(name: try reader.readString(), program: try reader.readBytes())
        case 21: self = .copy(source: try reader.readString(), path: try reader.readString())
        case 22: self = .gatewayRoute(address: try reader.readString())
        case 23: self = .listen(try ListeningSocket(from: &reader))
        case 24:
            self = .gatewayRules(address: try reader.readString(), redirectPort: try reader.read(), dnsPort: try reader.read())
        case 25: self = .homeFile(path: try reader.readString(), contents: try reader.readBytes())
        case 26:
            self = .cover(
                path: try reader.readString(),
                files: try reader.readList { (reader: inout WireReader) throws(WireError) in try CoverFile(from: &reader) },
                isDirectory: try reader.readBool())
        case 27:
            self = .compose(
                path: try reader.readString(),
                parts: try reader.readList { (reader: inout WireReader) throws(WireError) in try FilePart(from: &reader) })
        case 28:
            self = .overlay(
                lower: try reader.readString(), upper: try reader.readString(), work: try reader.readString(),
                target: try reader.readString(), restrictions: try MountRestrictions(from: &reader), isGiven: try reader.readBool())
        default: throw WireError("unknown plan operation")
        }
    }
}
