/* Hard reset of a card, and loading and unloading the driver of a box: who may, what ends, what begins anew. */
#include "card_internal.h"
#include "events.h"
#include "kill_point.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <unistd.h>

enum { LEVEL_WARNING = 4, LEVEL_INFORMATION = 6 };

static void name_holder(const gaudi_card *card, gaudi_process *who)
{
    gaudi_processes found;
    memset(who, 0, sizeof *who);
    who->uid = UINT32_MAX;
    if (gaudi_section_read(&card->file->processes.sequence, sizeof found, &found) == 0 && found.count > 0)
        *who = found.process[0];
    who->comm[sizeof who->comm - 1] = '\0';
}

static int may_reset(const gaudi_card *card, gaudi_error *error)
{
    gaudi_process who;
    if (geteuid() == 0)
        return 0;
    if (!gaudi_holder_is_alive(card))
        return gaudi_need_owner(card->box, "reset a card", error);
    name_holder(card, &who);
    if (who.uid == geteuid())
        return 0;
    return gaudi_fail(error, -EPERM, "card %zu is held by %s (pid %u) of uid %u; only that user and root may reset it",
                      card->index, who.comm[0] ? who.comm : "another process", who.pid, who.uid);
}

static int apply_reset(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    if (core->is_lost)
        return -EIO;
    memset(core->drive.activity, 0, sizeof core->drive.activity);
    core->drive.lease_end_ns = box_ns;
    core->status = GAUDI_STATUS_IN_RESET;
    core->status_after = GAUDI_STATUS_OPERATIONAL;
    core->status_until_ns = box_ns + *(const uint64_t *)with;
    core->reset_count++;
    core->memory_used_bytes = card->identity.memory_reserved_bytes;
    core->pcie_replay = 0;
    now->flags &= ~(uint32_t)GAUDI_THERMAL_SHUTDOWN;
    now->clock_ratio = fmin(1.0, core->drive.clock_ceiling);
    return 0;
}

/* HLML has no event for a reset. Whoever held the card has lost its work and memory, and that is a critical error. */
static int reset_locked(gaudi_card *card, uint64_t duration_ns)
{
    gaudi_core core;
    gaudi_process who;
    bool is_ringing = true;
    bool is_held = gaudi_holder_is_alive(card);
    int rc = gaudi_publish_locked(card, apply_reset, &duration_ns, &is_ringing);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->core.sequence, sizeof core, &core);
    if (rc != 0)
        return rc;
    if (card->is_held) /* whoever resets what it holds itself knows, and begins anew */
        card->reset_count = core.reset_count;
    gaudi_kill_point("reset published");
    gaudi_counters_reset(card);
    gaudi_kill_point("counters reset");
    gaudi_breakdowns_end(card);
    gaudi_events_append(card, core.published_ns, GAUDI_EVENT_RESET | (is_held ? GAUDI_EVENT_CRITICAL_ERROR : 0),
                        core.reset_count);
    name_holder(card, &who);
    if (is_held)
        gaudi_log(card, LEVEL_WARNING, core.published_ns, "Going to hard reset with open user contexts: %s (pid %u)",
                  who.comm, who.pid);
    gaudi_log(card, LEVEL_INFORMATION, core.published_ns, "Going to reset device");
    return 0;
}

int gaudi_card_reset(gaudi_card *card, uint64_t duration_ns, gaudi_error *error)
{
    int rc = may_reset(card, error);
    if (rc == 0)
        rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    if (duration_ns == GAUDI_RESET_USUAL)
        duration_ns = card->identity.reset_ms * UINT64_C(1000000);
    rc = reset_locked(card, duration_ns);
    gaudi_write_end(card);
    gaudi_doorbell_ring(card->box);
    if (rc == -EIO)
        gaudi_fail(error, rc, "card %zu fell off the bus, a reset does not reach it; 'gaudi-box heal %zu lost' or take "
                   "the box up again", card->index, card->index);
    return rc;
}

/* rmmod refuses while a card is open. */
static int refuse_if_held(const gaudi_box *box, gaudi_error *error)
{
    gaudi_process who;
    for (size_t i = 0; i < box->card_count; i++) {
        if (!gaudi_holder_is_alive(&box->card[i]))
            continue;
        name_holder(&box->card[i], &who);
        return gaudi_fail(error, -EBUSY, "the driver is in use: card %zu is held by %s (pid %u); end it first", i,
                          who.comm[0] ? who.comm : "another process", who.pid);
    }
    return 0;
}

int gaudi_box_driver(gaudi_box *box, bool is_loaded, gaudi_error *error)
{
    int rc = gaudi_need_owner(box, is_loaded ? "load the driver" : "unload the driver", error);
    if (rc == 0 && !box->is_writable)
        rc = gaudi_fail(error, -EACCES, "no permission to change the box at %s", box->path);
    if (rc == 0 && gaudi_load_u32(&box->file->header.retired) != 0)
        rc = gaudi_fail(error, -ESTALE, "the box at %s was taken down", box->path);
    if (rc == 0 && !is_loaded)
        rc = refuse_if_held(box, error);
    if (rc != 0 || (gaudi_load_u32(&box->file->driver_loaded) != 0) == is_loaded)
        return rc;
    gaudi_store_u32(&box->file->driver_loaded, is_loaded ? 1 : 0);
    for (size_t i = 0; rc == 0 && is_loaded && i < box->card_count; i++) {
        gaudi_card *card = &box->card[i];
        rc = gaudi_write_begin(card, error);
        if (rc != 0)
            break;
        gaudi_counters_reset(card);
        gaudi_write_end(card);
    }
    if (is_loaded)
        gaudi_log_boot(box);
    else
        gaudi_log_driver(box, LEVEL_INFORMATION, "habanalabs: driver removed");
    gaudi_doorbell_ring(box);
    return rc;
}
