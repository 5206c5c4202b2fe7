/* Which moment of box time it is for a card: what every getter begins with, and so in the header. */
#ifndef GAUDI_MOMENT_H
#define GAUDI_MOMENT_H

#include <time.h>

#include "card_internal.h"

static inline uint64_t gaudi_moment_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* vDSO: no system call */
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* The box time, as gaudi_clock_of and gaudi_clock_at but word by word and without a call where the rate is 1. The time is
 * read before the sequence is looked at again: at that time this clock was the one that held, so a reader that is preempted
 * here never runs ahead on an old one. */
static inline uint64_t gaudi_moment_of_box(const gaudi_box *box)
{
    const gaudi_clock_section *section = &box->file->clock;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        const gaudi_clock *slot = &section->slot[sequence & 1];
        gaudi_clock clock = {.box0_ns = gaudi_load_u64(&slot->box0_ns),
                             .mono0_ns = gaudi_load_u64(&slot->mono0_ns),
                             .rate = gaudi_load_double(&slot->rate),
                             .rate_before = gaudi_load_double(&slot->rate_before)};
        uint64_t mono_ns = gaudi_moment_monotonic_ns();
        if (gaudi_load_u64(&section->sequence) != sequence)
            continue;
        if (clock.rate == 1.0 && mono_ns >= clock.mono0_ns) /* the usual case stays exact to the nanosecond */
            return clock.box0_ns + (mono_ns - clock.mono0_ns);
        return gaudi_clock_at(&clock, mono_ns);
    }
    return 0;
}

/* As gaudi_card_moment. The clock is read before the announcement: whoever reads it later than the announced beginning also
 * sees the announcement. */
static inline uint64_t gaudi_moment_of_card(const gaudi_card *card)
{
    uint64_t now_ns = gaudi_moment_of_box(card->box);
    uint64_t beginning_ns = __atomic_load_n(&card->file->core.beginning_ns, __ATOMIC_SEQ_CST);
    if (beginning_ns == 0 || now_ns <= beginning_ns)
        return now_ns;
    return gaudi_beginning_holds(card, now_ns - beginning_ns) ? beginning_ns : now_ns;
}

#endif
