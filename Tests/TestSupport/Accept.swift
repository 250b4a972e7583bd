import CLinux
import LinuxKernel

extension Descriptor {
    /// The next connection to this listening socket, close-on-exec: a child that another test starts would keep it open (accept4(2)).
    ///
    /// - Returns: its number; negative, with `errno`, for none.
    public func acceptedNumber() -> Int32 { coop_accept(number) }
}
