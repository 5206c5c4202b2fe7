/* Reading the clock of a box. clock_control.c sets it. */
#include "card_internal.h"

#include <time.h>

uint64_t gaudi_monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now); /* vDSO: no system call */
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

uint64_t gaudi_clock_at(const gaudi_clock *clock, uint64_t mono_ns)
{
    uint64_t elapsed = mono_ns > clock->mono0_ns ? mono_ns - clock->mono0_ns : 0;
    if (clock->rate == 1.0) /* the usual case stays exact to the nanosecond */
        return clock->box0_ns + elapsed;
    double scaled = (double)elapsed * clock->rate;
    if (!(scaled > 0.0))
        return clock->box0_ns;
    if (scaled > 9e18) /* a corrupt rate must not overflow the conversion */
        scaled = 9e18;
    return clock->box0_ns + (uint64_t)scaled;
}

gaudi_clock gaudi_clock_of(const gaudi_box *box)
{
    gaudi_clock clock = {.rate = 0.0};
    gaudi_section_read(&box->file->clock.sequence, sizeof clock, &clock);
    if (!(clock.rate >= 0.0 && clock.rate <= GAUDI_RATE_MAX)) /* a corrupt rate must not overflow what it is multiplied with */
        clock.rate = 0.0;
    return clock;
}

/* As gaudi_clock_of, word by word: every getter passes here. */
uint64_t gaudi_box_now(const gaudi_box *box)
{
    const gaudi_clock_section *section = &box->file->clock;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        const gaudi_clock *slot = &section->slot[sequence & 1];
        gaudi_clock clock = {.box0_ns = gaudi_load_u64(&slot->box0_ns),
                             .mono0_ns = gaudi_load_u64(&slot->mono0_ns),
                             .rate = gaudi_load_double(&slot->rate)};
        if (gaudi_load_u64(&section->sequence) == sequence)
            return gaudi_clock_at(&clock, gaudi_monotonic_ns());
    }
    return 0;
}

double gaudi_box_clock_rate(const gaudi_box *box)
{
    return gaudi_clock_of(box).rate;
}
