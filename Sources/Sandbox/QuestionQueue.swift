import LinuxKernel
import WardenProtocol

/// Questions to the person at a client's terminal: one at a time, the others wait. Each stays until it is answered or withdrawn.
public final class QuestionQueue {
    /// Questions that may wait: what asks more than that is not worth a person's time.
    private static let limit = 64

    private struct Question {
        var id: UInt32
        var text: String
        var answered: (Consent) -> Void
    }

    /// The clients whose terminals can be asked at, the oldest first.
    private var attending: [(client: Int32, send: (Frame) -> Void)] = []
    /// The first one is open, if anybody attends.
    private var questions: [Question] = []
    /// The client that is asked the first question.
    private var asked: Int32?
    private var nextID: UInt32 = 1

    public init() {}

    /// Asks, and calls `answered` once, unless the question is withdrawn; with `absent` when nobody is there.
    ///
    /// - Parameter text: one line, safe for a terminal.
    /// - Returns: the question's number, for `withdraw`.
    @discardableResult
    public func ask(_ text: String, _ answered: @escaping (Consent) -> Void) -> UInt32 {
        let id = nextID
        guard !attending.isEmpty, questions.count < QuestionQueue.limit else {
            answered(.absent)
            return id
        }
        questions.append(Question(id: id, text: text, answered: answered))
        nextID &+= 1
        if asked == nil { open() }
        return id
    }

    /// Takes a question back that nobody needs an answer to any more.
    public func withdraw(_ id: UInt32) {
        guard let index = questions.firstIndex(where: { $0.id == id }) else { return }
        questions.remove(at: index)
        guard index == 0, let asked else { return }
        self.asked = nil
        attending.first { $0.client == asked }?.send(.settled(id: id))
        open()
    }

    /// Whether there is anybody to be asked.
    public var isAttended: Bool { !attending.isEmpty }

    func attend(_ client: Int32, send: @escaping (Frame) -> Void) {
        guard !attending.contains(where: { $0.client == client }) else { return }
        attending.append((client, send))
    }

    /// A client has gone: its question goes to another one, or nobody.
    func leave(_ client: Int32) {
        attending.removeAll { $0.client == client }
        guard asked == client else { return }
        asked = nil
        open()
    }

    func answer(_ client: Int32, id: UInt32, _ consent: Consent) {
        // An answer that comes too late, or from one who was not asked, is none.
        guard asked == client, questions.first?.id == id else { return }
        asked = nil
        let question = questions.removeFirst()
        question.answered(consent)
        if asked == nil { open() }
    }

    private func open() {
        guard let question = questions.first else { return }
        guard let (client, send) = attending.first else {
            let waiting = questions
            questions = []
            for question in waiting { question.answered(.absent) }
            return
        }
        asked = client
        send(.question(id: question.id, text: question.text))
    }
}
