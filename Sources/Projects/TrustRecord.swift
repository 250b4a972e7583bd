import TOML

/// What the user has approved for one project, as it is kept in `$COOP_HOME/trust/<key>`.
///
/// The file is TOML: `version`, `path` (the project's root), `digest` (SHA-256 of the approved contents), `approved_at` (Unix
/// seconds), `items` (what was approved, in words), `written_by_sandbox` (files that lost their trust).
public struct TrustRecord: Sendable, Equatable {
    static let version: Int64 = 1

    /// The root of the project, with every link resolved.
    public var path: String
    /// `LoadedConfiguration.contentDigest` of what was approved; nil when nothing is.
    public var digest: String?
    /// When it was approved, in seconds since 1970.
    public var approvedAt: Int64?
    /// The text of each approved request.
    public var items: [String]
    /// Files of the project that a sandbox wrote; while there is one, nothing is approved.
    public var writtenBySandbox: [String]

    public init(path: String, digest: String? = nil, approvedAt: Int64? = nil, items: [String] = [], writtenBySandbox: [String] = []) {
        self.path = path
        self.digest = digest
        self.approvedAt = approvedAt
        self.items = items
        self.writtenBySandbox = writtenBySandbox
    }

    var text: String {
        var result = "# Kept by `coop trust`.\nversion = \(TrustRecord.version)\npath = \(TOMLValue.string(path).text)\n"
        if let digest { result += "digest = \(TOMLValue.string(digest).text)\n" }
        if let approvedAt { result += "approved_at = \(approvedAt)\n" }
        result += "items = \(TOMLValue.strings(items).text)\n"
        if !writtenBySandbox.isEmpty { result += "written_by_sandbox = \(TOMLValue.strings(writtenBySandbox).text)\n" }
        return result
    }

    /// Nil when the file is not one that this version wrote.
    init?(_ table: TOMLTable) {
        guard case .integer(TrustRecord.version)? = table["version"]?.value, case .string(let path)? = table["path"]?.value,
            let items = table["items"].flatMap(TrustRecord.strings)
        else { return nil }
        self.init(path: path, items: items)
        if case .string(let text)? = table["digest"]?.value { digest = text }
        if case .integer(let seconds)? = table["approved_at"]?.value { approvedAt = seconds }
        if let node = table["written_by_sandbox"] {
            guard let files = TrustRecord.strings(node) else { return nil }
            writtenBySandbox = files
        }
    }

    private static func strings(_ node: TOMLNode) -> [String]? {
        guard case .array(let elements) = node.value else { return nil }
        let texts = elements.compactMap { if case .string(let text) = $0.value { text } else { nil } }
        return texts.count == elements.count ? texts : nil
    }
}

/// Whether a project's files may have what they ask.
public enum TrustVerdict: Sendable, Equatable {
    /// They ask nothing.
    case notNeeded
    /// The user has approved exactly these contents, and everything that they ask.
    case approved(TrustRecord)
    /// The user has to be asked.
    case needed(TrustDifference)
}

/// What the user is shown when asked.
public struct TrustDifference: Sendable, Equatable {
    /// What was not part of the earlier approval.
    public var added: [ApprovalRequest]
    /// What was.
    public var kept: [ApprovalRequest]
    /// What the earlier approval had, and the files no longer ask.
    public var withdrawn: [String]
    /// Whether there was an approval, of other contents.
    public var contentsChanged: Bool
    /// Files that a sandbox wrote since.
    public var writtenBySandbox: [String]
}
