import Glibc
import LinuxKernel

extension SystemError {
    /// Whether nothing is there that can be reached without a link, and without leaving the tree.
    var isAbsence: Bool { [ENOENT, ENOTDIR, ELOOP, EXDEV].contains(errno) }
}
