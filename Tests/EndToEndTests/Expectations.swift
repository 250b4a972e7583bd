import TestSupport
import Testing

extension ChildProcess.Outcome {
    func expectSuccess(at location: SourceLocation = #_sourceLocation) {
        #expect(exitCode == 0, "\(self)", sourceLocation: location)
    }
}
