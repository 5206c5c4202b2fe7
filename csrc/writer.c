/* Who writes a card: one process at a time by an OFD lock that the kernel frees at any death, one thread of it by a
 * mutex, with a deadline after which the error names the holder. */
#include "card_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <time.h>
#include <unistd.h>

/* How long a writer waits for another one. A publish takes microseconds; a second means that it hangs. */
enum { WRITER_DEADLINE_MS = 1000 };

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

int gaudi_write_begin(gaudi_card *card, gaudi_error *error)
{
    if (!card->box->is_writable)
        return gaudi_fail(error, -EACCES,
                          "no permission to change the box at %s; its owner, root and its group may", card->box->path);
    int rc = gaudi_box_alive(card->box);
    if (rc != 0)
        return gaudi_fail(error, rc, "the box at %s was taken down", card->box->path);
    pthread_mutex_lock(&card->mutex);
    rc = gaudi_lock(card->fd, GAUDI_LOCK_WRITER, WRITER_DEADLINE_MS);
    if (rc != 0) {
        pthread_mutex_unlock(&card->mutex);
        return gaudi_fail(error, rc, "card %zu is being written by pid %u, which does not go on; end that process",
                          card->index, gaudi_load_u32(&card->file->header.writer_pid));
    }
    gaudi_store_u32(&card->file->header.writer_pid, (uint32_t)getpid());
    return 0;
}

void gaudi_write_end(gaudi_card *card)
{
    gaudi_store_u32(&card->file->header.writer_pid, 0);
    gaudi_unlock(card->fd, GAUDI_LOCK_WRITER);
    pthread_mutex_unlock(&card->mutex);
}
