#include "events.h"

#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>
#include <limits.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* The flags that HLML knows as throttle reasons. */
enum { THROTTLE_REASONS = GAUDI_THROTTLE_POWER | GAUDI_THROTTLE_THERMAL };

uint64_t gaudi_change_kinds(double clock_ratio, uint32_t flags, const gaudi_segment *after)
{
    uint64_t kinds = 0;
    if (clock_ratio != after->clock_ratio || ((flags ^ after->flags) & THROTTLE_REASONS) != 0)
        kinds |= GAUDI_EVENT_CLOCK_RATE;
    if ((after->flags & ~flags) & GAUDI_THERMAL_SHUTDOWN)
        kinds |= GAUDI_EVENT_CRITICAL_ERROR;
    return kinds;
}

/* One entry a kind, kept by time. Only the countdown of the status can come out of order. */
static void note(gaudi_future *future, uint64_t box_ns, uint64_t kinds)
{
    for (uint64_t kind = 1; kind <= kinds; kind <<= 1) {
        if (!(kinds & kind) || future->count >= GAUDI_FUTURE_MAX)
            continue;
        uint64_t i = future->count++;
        for (; i > 0 && future->boundary[i - 1].box_ns > box_ns; i--)
            future->boundary[i] = future->boundary[i - 1];
        future->boundary[i] = (gaudi_boundary){.box_ns = box_ns, .kind = kind};
    }
}

void gaudi_future_of(const gaudi_core *core, gaudi_future *future)
{
    future->count = 0;
    future->lease_end_ns = core->drive.lease_end_ns > core->published_ns ? core->drive.lease_end_ns : 0;
    for (uint32_t i = 1; i < core->segment_count; i++) {
        const gaudi_segment *before = &core->segment[i - 1];
        if (core->segment[i].start_ns > core->published_ns)
            note(future, core->segment[i].start_ns,
                 gaudi_change_kinds(before->clock_ratio, before->flags, &core->segment[i]));
    }
    bool is_bad = core->status_after == GAUDI_STATUS_NEEDS_RESET || core->status_after == GAUDI_STATUS_MALFUNCTION;
    if (is_bad && core->status_until_ns > core->published_ns)
        note(future, core->status_until_ns, GAUDI_EVENT_CRITICAL_ERROR);
}

int gaudi_events_future(const gaudi_card *card, gaudi_future *future)
{
    gaudi_core core;
    int rc = gaudi_section_read(&card->file->core.sequence, sizeof core, &core);
    if (rc == 0 && (core.segment_count < 1 || core.segment_count > GAUDI_SEGMENT_MAX))
        rc = -EBADMSG;
    if (rc == 0)
        gaudi_future_of(&core, future);
    return rc;
}

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

void gaudi_doorbell_ring(gaudi_box *box)
{
    __atomic_add_fetch(&box->file->doorbell, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &box->file->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

void gaudi_events_append(gaudi_card *card, uint64_t box_ns, uint64_t kind, uint64_t argument)
{
    gaudi_events *events = &card->file->events;
    uint64_t number = gaudi_load_u64(&events->head) + 1;
    gaudi_event *slot = &events->event[number % GAUDI_EVENT_MAX];
    gaudi_store_u64(&slot->sequence, 0); /* a reader of the old event now sees that it was lost */
    gaudi_kill_point("event erased");
    gaudi_store_u64(&slot->box_ns, box_ns);
    gaudi_store_u64(&slot->kind, kind);
    gaudi_store_u64(&slot->argument, argument);
    gaudi_kill_point("event written");
    gaudi_store_u64(&slot->sequence, number);
    gaudi_kill_point("event numbered");
    gaudi_store_u64(&events->head, number);
}

int gaudi_card_post_event(gaudi_card *card, uint64_t kind, uint64_t argument)
{
    int rc = gaudi_write_begin(card, NULL);
    if (rc != 0)
        return rc;
    gaudi_events_append(card, gaudi_box_now(card->box), kind, argument);
    gaudi_write_end(card);
    gaudi_doorbell_ring(card->box);
    return 0;
}
