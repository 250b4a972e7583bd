import FrameTransport
import TerminalModel

/// The worker's side of the requests: a terminal model, and answers about it.
struct WorkerScreen {
    private var model: TerminalModel?

    /// - Returns: the answer, if it was a question.
    mutating func take(_ request: ScreenRequest) throws(WireError) -> ScreenAnswer? {
        if case .open(let rows, let columns, let scrollback) = request {
            model = TerminalModel(
                rows: Int(rows), columns: Int(columns), scrollback: Int(min(scrollback, ScreenRequest.mostScrollback)))
            return nil
        }
        guard let model else { throw WireError("there is no screen yet") }
        switch request {
        case .open: return nil
        case .feed(let bytes): model.feed(bytes)
        case .resize(let rows, let columns): model.resize(rows: Int(rows), columns: Int(columns))
        case .ask(let number, let question):
            return ScreenAnswer(number: number, content: WorkerScreen.answer(question, about: model))
        }
        return nil
    }

    private static func answer(_ question: ScreenQuestion, about model: TerminalModel) -> ScreenAnswer.Content {
        switch question {
        case .snapshot(let scrollback):
            let whole = model.snapshot(scrollback: scrollback)
            if let fits = fitting(whole) { return fits }
            return scrollback ? answer(.snapshot(scrollback: false), about: model) : .tooLong
        case .crop(let rows, let columns): return fitting(model.crop(rows: Int(rows), columns: Int(columns))) ?? .tooLong
        case .text(let scrollback):
            let lines = (scrollback ? model.scrollbackText : []) + model.text
            // Each line has a count before it.
            return lines.reduce(0) { $0 + $1.utf8.count + 4 } + 16 <= ScreenAnswer.limit ? .lines(lines) : .tooLong
        case .replies: return .replies(model.takeReplies())
        }
    }

    private static func fitting(_ bytes: [UInt8]) -> ScreenAnswer.Content? {
        bytes.count + 16 <= ScreenAnswer.limit ? .drawing(bytes) : nil
    }
}
