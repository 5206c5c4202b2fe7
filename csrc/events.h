/* The events of a card.
 *
 * Posted events (faults, ECC, resets) go to the ring of the card. Derived ones (clock, thermal shutdown, the end of a
 * countdown) are moments of the published future; a publish copies those that it folds away to the ring, marked
 * GAUDI_EVENT_DERIVED. So at any moment each derived event is in the ring or ahead in the future, and a reader that
 * looks at the future first and at the ring then misses none. One that remembers the time of the last derived event of
 * each kind sees each once. */
#ifndef GAUDI_EVENTS_H
#define GAUDI_EVENTS_H

#include "card.h"

/* Every segment of a core can begin with two derived events; one more for the countdown of the status. */
#define GAUDI_FUTURE_MAX 81

/* A derived event that lies ahead, or lay ahead when the future was published. `kind` is one bit. */
typedef struct gaudi_boundary {
    uint64_t box_ns;
    uint64_t kind;
} gaudi_boundary;

/* The derived events after the last publish, by time. What comes after lease_end_ns (0: no lease runs) happens only if
 * nobody renews the lease. */
typedef struct gaudi_future {
    uint64_t lease_end_ns;
    uint64_t count;
    gaudi_boundary boundary[GAUDI_FUTURE_MAX];
} gaudi_future;

/* 0, -EBADMSG or -EAGAIN. Takes no lock, makes no system call. */
int gaudi_events_future(const gaudi_card *card, gaudi_future *future);

/* The number of the newest event in the ring of the card; events are numbered from 1. */
uint64_t gaudi_events_head(const gaudi_card *card);

/* Read event `number` (1 .. head). -ENODATA: the ring has gone round and it is lost. */
int gaudi_events_read(const gaudi_card *card, uint64_t number, gaudi_event *event);

/* The word that moves with every posted event of the box and with every publish that brings a derived one nearer, and a
 * sleep until it is no longer `seen` or the time is up. May wake early. */
uint32_t gaudi_doorbell(const gaudi_box *box);
void gaudi_doorbell_wait(const gaudi_box *box, uint32_t seen, uint64_t timeout_ns);

#endif
