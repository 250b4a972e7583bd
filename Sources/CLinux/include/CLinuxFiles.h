// System calls on files that the C library hides without _GNU_SOURCE, or that Swift does not import. Used where trees are changed.
#ifndef CLINUX_FILES_H
#define CLINUX_FILES_H

#include <linux/fs.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/xattr.h>
#include <unistd.h>

enum {
    COOP_RENAME_EXCHANGE = 2,
    COOP_SEEK_DATA = 3,
    COOP_SEEK_HOLE = 4,
};

/// FICLONE (ioctl_ficlone(2)): `to` shares the blocks of `from` from now on, each its own copy as soon as it is written.
static inline int coop_clone_file(int to, int from) { return ioctl(to, FICLONE, from); }

/// copy_file_range(2) between the places of the two, which move along.
static inline ssize_t coop_copy_range(int from, int64_t *from_place, int to, int64_t *to_place, size_t count) {
    return (ssize_t)syscall(SYS_copy_file_range, from, from_place, to, to_place, count, 0u);
}

/// Everything of the file system that holds `descriptor` reaches the disk (syncfs(2)).
static inline int coop_sync_file_system(int descriptor) { return (int)syscall(SYS_syncfs, descriptor); }

/// Extended attributes of an open file (xattr(7)); those that read are in CLinux.h.
static inline int coop_set_attribute(int file, const char *name, const void *value, size_t size) {
    return fsetxattr(file, name, value, size, 0);
}
static inline int coop_remove_attribute(int file, const char *name) { return fremovexattr(file, name); }

/// Which mount an open file was reached by (statx(2), STATX_MNT_ID): a rename(2) works only within one. 0 where the kernel does not say.
uint64_t coop_mount_id(int descriptor);

#endif
