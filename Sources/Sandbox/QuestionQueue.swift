import LinuxKernel
import WardenProtocol

/// Questions to the person at a client's terminal: one at a time, the others wait.
public final class QuestionQueue {
    /// Milliseconds after which no answer is one.
    private static let patience: UInt64 = 60_000
    /// Questions that may wait: what asks more than that is not worth a person's time.
    private static let limit = 64

    private struct Question {
        var id: UInt32
        var text: String
        var answered: (Consent) -> Void
    }

    private let loop: EventLoop
    /// The clients whose terminals can be asked at, the oldest first.
    private var attending: [(client: Int32, send: (Frame) -> Void)] = []
    /// The first one is open, if anybody attends.
    private var questions: [Question] = []
    private var asked: (client: Int32, timer: Int)?
    private var nextID: UInt32 = 1

    init(loop: EventLoop) { self.loop = loop }

    /// Asks, and calls `answered` once; with `absent` when nobody is there or no answer has come in time.
    ///
    /// - Parameter text: one line, safe for a terminal.
    public func ask(_ text: String, _ answered: @escaping (Consent) -> Void) {
        guard !attending.isEmpty, questions.count < QuestionQueue.limit else { return answered(.absent) }
        questions.append(Question(id: nextID, text: text, answered: answered))
        nextID &+= 1
        if asked == nil { open() }
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
        guard let asked, asked.client == client else { return }
        loop.cancel(timer: asked.timer)
        self.asked = nil
        open()
    }

    func answer(_ client: Int32, id: UInt32, _ consent: Consent) {
        // An answer that comes too late, or from one who was not asked, is none.
        guard let asked, asked.client == client, questions.first?.id == id else { return }
        loop.cancel(timer: asked.timer)
        close(consent)
    }

    private func open() {
        guard let question = questions.first else { return }
        guard let (client, send) = attending.first else {
            let waiting = questions
            questions = []
            for question in waiting { question.answered(.absent) }
            return
        }
        let timer = loop.after(milliseconds: QuestionQueue.patience) { [unowned self] in
            send(.settled(id: question.id))
            self.close(.absent)
        }
        asked = (client, timer)
        send(.question(id: question.id, text: question.text))
    }

    private func close(_ consent: Consent) {
        asked = nil
        let question = questions.removeFirst()
        question.answered(consent)
        if asked == nil { open() }
    }
}
