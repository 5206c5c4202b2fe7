/* Reading the clock of a box. clock_control.c sets it. */
#include "card_internal.h"

#include <time.h>

uint64_t gaudi_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* vDSO: no system call */
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Box time that passes in a span at a rate. */
static uint64_t scaled(uint64_t span_ns, double rate)
{
    if (rate == 1.0) /* the usual case stays exact to the nanosecond */
        return span_ns;
    double product = (double)span_ns * rate;
    if (!(product > 0.0))
        return 0;
    return product < 9e18 ? (uint64_t)product : UINT64_C(9000000000000000000); /* a corrupt rate must not overflow */
}

uint64_t gaudi_clock_at(const gaudi_clock *clock, uint64_t mono_ns)
{
    if (mono_ns >= clock->mono0_ns)
        return clock->box0_ns + scaled(mono_ns - clock->mono0_ns, clock->rate);
    uint64_t before_ns = scaled(clock->mono0_ns - mono_ns, clock->rate_before);
    return clock->box0_ns > before_ns ? clock->box0_ns - before_ns : 0;
}

gaudi_clock gaudi_clock_of(const gaudi_box *box)
{
    gaudi_clock clock = {.rate = 0.0};
    gaudi_section_read(&box->file->clock.sequence, sizeof clock, &clock);
    if (!(clock.rate >= 0.0 && clock.rate <= GAUDI_RATE_MAX)) /* a corrupt rate must not overflow what it is multiplied with */
        clock.rate = 0.0;
    return clock;
}

/* As gaudi_clock_of, word by word: every getter passes here. The time is read before the sequence is looked at again: at
 * that time this clock was the one that held, so a reader that is preempted here never runs ahead on an old one. */
uint64_t gaudi_box_now(const gaudi_box *box)
{
    const gaudi_clock_section *section = &box->file->clock;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        const gaudi_clock *slot = &section->slot[sequence & 1];
        gaudi_clock clock = {.box0_ns = gaudi_load_u64(&slot->box0_ns),
                             .mono0_ns = gaudi_load_u64(&slot->mono0_ns),
                             .rate = gaudi_load_double(&slot->rate),
                             .rate_before = gaudi_load_double(&slot->rate_before)};
        uint64_t mono_ns = gaudi_monotonic_ns();
        if (gaudi_load_u64(&section->sequence) == sequence)
            return gaudi_clock_at(&clock, mono_ns);
    }
    return 0;
}

double gaudi_box_clock_rate(const gaudi_box *box)
{
    return gaudi_clock_of(box).rate;
}
