import Workspaces

/// A commit object's bytes: header lines, an empty line, the message in whatever encoding (git-hash-object(1)).
struct RawCommit {
    let id: ObjectID
    let tree: ObjectID
    /// The first one; nil for a commit without.
    let parent: ObjectID?
    private let author: ArraySlice<UInt8>
    private let encoding: ArraySlice<UInt8>?
    private let message: ArraySlice<UInt8>

    /// nil when it is no commit.
    init?(id: ObjectID, bytes: ArraySlice<UInt8>) {
        var rest = bytes
        var tree: ObjectID?
        var parent: ObjectID?
        var author: ArraySlice<UInt8>?
        var encoding: ArraySlice<UInt8>?
        while true {
            let line = rest.prefix { $0 != UInt8(ascii: "\n") }
            rest = rest.dropFirst(line.count + 1)
            if line.isEmpty { break }
            func value(_ name: String) -> ArraySlice<UInt8>? {
                line.starts(with: Array("\(name) ".utf8)) ? line.dropFirst(name.utf8.count + 1) : nil
            }
            func object(_ name: String) -> ObjectID? { value(name).flatMap { ObjectID(String(decoding: $0, as: UTF8.self)) } }
            if tree == nil, let found = object("tree") {
                tree = found
            } else if parent == nil, let found = object("parent") {
                parent = found
            } else if author == nil, let found = value("author") {
                author = found
            } else if encoding == nil, let found = value("encoding") {
                encoding = found
            }
        }
        guard let tree, let author else { return nil }
        self.id = id
        self.tree = tree
        self.parent = parent
        self.author = author
        self.encoding = encoding
        message = rest
    }

    /// The same author and message with another tree and parent. A signature was for the old ones and is left out.
    func bytes(tree: ObjectID, parent: ObjectID, committer: String) -> [UInt8] {
        var result = Array("tree \(tree.hex)\nparent \(parent.hex)\nauthor ".utf8)
        result += author
        result += Array("\ncommitter ".utf8) + committer.osBytes
        if let encoding { result += Array("\nencoding ".utf8) + encoding }
        result += Array("\n\n".utf8)
        result += message
        return result
    }
}
