/* The physics of a card: from activity to power, temperature and clock, laid out into the future.
 *
 * Pure functions: no clock, no file, no global. Who publishes calls gaudi_trajectory_plan once; who
 * reads calls gaudi_trajectory_at. Section 5 of the design, docs/time.md and specs/gaudi2.toml say
 * where the numbers come from.
 *
 * The chain, per card and instant:
 *   P = idle + leakage * (T_die - reference) + sum over engines of activity * full power * (clock ratio
 *       if the engine runs on the SoC clock, else 1)                                       [54 V rail, W]
 *   T' = (ambient + R * P / airflow - T) / tau  for die, hbm (plus its own power) and board
 *   reported power = P through a first-order filter of tau_power; energy = integral of P.
 * The controller looks every control period at multiples of it in box time, so nothing depends on how
 * often somebody publishes. It moves the clock at most one step (a sixteenth); inside a period the
 * hardware alternates between neighbouring steps, so the mean ratio has the finer grain.
 *   power:   the largest ratio that keeps P at or below the limit; raised again only when the next
 *            grain would stay hysteresis_share below it.
 *   thermal: engaged at slowdown_c, released hysteresis_k below; the target is the ratio whose
 *            steady state lies half the hysteresis below slowdown_c.
 *   shutdown at shutdown_c: all engines stop until a reset. */
#ifndef GAUDI_TRAJECTORY_H
#define GAUDI_TRAJECTORY_H

#include <stdbool.h>
#include <stdint.h>

#include "card_layout.h"

/* The state of the continuous quantities at one instant. */
typedef struct gaudi_point {
    double die_c;
    double filtered_w;
    double hbm_c;
    double board_c;
    double energy_j;
    double power_w;
    double clock_ratio;
    uint32_t flags;
    uint64_t violation_power_ns;
    uint64_t violation_thermal_ns;
    uint64_t power_reference_ns;
    uint64_t thermal_reference_ns;
} gaudi_point;

/* The steady state of an idle card under these conditions (energy 0): how a box begins. */
gaudi_point gaudi_trajectory_idle(const gaudi_physics *physics, const gaudi_drive *drive);

/* Lay out the future from `now` on: the activity of the drive until its lease ends, then none. Writes
 * 1 .. GAUDI_SEGMENT_PLANNED segments and returns their number. */
uint32_t gaudi_trajectory_plan(const gaudi_physics *physics, const gaudi_drive *drive, const gaudi_point *from,
                               uint64_t now_ns, gaudi_segment *segments);

/* Evaluate one segment at box time box_ns >= its start. */
gaudi_point gaudi_segment_at(const gaudi_physics *physics, const gaudi_segment *segment, uint64_t box_ns);

/* Only the filtered power of that moment, W: what a getter needs, two exponentials. */
double gaudi_segment_power(const gaudi_physics *physics, const gaudi_segment *segment, uint64_t box_ns);

/* The number of the segment that holds at box_ns: the last one that began. */
uint32_t gaudi_segment_find(const gaudi_segment *segments, uint32_t count, uint64_t box_ns);

/* The driver's utilisation, percent 0..100: (clamp(P, dc, limit) - dc) * 100 / (limit - dc) in mW. */
uint32_t gaudi_utilization_percent(double power_w, double dc_w, uint64_t limit_mw);

#endif
