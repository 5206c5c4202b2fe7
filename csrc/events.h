/* The ring of posted events of a card, for readers. Posting is gaudi_card_post_event in publish.c. */
#ifndef GAUDI_EVENTS_H
#define GAUDI_EVENTS_H

#include "card.h"

/* The number of the newest event of the card; events are numbered from 1. */
uint64_t gaudi_events_head(const gaudi_card *card);

/* Read event `number` (1 .. head). -ENODATA: the ring has gone round and it is lost. */
int gaudi_events_read(const gaudi_card *card, uint64_t number, gaudi_event *event);

/* The word that moves with every posted event of the box, and a sleep until it is no longer `seen` or the time is up.
 * May wake early. */
uint32_t gaudi_doorbell(const gaudi_box *box);
void gaudi_doorbell_wait(const gaudi_box *box, uint32_t seen, uint64_t timeout_ns);

#endif
