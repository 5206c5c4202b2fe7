#include "events.h"

#include "card_internal.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

uint64_t gaudi_events_head(const gaudi_card *card)
{
    return gaudi_load_u64(&card->file->events.head);
}

int gaudi_events_read(const gaudi_card *card, uint64_t number, gaudi_event *event)
{
    const gaudi_event *slot = &card->file->events.event[number % GAUDI_EVENT_MAX];
    gaudi_event found;
    if (gaudi_load_u64(&slot->sequence) != number)
        return -ENODATA;
    gaudi_words_load(&found, slot, sizeof found);
    if (gaudi_load_u64(&slot->sequence) != number)
        return -ENODATA;
    *event = found;
    return 0;
}

uint32_t gaudi_doorbell(const gaudi_box *box)
{
    return __atomic_load_n(&box->file->doorbell, __ATOMIC_SEQ_CST);
}

void gaudi_doorbell_wait(const gaudi_box *box, uint32_t seen, uint64_t timeout_ns)
{
    struct timespec timeout = {.tv_sec = (time_t)(timeout_ns / UINT64_C(1000000000)),
                               .tv_nsec = (long)(timeout_ns % UINT64_C(1000000000))};
    /* The kernel only reads the word, so a read-only mapping will do. */
    syscall(SYS_futex, &box->file->doorbell, FUTEX_WAIT, seen, &timeout, NULL, 0);
}
