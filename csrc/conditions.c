/* What a command or a fault sets on a card: power limit, reset, ambient, airflow, clock ceiling, loss, links. */
#include "card_internal.h"
#include "events.h"
#include "kill_point.h"

#include <errno.h>
#include <math.h>
#include <string.h>

static int need_owner(const gaudi_card *card, const char *what, gaudi_error *error)
{
    if (card->box->is_owner)
        return 0;
    return gaudi_fail(error, -EPERM, "only the owner of the box at %s and root may %s", card->box->path, what);
}

static int apply_limit(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    (void)card;
    (void)now;
    (void)box_ns;
    core->limit_mw = *(const uint64_t *)with;
    core->drive.limit_w = (double)core->limit_mw / 1000.0;
    return 0;
}

int gaudi_card_set_limit(gaudi_card *card, uint64_t limit_mw, gaudi_error *error)
{
    const gaudi_physics *p = &card->physics;
    int rc = need_owner(card, "set the power limit", error);
    if (rc == 0 && (limit_mw < p->limit_min_mw || limit_mw > p->limit_max_mw))
        rc = gaudi_fail(error, -EINVAL, "the power limit of card %zu lies between %llu and %llu W", card->index,
                        (unsigned long long)(p->limit_min_mw / 1000), (unsigned long long)(p->limit_max_mw / 1000));
    return rc != 0 ? rc : gaudi_publish(card, apply_limit, &limit_mw, error);
}

static int apply_reset(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    memset(core->drive.activity, 0, sizeof core->drive.activity);
    core->drive.lease_end_ns = box_ns;
    core->status = GAUDI_STATUS_IN_RESET;
    core->status_after = GAUDI_STATUS_OPERATIONAL;
    core->status_until_ns = box_ns + *(const uint64_t *)with;
    core->reset_count++;
    core->is_lost = 0;
    core->memory_used_bytes = card->identity.memory_reserved_bytes;
    now->flags &= ~(uint32_t)GAUDI_THERMAL_SHUTDOWN;
    now->clock_ratio = fmin(1.0, core->drive.clock_ceiling);
    return 0;
}

/* Counters since reset begin again, rows that waited for the reset are replaced now. */
static void reset_rows(gaudi_card *card)
{
    gaudi_rows rows;
    if (gaudi_section_read(&card->file->rows.sequence, sizeof rows, &rows) != 0)
        return;
    rows.hbm_corrected[0] = 0;
    rows.hbm_uncorrected[0] = 0;
    rows.sram_corrected[0] = 0;
    rows.sram_uncorrected[0] = 0;
    rows.critical[0] = 0;
    for (uint32_t i = 0; i < GAUDI_ROW_MAX; i++)
        rows.row[i].is_pending = 0;
    gaudi_section_write(&card->file->rows.sequence, sizeof rows, &rows);
}

/* HLML has no event for a reset. Whoever held the card has lost its work and memory, and that is a critical error. */
int gaudi_card_reset(gaudi_card *card, uint64_t duration_ns, gaudi_error *error)
{
    gaudi_core core;
    bool is_ringing = true;
    int rc = need_owner(card, "reset a card", error);
    if (rc == 0)
        rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    uint64_t kind = GAUDI_EVENT_RESET | (gaudi_holder_is_alive(card) ? GAUDI_EVENT_CRITICAL_ERROR : 0);
    rc = gaudi_publish_locked(card, apply_reset, &duration_ns, &is_ringing);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->core.sequence, sizeof core, &core);
    if (rc == 0) {
        gaudi_kill_point("reset published");
        reset_rows(card);
        gaudi_kill_point("counters reset");
        gaudi_breakdowns_end(card);
        gaudi_events_append(card, core.published_ns, kind, core.reset_count);
    }
    gaudi_write_end(card);
    gaudi_doorbell_ring(card->box);
    return rc;
}

static int apply_conditions(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    const gaudi_conditions *c = with;
    (void)card;
    (void)now;
    (void)box_ns;
    if (!isnan(c->ambient_c))
        core->drive.ambient_c = c->ambient_c;
    if (!isnan(c->airflow))
        core->drive.airflow = c->airflow;
    if (!isnan(c->clock_ceiling))
        core->drive.clock_ceiling = c->clock_ceiling;
    return 0;
}

int gaudi_card_set_conditions(gaudi_card *card, const gaudi_conditions *c, gaudi_error *error)
{
    if (c->airflow <= 0.0 || c->airflow > 4.0)
        return gaudi_fail(error, -EINVAL, "airflow is a share above 0 and up to 4 of the normal one");
    if (c->clock_ceiling <= 0.0 || c->clock_ceiling > 1.0)
        return gaudi_fail(error, -EINVAL, "a clock ceiling is a share above 0 and up to 1 of the maximum");
    if (c->ambient_c < -20.0 || c->ambient_c > 80.0)
        return gaudi_fail(error, -EINVAL, "an ambient temperature lies between -20 and 80 C");
    return gaudi_publish(card, apply_conditions, c, error);
}

int gaudi_card_read_conditions(const gaudi_card *card, gaudi_conditions *conditions)
{
    gaudi_core core;
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->core.sequence, sizeof core, &core);
    if (rc == 0)
        *conditions = (gaudi_conditions){.ambient_c = core.drive.ambient_c,
                                         .airflow = core.drive.airflow,
                                         .clock_ceiling = core.drive.clock_ceiling};
    return rc;
}

static int apply_lost(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    (void)card;
    (void)now;
    (void)box_ns;
    core->is_lost = *(const bool *)with;
    return 0;
}

int gaudi_card_set_lost(gaudi_card *card, bool is_lost, gaudi_error *error)
{
    return gaudi_publish(card, apply_lost, &is_lost, error);
}
