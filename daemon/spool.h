/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/*
 * The border between profiling and delivering: a directory of sealed recordings. An entry is a directory
 *     <spool>/<end, 16 hex digits of us>-<pid>-<start time of the target>/
 *         recording.jfr     the JFR, whole, nobody else has it open
 *         entry.json        whose it is, and when
 *         todo.<reporter>   one empty file for each reporter that still needs it
 * that appears under its name by one rename, when all of it is on disk. A reporter's mark goes when it has
 * the recording, and the entry goes with the last mark. So the directory is all the state there is. Every
 * function blocks on the disk and may be called from any thread; the profiling side only seals, the
 * delivering side only lists, opens and settles.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/cleanup.h"

typedef struct Spool Spool;

/* What is known of a recording apart from its content. */
typedef struct SpoolEntry {
    char *name; /* set by spool_list() */
    pid_t pid;
    uint64_t start_time; /* of the target: proc(5), stat, field 22 */
    char comm[16];
    int64_t start; /* ns since the epoch */
    int64_t end;
    uint64_t reporting_interval; /* ns */
} SpoolEntry;

/*
 * Opens <shared_directory>/spool, making it (0700) if missing; removes what was never sealed. max_bytes
 * bounds the sealed recordings together. -EBUSY: another daemon has it, its PID is in the reason.
 */
int spool_open(const char *shared_directory, uint64_t max_bytes, Spool **ret, char **reason);
Spool *spool_free(Spool *spool);
DEFINE_CLEANUP(Spool, spool_free)

/*
 * Copies the first size bytes of fd into the spool, checks the copy (daemon/jfr.h) and seals it, to be
 * delivered to these reporters. *ret_dropped counts the oldest entries that had to go to keep max_bytes, also
 * on failure. -ENODATA: fd is empty, nothing was made. -EFBIG: it is over max_bytes, nothing was made.
 * -EBADMSG: not a finished JFR; the copy is kept as <shared_directory>/incomplete/<name>.jfr.incomplete (the
 * newest 16 of them), and the reason says so.
 */
int spool_seal(Spool *spool, int fd, const SpoolEntry *entry, const char *const *reporters,
        size_t n_reporters, unsigned *ret_dropped, char **reason);

/* The sealed entries, oldest first. Owned by the caller: spool_entries_free(). An entry that cannot be read
 * is moved to <shared_directory>/incomplete and named in *reason, and does not stop the listing (0 is
 * returned). */
int spool_list(Spool *spool, SpoolEntry **ret, size_t *ret_n, char **reason);
void spool_entries_free(SpoolEntry *entries, size_t n);

/* Whether this reporter still needs the entry. */
bool spool_entry_is_wanted(Spool *spool, const char *name, const char *reporter);
/* A read-only descriptor of the entry's recording. */
int spool_entry_open(Spool *spool, const char *name);
/* The reporter has it: takes away its mark, and the entry with the last one. */
int spool_entry_settle(Spool *spool, const char *name, const char *reporter);
/* Takes away every mark that names none of these reporters. *ret_n counts them. */
int spool_forget_others(Spool *spool, const char *const *reporters, size_t n_reporters, unsigned *ret_n);
