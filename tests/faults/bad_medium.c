/* Preloaded into a writer: lets the medium below a folder fail, the process die, or the wall clock jump, at a chosen
 * operation on a file there. Armed by BAD_MEDIUM_PLAN in the environment or by a call of bad_medium_arm:
 * "FOLDER|WHAT|WHICH|AT|LASTING|NUMBER". WHAT is fail (NUMBER: errno), short (half is written, then errno NUMBER),
 * kill (before the operation), torn (half of it is written, then kill) or clock (NUMBER: seconds added to the wall
 * clock). WHICH is write, sync, change (truncate, unlink, rename, open to write) or any. AT counts such operations
 * from 1; LASTING 1 lets all later ones fail as well. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum { WRITE, SYNC, CHANGE };

static char root[PATH_MAX], what[16], which[16];
static long at, lasting, number, seen, jumped;

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

void bad_medium_arm(const char *plan)
{
    seen = jumped = 0;
    what[0] = 0;
    if (plan)
        sscanf(plan, "%4000[^|]|%15[^|]|%15[^|]|%ld|%ld|%ld", root, what, which, &at, &lasting, &number);
}

long bad_medium_seen(void) { return seen; }

__attribute__((constructor)) static void begin(void) { bad_medium_arm(getenv("BAD_MEDIUM_PLAN")); }

static int is_below(const char *path)
{
    return strncmp(path, root, strlen(root)) == 0 && !strstr(path, "-shm");
}

/* Whether the fault strikes now; kills at once where nothing is to be written before. */
static int strikes(int kind, const char *path)
{
    static const char *kinds[] = {"write", "sync", "change"};
    if (!what[0] || !is_below(path) || (strcmp(which, "any") && strcmp(which, kinds[kind])))
        return 0;
    seen++;
    if (seen != at && !(lasting && seen > at))
        return 0;
    if (!strcmp(what, "kill") || (!strcmp(what, "torn") && kind != WRITE))
        kill(getpid(), SIGKILL);
    if (!strcmp(what, "clock")) {
        jumped = number;
        return 0;
    }
    return 1;
}

static int strikes_fd(int kind, int fd)
{
    char link[64], path[PATH_MAX];
    int kept = errno;
    if (!what[0])
        return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    errno = kept;
    return strikes(kind, path);
}

static int refused(void)
{
    errno = (int)number;
    return -1;
}

/* What is left of a write that fails: nothing, or its first half. */
#define WRITES(name, parameters, all, half)                                    \
    ssize_t name parameters                                                    \
    {                                                                          \
        if (!strikes_fd(WRITE, fd))                                            \
            return NEXT(name) all;                                             \
        if (strcmp(what, "fail"))                                              \
            (void)!(NEXT(name) half);                                          \
        if (!strcmp(what, "torn"))                                             \
            kill(getpid(), SIGKILL);                                           \
        return refused();                                                      \
    }
WRITES(write, (int fd, const void *bytes, size_t count), (fd, bytes, count), (fd, bytes, count / 2))
WRITES(pwrite, (int fd, const void *bytes, size_t count, off_t to), (fd, bytes, count, to), (fd, bytes, count / 2, to))
WRITES(pwrite64, (int fd, const void *bytes, size_t count, off64_t to), (fd, bytes, count, to),
       (fd, bytes, count / 2, to))

int fsync(int fd) { return strikes_fd(SYNC, fd) ? refused() : NEXT(fsync)(fd); }
int fdatasync(int fd) { return strikes_fd(SYNC, fd) ? refused() : NEXT(fdatasync)(fd); }
int ftruncate(int fd, off_t size) { return strikes_fd(CHANGE, fd) ? refused() : NEXT(ftruncate)(fd, size); }
int ftruncate64(int fd, off64_t size) { return strikes_fd(CHANGE, fd) ? refused() : NEXT(ftruncate64)(fd, size); }
int unlink(const char *path) { return strikes(CHANGE, path) ? refused() : NEXT(unlink)(path); }
int rename(const char *from, const char *to) { return strikes(CHANGE, from) ? refused() : NEXT(rename)(from, to); }

#define OPENS(name)                                                            \
    int name(const char *path, int flags, ...)                                 \
    {                                                                          \
        va_list rest;                                                          \
        va_start(rest, flags);                                                 \
        mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;\
        va_end(rest);                                                          \
        if ((flags & (O_WRONLY | O_RDWR | O_CREAT)) && strikes(CHANGE, path))  \
            return refused();                                                  \
        return NEXT(name)(path, flags, mode);                                  \
    }
OPENS(open)
OPENS(open64)

int clock_gettime(clockid_t clock, struct timespec *now)
{
    int failed = NEXT(clock_gettime)(clock, now);
    if (!failed && clock == CLOCK_REALTIME)
        now->tv_sec += jumped;
    return failed;
}
