/* Looking for torn or impossible states of a card: what one look shows must fit together, and two looks must fit to each
 * other. Used by readers that run while writers work, die and are killed.
 *
 * A torn copy mixes the words of two publishes, so the laws below are those that a mixture breaks: power and temperatures are
 * continuous, energy and counters never fall, utilisation follows from power and limit, the clock moves in grains. */
#ifndef STATE_CHECK_H
#define STATE_CHECK_H

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "card_internal.h"
#include "events.h"

/* What a look found wrong; zero: nothing. One reader has one. */
typedef struct verdict {
    uint64_t looks;
    uint64_t wrong;
    char first[160];
} verdict;

/* What an earlier look at a card showed. */
typedef struct memory {
    bool is_set;
    gaudi_reading reading;
    gaudi_rows rows;
    gaudi_ports ports;
    uint64_t event_head;
} memory;

static inline void judge(verdict *v, bool is_right, const char *law, double was, double is)
{
    if (is_right)
        return;
    if (v->wrong++ == 0)
        snprintf(v->first, sizeof v->first, "%s: %.17g, %.17g", law, was, is);
}

/* More than all engines at once draw before the controller looks, W. */
static const double POWER_MOST_W = 3000.0;

/* A first-order quantity comes no further than this in dt seconds if it never aims beyond `range`. */
static inline double reach(double range, double dt_s, double tau_s)
{
    return range * (1.0 - exp(-dt_s / tau_s)) + 1e-6;
}

static inline void judge_reading(verdict *v, const gaudi_card *card, const gaudi_reading *r)
{
    const gaudi_physics *p = gaudi_card_physics(card);
    const gaudi_identity *i = gaudi_card_identity(card);
    double grains = r->clock_ratio / p->clock_grain;
    judge(v, r->memory_used_bytes >= i->memory_reserved_bytes && r->memory_used_bytes <= i->memory_total_bytes,
          "memory in use within the card", (double)i->memory_total_bytes, (double)r->memory_used_bytes);
    judge(v, r->utilization_percent == gaudi_utilization_percent(r->power_54v_w, p->utilization_dc_w, r->limit_mw),
          "utilisation of power and limit", r->power_54v_w, r->utilization_percent);
    judge(v, r->power_54v_w > 10.0 && r->power_54v_w < 900.0, "power of a card", 0.0, r->power_54v_w);
    judge(v, r->limit_mw >= p->limit_min_mw && r->limit_mw <= p->limit_max_mw, "limit within its range", 0.0,
          (double)r->limit_mw);
    judge(v, r->clock_ratio >= p->clock_floor && r->clock_ratio <= 1.0 && fabs(grains - round(grains)) < 1e-6,
          "clock a number of grains", p->clock_grain, r->clock_ratio);
    judge(v, r->status <= GAUDI_STATUS_IN_RESET_AFTER_RELEASE && r->flags < 8 && r->is_lost == 0, "status and flags",
          r->status, r->flags);
    for (size_t e = 0; e < GAUDI_ENGINE_COUNT; e++)
        judge(v, r->activity[e] >= 0.0 && r->activity[e] <= 1.0, "activity a share", 0.0, r->activity[e]);
}

static inline void judge_step(verdict *v, const gaudi_card *card, const gaudi_reading *a, const gaudi_reading *b)
{
    const gaudi_physics *p = gaudi_card_physics(card);
    double dt_s = (double)(b->box_ns - a->box_ns) * 1e-9;
    judge(v, b->box_ns >= a->box_ns, "box time goes on", (double)a->box_ns, (double)b->box_ns);
    judge(v, b->energy_j >= a->energy_j, "energy never falls", a->energy_j, b->energy_j);
    judge(v, b->energy_j <= a->energy_j + POWER_MOST_W * dt_s + 1e-6, "energy is power by time", a->energy_j, b->energy_j);
    judge(v, fabs(b->power_54v_w - a->power_54v_w) <= reach(POWER_MOST_W, dt_s, p->tau_power_s), "power is continuous",
          a->power_54v_w, b->power_54v_w);
    judge(v, fabs(b->die_c - a->die_c) <= reach(2000.0, dt_s, p->tau_die_s), "die is continuous", a->die_c, b->die_c);
    judge(v, fabs(b->hbm_c - a->hbm_c) <= reach(2000.0, dt_s, p->tau_hbm_s), "HBM is continuous", a->hbm_c, b->hbm_c);
    judge(v, b->launches >= a->launches, "launches never fall", (double)a->launches, (double)b->launches);
    judge(v, b->reset_count >= a->reset_count, "resets never fall", a->reset_count, b->reset_count);
    judge(v, b->violation_power_ns >= a->violation_power_ns && b->violation_thermal_ns >= a->violation_thermal_ns,
          "violation times never fall", (double)a->violation_power_ns, (double)b->violation_power_ns);
}

/* ECC counters since the driver was loaded, all of one publish: the workload counts each kind as often as the others. */
static inline void judge_rows(verdict *v, const gaudi_rows *a, const gaudi_rows *b)
{
    judge(v, b->hbm_corrected[1] >= a->hbm_corrected[1], "ECC counters never fall", (double)a->hbm_corrected[1],
          (double)b->hbm_corrected[1]);
    judge(v, b->hbm_corrected[1] == b->hbm_uncorrected[1] && b->hbm_corrected[1] == b->sram_uncorrected[1],
          "ECC counters of one publish", (double)b->hbm_corrected[1], (double)b->sram_uncorrected[1]);
}

/* The workload puts the same number into seed, address and parameters of a fault. */
static inline void judge_faults(verdict *v, const gaudi_card *card)
{
    gaudi_faults faults;
    judge(v, gaudi_card_read_faults(card, &faults) == 0, "faults readable", 0, 0);
    for (uint32_t i = 0; i < faults.count && i < GAUDI_FAULT_MAX; i++) {
        const gaudi_fault *f = &faults.fault[i];
        judge(v, f->kind != 0 && f->address == f->seed && f->parameter[0] == f->seed && f->parameter[1] == f->seed,
              "fault of one publish", (double)f->seed, (double)f->address);
    }
}

static inline void judge_events(verdict *v, const gaudi_card *card, uint64_t *seen_head)
{
    uint64_t head = gaudi_events_head(card);
    gaudi_event event;
    judge(v, head >= *seen_head, "event numbers never fall", (double)*seen_head, (double)head);
    for (uint64_t n = head > 8 ? head - 8 : 1; n <= head; n++) {
        int rc = gaudi_events_read(card, n, &event);
        judge(v, rc == -ENODATA || (rc == 0 && event.sequence == n && event.kind != 0 && event.box_ns != 0), "event whole",
              (double)n, (double)event.sequence);
    }
    *seen_head = head;
}

/* One look. A box that is gone is no finding: returns its code, -ESTALE or -ENODEV. */
static inline int look_at_card(const gaudi_card *card, memory *m, verdict *v)
{
    gaudi_reading r;
    gaudi_rows rows;
    gaudi_processes who;
    int rc = gaudi_card_read(card, &r);
    if (rc == -ESTALE || rc == -ENODEV)
        return rc;
    v->looks++;
    judge(v, rc == 0, "card readable", 0, rc);
    rc = gaudi_card_read_rows(card, &rows);
    judge(v, rc == 0 || rc == -ESTALE || rc == -ENODEV, "rows readable", 0, rc);
    if (rc != 0)
        return rc;
    judge_reading(v, card, &r);
    if (m->is_set) {
        judge_step(v, card, &m->reading, &r);
        judge_rows(v, &m->rows, &rows);
    }
    judge_faults(v, card);
    judge_events(v, card, &m->event_head);
    rc = gaudi_card_read_processes(card, &who);
    judge(v, rc != 0 || who.count == 0 || (who.count == 1 && who.process[0].pid != 0 && who.process[0].comm[0] != '\0'),
          "holder whole", who.count, who.process[0].pid);
    m->reading = r;
    m->rows = rows;
    m->is_set = true;
    return 0;
}

#endif
