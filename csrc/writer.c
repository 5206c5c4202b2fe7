/* Who writes a card: one process at a time by its lock, one thread of it by a mutex, with a deadline after which the error
 * names the holder. */
#include "card_internal.h"

#include <errno.h>

int gaudi_write_begin(gaudi_card *card, gaudi_error *error)
{
    if (!card->box->is_writable)
        return gaudi_fail(error, -EACCES,
                          "no permission to change the box at %s; its owner, root and its group may", card->box->path);
    int rc = gaudi_box_alive(card->box);
    if (rc != 0)
        return gaudi_fail(error, rc, "the box at %s was taken down", card->box->path);
    return gaudi_write_begin_anyway(card, error);
}

int gaudi_write_begin_anyway(gaudi_card *card, gaudi_error *error)
{
    pthread_mutex_lock(&card->mutex);
    int rc = gaudi_writer_lock(card->fd, &card->file->header);
    if (rc == 0)
        return 0;
    pthread_mutex_unlock(&card->mutex);
    return gaudi_fail(error, rc, "card %zu is being written by pid %u, which does not go on; end that process",
                      card->index, gaudi_load_u32(&card->file->header.writer_pid));
}

void gaudi_write_end(gaudi_card *card)
{
    gaudi_writer_unlock(card->fd, &card->file->header);
    pthread_mutex_unlock(&card->mutex);
}
