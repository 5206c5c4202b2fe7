/* Who writes a card: one process at a time by its lock, one thread of it by a mutex, with a deadline after which the error
 * names the holder. */
#include "card_internal.h"

#include <errno.h>
#include <unistd.h>

/* How long a writer waits for another one. A publish takes microseconds; a second means that it hangs. */
enum { WRITER_DEADLINE_MS = 1000 };

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
