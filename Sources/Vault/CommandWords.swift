/// The words of a command line with single and double quotes and backslashes, without anything else that a shell does.
enum CommandWords {
    /// Nil where a quote is not closed, or a backslash has nothing after it.
    static func split(_ text: String) -> [String]? {
        var words: [String] = []
        var word: String?
        var quote: Character?
        var iterator = text.makeIterator()
        while let character = iterator.next() {
            switch (character, quote) {
            case ("'", "'"), ("\"", "\""): quote = nil
            case ("\\", nil), ("\\", "\""):
                guard let escaped = iterator.next() else { return nil }
                // Within double quotes a backslash escapes only these (POSIX, section 2.2.3).
                if quote != nil, escaped != "\"", escaped != "\\" { word = (word ?? "") + "\\" }
                word = (word ?? "") + String(escaped)
            case ("'", nil), ("\"", nil):
                quote = character
                word = word ?? ""
            case (" ", nil), ("\t", nil):
                if let done = word { words.append(done) }
                word = nil
            default: word = (word ?? "") + String(character)
            }
        }
        guard quote == nil else { return nil }
        if let word { words.append(word) }
        return words
    }

    static func join(_ words: [String]) -> String {
        words.map { word in
            let isPlain = !word.isEmpty && word.utf8.allSatisfy { $0.isLetterOrDigit || "./_-+=:@,%#~".utf8.contains($0) }
            return isPlain ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
        }.joined(separator: " ")
    }
}
