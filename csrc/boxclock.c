/* Reading the clock of a box. clock_control.c sets it. */
#include "moment.h"

uint64_t gaudi_monotonic_ns(void)
{
    return gaudi_moment_monotonic_ns();
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

uint64_t gaudi_box_now(const gaudi_box *box)
{
    return gaudi_moment_of_box(box);
}

double gaudi_box_clock_rate(const gaudi_box *box)
{
    return gaudi_clock_of(box).rate;
}
