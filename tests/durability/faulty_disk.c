/* Calls that write below one folder fail from a chosen one on, or at that one alone: loaded by LD_PRELOAD.

   FAULTY_FOLDER   absolute path without links; calls on other files are none of its business
   FAULTY_ERROR    ENOSPC, EIO or EROFS; a disk without room fails only calls that take room
   FAULTY_AT       which of those calls fails, from 1; 0: none
   FAULTY_LASTING  1: all that follow fail too
   FAULTY_LOG      a file elsewhere that gets a line for each: number, whether it failed, monotonic ns, call, path

   A write that fails has written its first half before: what lies on the disk is torn. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define REAL(name) ((__typeof__(&name))dlsym(RTLD_NEXT, #name))

static pthread_mutex_t guard = PTHREAD_MUTEX_INITIALIZER;
static const char *folder;
static int error_number, is_lasting, log_handle = -1;
static long fails_at, n_calls;

/* Also called by a process that was forked and has settings of its own. */
__attribute__((constructor)) void faulty_disk_begin(void) {
    const char *error = getenv("FAULTY_ERROR"), *log = getenv("FAULTY_LOG");
    folder = getenv("FAULTY_FOLDER");
    if (!folder || !error || !log) return;
    error_number = !strcmp(error, "ENOSPC") ? ENOSPC : !strcmp(error, "EROFS") ? EROFS : EIO;
    fails_at = atol(getenv("FAULTY_AT"));
    is_lasting = atoi(getenv("FAULTY_LASTING"));
    log_handle = REAL(open)(log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    /* Children are other programs: a simulator keeps no run. */
    unsetenv("LD_PRELOAD");
    unsetenv("FAULTY_FOLDER");
}

static int is_below(const char *path) {
    size_t length = strlen(folder);
    return !strncmp(path, folder, length) && (path[length] == '/' || !path[length]);
}

/* Whether this call is to fail. */
static int fails(const char *call, const char *path, int takes_room) {
    if (log_handle < 0 || (error_number == ENOSPC && !takes_room)) return 0;
    struct timespec now;
    char line[PATH_MAX + 100];
    pthread_mutex_lock(&guard);
    long number = ++n_calls;
    int does = fails_at && (number == fails_at || (is_lasting && number > fails_at));
    clock_gettime(CLOCK_MONOTONIC, &now);
    int length = snprintf(line, sizeof line, "%ld %d %lld %s %s\n", number, does,
                          now.tv_sec * 1000000000LL + now.tv_nsec, call, path);
    if (REAL(write)(log_handle, line, length) != length) abort();
    pthread_mutex_unlock(&guard);
    if (does) errno = error_number;
    return does;
}

static int named(const char *call, int at, const char *path, int takes_room) {
    char whole[PATH_MAX];
    int before = errno;
    if (log_handle < 0) return 0;
    if (path[0] == '/') snprintf(whole, sizeof whole, "%s", path);
    else {
        char base[PATH_MAX], link[64];
        snprintf(link, sizeof link, at == AT_FDCWD ? "/proc/self/cwd" : "/proc/self/fd/%d", at);
        ssize_t length = readlink(link, base, sizeof base - 1);
        if (length < 0) return 0;
        base[length] = 0;
        if (snprintf(whole, sizeof whole, "%s/%s", base, path) >= (int)sizeof whole) return 0;
    }
    int does = is_below(whole) && fails(call, whole, takes_room);
    if (!does) errno = before;
    return does;
}

static int opened(const char *call, int handle, int takes_room) {
    char link[64], path[PATH_MAX];
    int before = errno;
    if (log_handle < 0) return 0;
    snprintf(link, sizeof link, "/proc/self/fd/%d", handle);
    ssize_t length = readlink(link, path, sizeof path - 1);
    path[length < 0 ? 0 : length] = 0;
    int does = is_below(path) && fails(call, path, takes_room);
    if (!does) errno = before;
    return does;
}

static int opening(const char *call, int at, const char *path, int flags) {
    struct stat seen;
    if (log_handle < 0 || !((flags & O_ACCMODE) != O_RDONLY || flags & O_CREAT)) return 0;
    return named(call, at, path, flags & O_CREAT && fstatat(at, path, &seen, 0));
}

#define MODE(flags) \
    mode_t mode = 0; \
    if ((flags) & (O_CREAT | O_TMPFILE)) { \
        va_list rest; \
        va_start(rest, flags); \
        mode = va_arg(rest, mode_t); \
        va_end(rest); \
    }

int open(const char *path, int flags, ...) {
    MODE(flags)
    return opening("open", AT_FDCWD, path, flags) ? -1 : REAL(open)(path, flags, mode);
}
int open64(const char *path, int flags, ...) {
    MODE(flags)
    return opening("open", AT_FDCWD, path, flags) ? -1 : REAL(open64)(path, flags, mode);
}
int openat(int at, const char *path, int flags, ...) {
    MODE(flags)
    return opening("open", at, path, flags) ? -1 : REAL(openat)(at, path, flags, mode);
}
int openat64(int at, const char *path, int flags, ...) {
    MODE(flags)
    return opening("open", at, path, flags) ? -1 : REAL(openat64)(at, path, flags, mode);
}
ssize_t write(int handle, const void *data, size_t size) {
    if (!opened("write", handle, 1)) return REAL(write)(handle, data, size);
    if (REAL(write)(handle, data, size / 2) >= 0) errno = error_number;
    return -1;
}
ssize_t writev(int handle, const struct iovec *parts, int n) {
    return opened("write", handle, 1) ? -1 : REAL(writev)(handle, parts, n);
}
ssize_t pwrite(int handle, const void *data, size_t size, off_t at) {
    if (!opened("write", handle, 1)) return REAL(pwrite)(handle, data, size, at);
    if (REAL(pwrite)(handle, data, size / 2, at) >= 0) errno = error_number;
    return -1;
}
ssize_t pwrite64(int handle, const void *data, size_t size, off64_t at) {
    if (!opened("write", handle, 1)) return REAL(pwrite64)(handle, data, size, at);
    if (REAL(pwrite64)(handle, data, size / 2, at) >= 0) errno = error_number;
    return -1;
}
int fsync(int handle) { return opened("sync", handle, 1) ? -1 : REAL(fsync)(handle); }
int fdatasync(int handle) { return opened("sync", handle, 1) ? -1 : REAL(fdatasync)(handle); }
int ftruncate(int handle, off_t size) { return opened("truncate", handle, 0) ? -1 : REAL(ftruncate)(handle, size); }
int ftruncate64(int handle, off64_t size) {
    return opened("truncate", handle, 0) ? -1 : REAL(ftruncate64)(handle, size);
}
int posix_fallocate(int handle, off_t at, off_t size) {
    return opened("allocate", handle, 1) ? error_number : REAL(posix_fallocate)(handle, at, size);
}
int posix_fallocate64(int handle, off64_t at, off64_t size) {
    return opened("allocate", handle, 1) ? error_number : REAL(posix_fallocate64)(handle, at, size);
}
int rename(const char *from, const char *to) {
    return named("rename", AT_FDCWD, to, 0) ? -1 : REAL(rename)(from, to);
}
int mkdir(const char *path, mode_t mode) {
    struct stat seen;
    int is_new = stat(path, &seen);
    return is_new && named("mkdir", AT_FDCWD, path, 1) ? -1 : REAL(mkdir)(path, mode);
}
int unlink(const char *path) { return named("unlink", AT_FDCWD, path, 0) ? -1 : REAL(unlink)(path); }
int chmod(const char *path, mode_t mode) {
    return named("chmod", AT_FDCWD, path, 0) ? -1 : REAL(chmod)(path, mode);
}
