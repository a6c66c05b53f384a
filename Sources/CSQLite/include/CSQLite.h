/* The one place that includes <sqlite3.h>, and its macros that Swift cannot see as functions. */
#ifndef CSQLITE_H
#define CSQLITE_H

#include <sqlite3.h>
#include <stddef.h>

/* Binds a copy of the bytes; a null pointer with no bytes is an empty blob, not NULL. */
int csqlite_bind_blob(sqlite3_stmt *statement, int index, const void *bytes, sqlite3_uint64 count);
int csqlite_bind_text(sqlite3_stmt *statement, int index, const char *bytes, sqlite3_uint64 count);

#endif
