import Testing
import WardenProtocol

@testable import Sandbox

@Suite struct QuestionQueueTests {
    /// What one client was sent: `+1` for a question, `-1` for one that is settled.
    private final class Client {
        var seen: [String] = []
        func receive(_ frame: Frame) {
            switch frame {
            case .question(let id, _): seen.append("+\(id)")
            case .settled(let id): seen.append("-\(id)")
            default: seen.append("?")
            }
        }
    }

    private let queue = QuestionQueue()
    private let first = Client()
    private let second = Client()

    @Test func `questions are asked one after the other, and stay until they are answered`() {
        queue.attend(1) { first.receive($0) }
        var answers: [String] = []
        let one = queue.ask("one") { answers.append("one \($0)") }
        let two = queue.ask("two") { answers.append("two \($0)") }
        #expect(first.seen == ["+\(one)"])
        queue.answer(1, id: two, .once)
        queue.answer(2, id: one, .once)
        #expect(answers.isEmpty)
        queue.answer(1, id: one, .session)
        #expect(first.seen == ["+\(one)", "+\(two)"])
        queue.answer(1, id: two, .no)
        #expect(answers == ["one session", "two no"])
        queue.answer(1, id: two, .no)
        #expect(answers.count == 2)
    }

    @Test func `what is withdrawn is settled, and the next one is asked`() {
        queue.attend(1) { first.receive($0) }
        var answers: [String] = []
        let ids = ["one", "two", "three"].map { name in queue.ask(name) { answers.append("\(name) \($0)") } }
        queue.withdraw(ids[1])
        queue.withdraw(ids[0])
        queue.withdraw(ids[0])
        #expect(first.seen == ["+\(ids[0])", "-\(ids[0])", "+\(ids[2])"])
        queue.answer(1, id: ids[0], .always)
        queue.answer(1, id: ids[2], .once)
        #expect(answers == ["three once"])
        queue.withdraw(ids[2])
        #expect(first.seen.count == 3)
    }

    @Test func `a client that goes leaves its question to the next, and the last one leaves none`() {
        queue.attend(1) { first.receive($0) }
        queue.attend(2) { second.receive($0) }
        var answers: [String] = []
        let one = queue.ask("one") { answers.append("one \($0)") }
        _ = queue.ask("two") { answers.append("two \($0)") }
        queue.leave(1)
        #expect(second.seen == ["+\(one)"])
        queue.leave(2)
        #expect(answers == ["one absent", "two absent"])
        queue.ask("three") { answers.append("three \($0)") }
        #expect(answers.last == "three absent")
    }

    @Test func `more than a person can answer is not asked`() {
        queue.attend(1) { first.receive($0) }
        var absent = 0
        for _ in 0..<100 { queue.ask("x") { if $0 == .absent { absent += 1 } } }
        #expect(absent == 36)
    }
}
