/* A disk that can be watched, slowed and filled, for tests of the real binary.
 *
 * Preloaded into the gateway (LD_PRELOAD), it counts the calls that make data
 * durable, can make them and writes slow, and can make writes fail as a full
 * disk does. It is steered through one shared file, mapped into memory, so that
 * a test turns a fault on and off while the gateway runs:
 *
 *   offset  0  uint64  fsync and fdatasync calls so far
 *   offset  8  uint64  microseconds to add to each of them
 *   offset 16  uint64  1: writes that would grow a file fail with ENOSPC
 *   offset 24  uint64  writes refused so far
 *   offset 32  uint64  microseconds to add to each write
 *
 * QINGFENG_FAULT_DISK names the file (at least 40 bytes); without it nothing
 * changes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct board {
    uint64_t syncs;
    uint64_t delay_us;
    uint64_t full;
    uint64_t refused;
    uint64_t write_delay_us;
};

static struct board *board;

__attribute__((constructor)) static void attach(void) {
    const char *path = getenv("QINGFENG_FAULT_DISK");
    if (!path) return;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0) return;
    void *at = mmap(NULL, sizeof(struct board), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at != MAP_FAILED) board = at;
}

static void synced(void) {
    if (!board) return;
    __atomic_add_fetch(&board->syncs, 1, __ATOMIC_SEQ_CST);
    uint64_t us = __atomic_load_n(&board->delay_us, __ATOMIC_SEQ_CST);
    if (us) usleep((useconds_t)us);
}

/* Only growth is refused: overwriting what is there works on a full disk. */
static int refused(int fd, uint64_t end) {
    if (!board || !__atomic_load_n(&board->full, __ATOMIC_SEQ_CST)) return 0;
    struct stat st;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || end <= (uint64_t)st.st_size) return 0;
    __atomic_add_fetch(&board->refused, 1, __ATOMIC_SEQ_CST);
    errno = ENOSPC;
    return 1;
}

int fsync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fsync");
    synced();
    return real(fd);
}

int fdatasync(int fd) {
    static int (*real)(int);
    if (!real) real = (int (*)(int))dlsym(RTLD_NEXT, "fdatasync");
    synced();
    return real(fd);
}

ssize_t pwrite64(int fd, const void *buf, size_t n, off64_t at) {
    static ssize_t (*real)(int, const void *, size_t, off64_t);
    if (!real) real = (ssize_t (*)(int, const void *, size_t, off64_t))dlsym(RTLD_NEXT, "pwrite64");
    if (refused(fd, (uint64_t)at + n)) return -1;
    uint64_t us = board ? __atomic_load_n(&board->write_delay_us, __ATOMIC_SEQ_CST) : 0;
    if (us) usleep((useconds_t)us);
    return real(fd, buf, n, at);
}

ssize_t pwrite(int fd, const void *buf, size_t n, off_t at) { return pwrite64(fd, buf, n, at); }

int ftruncate64(int fd, off64_t size) {
    static int (*real)(int, off64_t);
    if (!real) real = (int (*)(int, off64_t))dlsym(RTLD_NEXT, "ftruncate64");
    if (refused(fd, (uint64_t)size)) return -1;
    return real(fd, size);
}

int ftruncate(int fd, off_t size) { return ftruncate64(fd, size); }

int posix_fallocate(int fd, off_t at, off_t n) {
    static int (*real)(int, off_t, off_t);
    if (!real) real = (int (*)(int, off_t, off_t))dlsym(RTLD_NEXT, "posix_fallocate");
    if (refused(fd, (uint64_t)at + (uint64_t)n)) return ENOSPC;
    return real(fd, at, n);
}
