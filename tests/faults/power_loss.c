/* Preloaded into a writer: notes every write, truncation, sync, rename and removal below a folder, in order, in a log,
 * with what goes to standard output between them. One record: operation, path length, offset or size, byte count
 * (native 64-bit), then path and bytes. Armed by POWER_LOSS_ROOT and POWER_LOSS_LOG in the environment, or by a call of
 * power_loss_arm in a forked process, which may be killed behind an operation there, counted from 1; 0 lets it live. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

static long log_fd = -1, seen, last;
static char root[PATH_MAX];
static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER;

void power_loss_arm(const char *folder, const char *log, long kill_behind)
{
    snprintf(root, sizeof root, "%s", folder);
    seen = 0;
    last = kill_behind;
    log_fd = syscall(SYS_openat, AT_FDCWD, log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
}

__attribute__((constructor)) static void begin(void)
{
    if (getenv("POWER_LOSS_ROOT"))
        power_loss_arm(getenv("POWER_LOSS_ROOT"), getenv("POWER_LOSS_LOG"), 0);
    unsetenv("LD_PRELOAD");
}

static void note(int64_t operation, const char *path, int64_t offset, const void *bytes, size_t count)
{
    int64_t head[4] = {operation, (int64_t)strlen(path), offset, (int64_t)count};
    struct iovec parts[3] = {{head, sizeof head}, {(void *)path, strlen(path)}, {(void *)bytes, count}};
    if (!root[0] || (strncmp(path, root, strlen(root)) && operation != 'A'))
        return;
    pthread_mutex_lock(&turn);
    syscall(SYS_writev, log_fd, parts, 3);
    if (operation != 'A' && !strstr(path, "-shm") && ++seen == last)
        kill(getpid(), SIGKILL);
    pthread_mutex_unlock(&turn);
}

static const char *path_of(int fd, char *path)
{
    char link[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, PATH_MAX - 1);
    path[length < 0 ? 0 : length] = 0;
    return path;
}

#define NEXT(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))
#define PATH char path[PATH_MAX]

ssize_t write(int fd, const void *bytes, size_t count)
{
    PATH;
    off_t offset = lseek(fd, 0, SEEK_CUR);
    ssize_t written = NEXT(write)(fd, bytes, count);
    if (written > 0)
        note(fd == 1 ? 'A' : 'W', path_of(fd, path), offset, bytes, (size_t)written);
    return written;
}

#define PWRITE(name, offset_type)                                              \
    ssize_t name(int fd, const void *bytes, size_t count, offset_type offset)  \
    {                                                                          \
        PATH;                                                                  \
        ssize_t written = NEXT(name)(fd, bytes, count, offset);                \
        if (written > 0)                                                       \
            note('W', path_of(fd, path), offset, bytes, (size_t)written);      \
        return written;                                                        \
    }
PWRITE(pwrite, off_t)
PWRITE(pwrite64, off64_t)

#define TRUNCATE(name, offset_type)                                            \
    int name(int fd, offset_type size)                                         \
    {                                                                          \
        PATH;                                                                  \
        note('T', path_of(fd, path), size, "", 0);                             \
        return NEXT(name)(fd, size);                                           \
    }
TRUNCATE(ftruncate, off_t)
TRUNCATE(ftruncate64, off64_t)

#define SYNC(name)                                                             \
    int name(int fd)                                                           \
    {                                                                          \
        PATH;                                                                  \
        int failed = NEXT(name)(fd);                                           \
        note('S', path_of(fd, path), 0, "", 0);                                \
        return failed;                                                         \
    }
SYNC(fsync)
SYNC(fdatasync)

int unlink(const char *path)
{
    note('U', path, 0, "", 0);
    return NEXT(unlink)(path);
}

int rename(const char *from, const char *to)
{
    note('R', from, 0, to, strlen(to));
    return NEXT(rename)(from, to);
}
