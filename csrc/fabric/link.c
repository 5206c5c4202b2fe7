/* The files in which packets lie on their way, and how their owners wake each other. What another process may have written
 * is untrusted: positions are compared with one's own copies, lengths are bounded where they are read. */
#include "internal.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { LOCK_ALIVE = 0 };

_Static_assert(sizeof(link_control) == 128 && offsetof(link_file, slot) % 4096 == 0, "layout of the shared rings");
_Static_assert(sizeof(link_slot) % 64 == 0, "slots begin at cache lines");

static int open_file(const char *box_path, size_t card, int flags)
{
    char path[GAUDI_PATH_LENGTH + 32];
    snprintf(path, sizeof path, "%s/nic%zu", box_path, card);
    int fd = open(path, flags | O_NOFOLLOW | O_CLOEXEC, 0644);
    return fd < 0 ? -errno : fd;
}

/* A regular file of the right size; a new one has none yet, and its rights follow those of the card file beside it. */
static int size_file(int fd, const char *box_path, size_t card)
{
    char path[GAUDI_PATH_LENGTH + 32];
    struct stat st;
    struct stat model;
    if (fstat(fd, &st) != 0)
        return -errno;
    if (!S_ISREG(st.st_mode) || st.st_nlink != 1)
        return -EBADMSG;
    if (st.st_size >= (off_t)sizeof(link_file))
        return 0;
    snprintf(path, sizeof path, "%s/accel%zu", box_path, card);
    if (lstat(path, &model) == 0 && st.st_uid == geteuid()) {
        (void)fchmod(fd, model.st_mode & 0666);
        if (fchown(fd, (uid_t)-1, model.st_gid) != 0) {} /* only the group of a shared box differs; then owner and root go on */
    }
    return ftruncate(fd, (off_t)sizeof(link_file)) == 0 ? 0 : -errno;
}

static int reserve(int fd, size_t offset, size_t size)
{
    int rc = 0;
    do {
        rc = fallocate(fd, 0, (off_t)offset, (off_t)size) == 0 ? 0 : -errno;
    } while (rc == -EINTR);
    return rc;
}

static int map_file(link_map *map)
{
    int rc = reserve(map->fd, 0, offsetof(link_file, slot));
    if (rc != 0)
        return rc;
    void *at = mmap(NULL, sizeof(link_file), PROT_READ | PROT_WRITE, MAP_SHARED, map->fd, 0);
    if (at == MAP_FAILED)
        return -errno;
    map->file = at;
    return 0;
}

/* A box that is private to this process has no path: its rings are memory of this process, and no peer can reach them. */
static int open_private(link_map *map)
{
    map->fd = memfd_create("gaudi-nic", MFD_CLOEXEC);
    if (map->fd < 0 || ftruncate(map->fd, (off_t)sizeof(link_file)) != 0)
        return -errno;
    return map_file(map);
}

static int lock_alive(link_map *map, const char *box_path, size_t card)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_ALIVE, .l_len = 1};
    map->lock_fd = open_file(box_path, card, O_RDWR);
    if (map->lock_fd < 0)
        return map->lock_fd;
    if (fcntl(map->lock_fd, F_OFD_SETLK, &lock) != 0)
        return errno == EACCES || errno == EAGAIN ? -EBUSY : -errno;
    return 0;
}

int link_open_own(link_map *map, const char *box_path, size_t card, gaudi_error *error)
{
    *map = (link_map){.fd = -1, .lock_fd = -1};
    int rc = 0;
    if (box_path[0] == '\0') {
        rc = open_private(map);
    } else {
        map->fd = open_file(box_path, card, O_RDWR | O_CREAT);
        rc = map->fd < 0 ? map->fd : size_file(map->fd, box_path, card);
        if (rc == 0)
            rc = lock_alive(map, box_path, card);
        if (rc == 0)
            rc = map_file(map);
    }
    if (rc != 0) {
        link_close(map);
        return nic_fail(error, rc, "cannot open the rings %s/nic%zu: %s", box_path, card,
                        rc == -EBUSY ? "another NIC of this card is open" : strerror(-rc));
    }
    return 0;
}

int link_open_peer(link_map *map, const char *box_path, size_t card)
{
    struct stat st;
    *map = (link_map){.fd = -1, .lock_fd = -1};
    if (box_path[0] == '\0')
        return -ENOENT;
    map->fd = open_file(box_path, card, O_RDWR);
    int rc = map->fd < 0 ? map->fd : 0;
    if (rc == 0 && (fstat(map->fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof(link_file)))
        rc = -EBADMSG;
    if (rc == 0)
        rc = map_file(map);
    if (rc != 0)
        link_close(map);
    return rc;
}

void link_close(link_map *map)
{
    if (map->file)
        munmap(map->file, sizeof(link_file));
    if (map->fd >= 0)
        close(map->fd);
    if (map->lock_fd >= 0)
        close(map->lock_fd);
    *map = (link_map){.fd = -1, .lock_fd = -1};
}

bool link_is_served(const link_map *map)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_ALIVE, .l_len = 1};
    if (!map->file || __atomic_load_n(&map->file->serving, __ATOMIC_ACQUIRE) == 0)
        return false;
    return fcntl(map->fd, F_OFD_GETLK, &lock) != 0 || lock.l_type != F_UNLCK;
}

int link_reserve(const link_map *map, uint32_t port, link_ring *ring)
{
    size_t size = sizeof map->file->slot[0];
    int rc = reserve(map->fd, offsetof(link_file, slot) + port * size, size);
    if (rc == 0)
        *ring = (link_ring){.control = &map->file->control[port], .slot = map->file->slot[port]};
    return rc;
}

static void wake(link_file *file)
{
    /* From now on it counts as awake, however long it takes to get a processor. */
    if (__atomic_exchange_n(&file->is_asleep, 0, __ATOMIC_SEQ_CST) == 0)
        return;
    __atomic_fetch_add(&file->doorbell, 1, __ATOMIC_SEQ_CST);
    (void)syscall(SYS_futex, &file->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void link_announce_room(link_file *file)
{
    /* Whoever wants room looks for it only while it is awake: the doorbell has to move in any case, or one that is about
     * to sleep would miss it. */
    __atomic_fetch_add(&file->doorbell, 1, __ATOMIC_SEQ_CST);
    wake(file);
}

void link_ring_doorbell(link_file *file)
{
    /* The ring was written before, sequentially consistent; a sleeper announces itself in the same way before it looks at
     * the ring the last time. So one of the two sees the other. */
    if (__atomic_load_n(&file->is_asleep, __ATOMIC_SEQ_CST) != 0)
        wake(file);
}

void link_sleep(link_file *file, uint32_t seen, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / 1000000000), .tv_nsec = (long)(timeout_ns % 1000000000)};
    (void)syscall(SYS_futex, &file->doorbell, FUTEX_WAIT, seen, &timeout, NULL, 0);
}
