/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

/* Cleanup attributes: what a scope owns, it gives back on every way out. */

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define _cleanup_(f) __attribute__((cleanup(f)))
#define _printf_(text, first) __attribute__((format(printf, text, first)))

/* Closes fd if it is one, keeps errno, returns -1 to store in its place. */
static inline int close_fd(int fd)
{
    if (fd >= 0) {
        int saved = errno;
        close(fd);
        errno = saved;
    }
    return -1;
}

static inline void close_fdp(int *fd)
{
    close_fd(*fd);
}

static inline void freep(void *p)
{
    free(*(void **)p);
}

static inline void fclosep(FILE **f)
{
    if (*f)
        fclose(*f);
}

static inline void closedirp(DIR **d)
{
    if (*d)
        closedir(*d);
}

#define _cleanup_close_ _cleanup_(close_fdp)
#define _cleanup_free_ _cleanup_(freep)
#define _cleanup_fclose_ _cleanup_(fclosep)
#define _cleanup_closedir_ _cleanup_(closedirp)

/* Defines NAMEp(), the cleanup function for a pointer that NAME() destroys. */
#define DEFINE_CLEANUP(type, name)                                                                           \
    static inline void name##p(type **p)                                                                     \
    {                                                                                                        \
        name(*p);                                                                                            \
    }

/* Hands a descriptor or pointer on: the variable no longer owns it. */
static inline int steal_fd(int *fd)
{
    int stolen = *fd;
    *fd = -1;
    return stolen;
}

#define steal_pointer(p)                                                                                     \
    (__extension__({                                                                                         \
        __typeof__(*(p)) *p_ = (p);                                                                          \
        __typeof__(*(p)) stolen_ = *p_;                                                                      \
        *p_ = NULL;                                                                                          \
        stolen_;                                                                                             \
    }))
