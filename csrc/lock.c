/* Locks on byte ranges of the files of a box. They belong to the open file (OFD), so the kernel frees them at any death,
 * whatever container the holder lived in. */
#include "card_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>

static int try_lock(int fd, short range)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = range, .l_len = 1};
    if (fd < 0)
        return 0; /* a private box has no file and no rival */
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

int gaudi_lock(int fd, short range, unsigned int deadline_ms)
{
    uint64_t end = gaudi_monotonic_ns() + deadline_ms * UINT64_C(1000000);
    struct timespec pause = {.tv_nsec = 20000};
    int rc = try_lock(fd, range);
    while ((rc == -EAGAIN || rc == -EACCES) && gaudi_monotonic_ns() < end) {
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000)
            pause.tv_nsec *= 2;
        rc = try_lock(fd, range);
    }
    return rc == -EAGAIN || rc == -EACCES ? -ETIMEDOUT : rc;
}

void gaudi_unlock(int fd, short range)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = range, .l_len = 1};
    if (fd >= 0)
        (void)fcntl(fd, F_OFD_SETLK, &lock);
}
