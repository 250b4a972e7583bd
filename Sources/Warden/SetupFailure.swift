import LinuxKernel

/// A plan operation that could not be done, or a fact that does not agree with the plan. The sandbox does not start.
struct SetupFailure: Error {
    /// The operation or the check.
    var step: String
    /// The path or thing it was about.
    var subject: String
    /// The kernel's error number, 0 where the step failed without one.
    var errno: Int32
    var reason: String

    init(step: String, subject: String, reason: String) {
        self.step = step
        self.subject = subject
        self.errno = 0
        self.reason = reason
    }

    init(step: String, subject: String, _ error: SystemError) {
        self.step = step
        self.subject = subject
        self.errno = error.errno
        self.reason = error.description
    }
}
