/* Setting the clock of a box: its rate, and steps forward. */
#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>
#include <math.h>
#include <time.h>

/* The cards of which no other writer is at work; a bit each. While the clock changes nobody lays out a future: what begins
 * ahead by the old clock may lie behind by the new one. */
static uint64_t begin_all(gaudi_box *box)
{
    uint64_t begun = 0;
    for (size_t i = 0; i < box->card_count; i++) {
        if (gaudi_write_begin(&box->card[i], NULL) == 0)
            begun |= UINT64_C(1) << i;
    }
    return begun;
}

static void end_all(gaudi_box *box, uint64_t begun)
{
    for (size_t i = 0; i < box->card_count; i++) {
        if (begun >> i & 1)
            gaudi_write_end(&box->card[i]);
    }
}

/* A new rate begins this much after it is written, wall time. Until then readers go on with the old one, whichever of the
 * two clocks they see, so none of them sees box time fall. */
static const uint64_t NOTICE_NS = 200000;

/* How often the announcement is made anew because this process was preempted until the moment had passed. */
enum { ANNOUNCE_ATTEMPTS = 10 };

/* Work in flight goes on across a change of the clock: its leases, half a second of wall time, are carried over the
 * step and stretched to the new rate. Whoever has died meanwhile is found out one lease later. */
static void carry_leases(gaudi_box *box, uint64_t begun, const gaudi_clock *before, double rate, uint64_t step_ns)
{
    uint64_t now_ns = gaudi_clock_at(before, gaudi_monotonic_ns());
    for (size_t i = 0; i < box->card_count; i++) {
        double lease_ns = (double)box->card[i].physics.lease_ns * fmax(rate, 1.0);
        if (begun >> i & 1)
            gaudi_lease_extend_locked(&box->card[i], now_ns + step_ns + (uint64_t)lease_ns);
    }
}

/* Until the moment of an announced rate; not for ever, whatever a damaged file says. */
static void await_moment(uint64_t mono_ns)
{
    uint64_t end_ns = gaudi_monotonic_ns() + 2 * NOTICE_NS;
    while (gaudi_monotonic_ns() < mono_ns && gaudi_monotonic_ns() < end_ns) {
        struct timespec pause = {.tv_nsec = 50000};
        nanosleep(&pause, NULL);
    }
}

/* Announce the rate, and come back when it holds. */
static void change_rate(gaudi_box *box, gaudi_clock *clock, double rate)
{
    uint64_t *sequence = &box->file->clock.sequence;
    gaudi_clock next = *clock;
    for (int attempt = 0; attempt < ANNOUNCE_ATTEMPTS; attempt++) {
        uint64_t from_ns = gaudi_monotonic_ns() + NOTICE_NS;
        next = (gaudi_clock){.box0_ns = gaudi_clock_at(clock, from_ns),
                             .mono0_ns = from_ns,
                             .rate = rate,
                             .rate_before = clock->rate};
        gaudi_section_fill(sequence, sizeof next, &next);
        if (gaudi_monotonic_ns() < from_ns) /* the commit is one store from here */
            break;
    }
    gaudi_section_commit(sequence);
    await_moment(next.mono0_ns);
    *clock = next;
}

/* Only forward, so it needs no notice. */
static void step_forward(gaudi_box *box, gaudi_clock *clock, uint64_t step_ns)
{
    uint64_t mono_ns = gaudi_monotonic_ns();
    clock->box0_ns = gaudi_clock_at(clock, mono_ns) + step_ns;
    clock->mono0_ns = mono_ns;
    clock->rate_before = clock->rate;
    gaudi_section_write(&box->file->clock.sequence, sizeof *clock, clock);
}

int gaudi_box_clock_set(gaudi_box *box, double rate, uint64_t step_ns, gaudi_error *error)
{
    if (!box->is_writable)
        return gaudi_fail(error, -EACCES, "the clock of box %s cannot be set without write permission", box->path);
    if (!isfinite(rate) || rate > GAUDI_RATE_MAX)
        return gaudi_fail(error, -EINVAL, "a clock rate lies between 0 and %g", GAUDI_RATE_MAX);
    pthread_mutex_lock(&box->mutex);
    int rc = gaudi_writer_lock(box->fd, &box->file->header);
    if (rc == 0) {
        uint64_t begun = begin_all(box);
        gaudi_clock clock = gaudi_clock_of(box);
        await_moment(clock.mono0_ns); /* of a writer that died meanwhile */
        carry_leases(box, begun, &clock, rate >= 0.0 ? rate : clock.rate, step_ns);
        gaudi_kill_point("leases carried over");
        if (rate >= 0.0 && rate != clock.rate)
            change_rate(box, &clock, rate);
        if (step_ns > 0)
            step_forward(box, &clock, step_ns);
        end_all(box, begun);
        gaudi_writer_unlock(box->fd, &box->file->header);
        gaudi_doorbell_ring(box); /* whoever waits for a moment of box time has to reckon again */
    } else {
        gaudi_fail(error, rc, "the clock of box %s is locked by another process", box->path);
    }
    pthread_mutex_unlock(&box->mutex);
    return rc;
}
