import Glibc
import LinuxKernel

extension SystemError {
    /// Whether nothing is there that can be reached without a link, without leaving the tree, and by a path that the kernel takes.
    var isAbsence: Bool { [ENOENT, ENOTDIR, ELOOP, EXDEV, ENAMETOOLONG].contains(errno) }
}
