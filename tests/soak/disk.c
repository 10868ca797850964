/* Put before the C library of a redis-server (LD_PRELOAD): a disk whose power is cut, that is slow, or that is full.
 *
 * DISK_SYNCED  a folder; a file in it, named by the inode, says how many bytes of that inode had reached the disk when
 *              it was last flushed. A power cut takes everything beyond.
 * DISK_SLOW_S  whole seconds that each flush takes.
 * DISK_BYTES   how many bytes may still be written to regular files before the disk is full.
 * DISK_TROUBLE a file; while it is there, its first word says what is wrong with the disk that it is on: a number from 1
 *              up is the error that each write ends with (28 full, 30 read-only), one below 0 the milliseconds that each
 *              flush takes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static atomic_long written;

static int is_regular(int fd, struct stat *about) {
    return fstat(fd, about) == 0 && S_ISREG(about->st_mode);
}

static void remember(const struct stat *about) {
    char path[PATH_MAX];
    const char *folder = getenv("DISK_SYNCED");
    if (!folder) return;
    snprintf(path, sizeof path, "%s/%lu", folder, (unsigned long)about->st_ino);
    int record = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
    if (record < 0) abort();
    dprintf(record, "%020lld", (long long)about->st_size);
    close(record);
}

static int trouble(int fd) {
    const char *path = getenv("DISK_TROUBLE");
    char text[16] = "";
    struct stat about, told;
    int file = path && is_regular(fd, &about) ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (file < 0) return 0;
    if (fstat(file, &told) < 0 || told.st_dev != about.st_dev) text[0] = 0;
    else if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
    close(file);
    return atoi(text);
}

static int flush(const char *name, int fd) {
    struct stat about;
    /* Looked at before: what is written meanwhile may or may not be flushed. */
    int regular = is_regular(fd, &about);
    if (regular && getenv("DISK_SLOW_S")) sleep((unsigned)atoi(getenv("DISK_SLOW_S")));
    int wrong = trouble(fd);
    if (wrong < 0) usleep((useconds_t)-wrong * 1000);
    int (*real)(int) = (int (*)(int))dlsym(RTLD_NEXT, name);
    int result = real(fd);
    if (result == 0 && regular) remember(&about);
    return result;
}

int fdatasync(int fd) { return flush("fdatasync", fd); }

int fsync(int fd) { return flush("fsync", fd); }

ssize_t write(int fd, const void *bytes, size_t count) {
    static ssize_t (*real)(int, const void *, size_t);
    struct stat about;
    const char *limit = getenv("DISK_BYTES");
    if (!real) real = (ssize_t (*)(int, const void *, size_t))dlsym(RTLD_NEXT, "write");
    int wrong = trouble(fd);
    if (wrong > 0) {
        errno = wrong;
        return -1;
    }
    if (limit && is_regular(fd, &about)) {
        long room = atol(limit) - atomic_load(&written);
        if (room <= 0) {
            errno = ENOSPC;
            return -1;
        }
        if (count > (size_t)room) count = (size_t)room;
        atomic_fetch_add(&written, (long)count);
    }
    return real(fd, bytes, count);
}

ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t offset) {
    ssize_t (*real)(int, const void *, size_t, off64_t) =
        (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    int wrong = trouble(fd);
    if (wrong > 0) {
        errno = wrong;
        return -1;
    }
    return real(fd, bytes, count, offset);
}

int posix_fallocate64(int fd, off64_t offset, off64_t length) {
    int (*real)(int, off64_t, off64_t) = (int (*)(int, off64_t, off64_t))dlsym(RTLD_NEXT, "posix_fallocate64");
    int wrong = trouble(fd);
    return wrong > 0 ? wrong : real(fd, offset, length);
}
