/* Locks on byte ranges of the files of a box. They belong to the open file (OFD), so the kernel frees them at any death,
 * whatever container the holder lived in. */
#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* How long a writer waits while nothing goes on. A publish takes microseconds; a second in which no writer took its turn
 * means that one hangs. Rivals that take turns do not count: a busy machine may keep us from ours for long. */
static const uint64_t DEADLINE_NS = UINT64_C(1000000000);

int gaudi_try_lock(int fd, short range)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = range, .l_len = 1};
    if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) == 0)
        return 0; /* a private box has no file and no rival */
    return errno == EACCES ? -EAGAIN : -errno;
}

void gaudi_unlock(int fd, short range)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = range, .l_len = 1};
    if (fd >= 0)
        (void)fcntl(fd, F_OFD_SETLK, &lock);
}

int gaudi_writer_lock(int fd, gaudi_header *header)
{
    uint64_t end_ns = gaudi_monotonic_ns() + DEADLINE_NS;
    uint32_t turn = gaudi_load_u32(&header->writer_turn);
    struct timespec pause = {.tv_nsec = 20000};
    int rc = gaudi_try_lock(fd, GAUDI_LOCK_WRITER);
    while (rc == -EAGAIN && gaudi_monotonic_ns() < end_ns) {
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000)
            pause.tv_nsec *= 2;
        if (gaudi_load_u32(&header->writer_turn) != turn) {
            turn = gaudi_load_u32(&header->writer_turn);
            end_ns = gaudi_monotonic_ns() + DEADLINE_NS;
        }
        rc = gaudi_try_lock(fd, GAUDI_LOCK_WRITER);
    }
    if (rc != 0)
        return rc == -EAGAIN ? -ETIMEDOUT : rc;
    gaudi_kill_point("writer locked");
    gaudi_store_u32(&header->writer_pid, (uint32_t)getpid());
    gaudi_store_u32(&header->writer_turn, gaudi_load_u32(&header->writer_turn) + 1);
    return 0;
}

void gaudi_writer_unlock(int fd, gaudi_header *header)
{
    gaudi_store_u32(&header->writer_pid, 0);
    gaudi_kill_point("writer about to unlock");
    gaudi_unlock(fd, GAUDI_LOCK_WRITER);
}
