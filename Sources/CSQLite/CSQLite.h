// SQLite of the build machine, linked statically (libsqlite3.a): 3.22 or later, for readers of a log whose writer is gone.
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>

// Swift cannot spell SQLITE_STATIC, a cast to a function pointer.
static inline int coop_sqlite_bind_bytes(sqlite3_stmt *statement, int index, const void *bytes, int count) {
    return sqlite3_bind_blob(statement, index, bytes, count, SQLITE_STATIC);
}
static inline int coop_sqlite_bind_text(sqlite3_stmt *statement, int index, const char *bytes, int count) {
    return sqlite3_bind_text(statement, index, bytes, count, SQLITE_STATIC);
}

#endif
