/* The faults of a card: note, count, remove; and its breakdowns, which act on the card as a whole. What another fault does
 * belongs to whoever it hits. */
#include "card_internal.h"
#include "events.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Box time until the driver gives up on a command, and until it misses the heartbeat of the firmware: the defaults of
 * the habanalabs driver (timeout_locked 30 s, HL_HEARTBEAT_PER_USEC 5 s). */
static const uint64_t COMMAND_TIMEOUT_NS = UINT64_C(30000000000);
static const uint64_t HEARTBEAT_TIMEOUT_NS = UINT64_C(5000000000);

/* How far a thermal event lifts the die above its slowdown temperature, K. */
static const double HEAT_K = 2.0;

static int load(const gaudi_card *card, gaudi_faults *faults)
{
    int rc = gaudi_section_read(&card->file->faults.sequence, sizeof *faults, faults);
    return rc == 0 && faults->count > GAUDI_FAULT_MAX ? -EBADMSG : rc;
}

static void store(gaudi_card *card, const gaudi_faults *faults)
{
    gaudi_section_write(&card->file->faults.sequence, sizeof *faults, faults);
}

/* One change of the list: 0, or a negative errno and the list stays. */
typedef int (*fault_edit)(const gaudi_card *card, gaudi_faults *faults, const void *with, gaudi_error *error);

static int change(gaudi_card *card, fault_edit edit, const void *with, gaudi_error *error)
{
    gaudi_faults faults;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = load(card, &faults);
    if (rc == 0)
        rc = edit(card, &faults, with, error);
    if (rc == 0)
        store(card, &faults);
    gaudi_write_end(card);
    return rc;
}

static int note(const gaudi_card *card, gaudi_faults *faults, const void *with, gaudi_error *error)
{
    const gaudi_fault *fault = with;
    if (faults->count >= GAUDI_FAULT_MAX)
        return gaudi_fail(error, -ENOSPC, "card %zu already has %d faults; heal some first", card->index,
                          GAUDI_FAULT_MAX);
    faults->fault[faults->count] = *fault;
    faults->fault[faults->count].injected_ns += gaudi_box_now(card->box); /* what was given is a delay */
    faults->count++;
    return 0;
}

int gaudi_card_add_fault(gaudi_card *card, const gaudi_fault *fault, gaudi_error *error)
{
    return change(card, note, fault, error);
}

/* Keep the faults whose kind lies outside first .. last. */
static void keep_outside(gaudi_faults *faults, uint32_t first, uint32_t last)
{
    gaudi_faults kept;
    memset(&kept, 0, sizeof kept);
    for (uint32_t i = 0; i < faults->count; i++) {
        uint32_t kind = faults->fault[i].kind;
        if (kind < first || kind > last)
            kept.fault[kept.count++] = faults->fault[i];
    }
    *faults = kept;
}

static int remove_kind(const gaudi_card *card, gaudi_faults *faults, const void *with, gaudi_error *error)
{
    uint32_t kind = *(const uint32_t *)with;
    (void)card;
    (void)error;
    keep_outside(faults, kind, kind ? kind : UINT32_MAX);
    return 0;
}

int gaudi_card_remove_faults(gaudi_card *card, uint32_t kind, gaudi_error *error)
{
    return change(card, remove_kind, &kind, error);
}

/* The place of a fault in the list, or -ENOENT. */
static int find(const gaudi_faults *faults, const gaudi_fault *wanted, gaudi_error *error)
{
    for (uint32_t i = 0; i < faults->count; i++) {
        gaudi_fault seen = faults->fault[i];
        seen.hits = wanted->hits;
        if (memcmp(&seen, wanted, sizeof seen) == 0)
            return (int)i;
    }
    return gaudi_fail(error, -ENOENT, "this fault was healed meanwhile");
}

static int remove_one(const gaudi_card *card, gaudi_faults *faults, const void *with, gaudi_error *error)
{
    int place = find(faults, with, error);
    (void)card;
    if (place < 0)
        return place;
    faults->count--;
    for (uint32_t i = (uint32_t)place; i < faults->count; i++)
        faults->fault[i] = faults->fault[i + 1];
    return 0;
}

int gaudi_card_remove_fault(gaudi_card *card, const gaudi_fault *fault, gaudi_error *error)
{
    return change(card, remove_one, fault, error);
}

typedef struct fault_hits {
    const gaudi_fault *fault;
    uint64_t hits;
} fault_hits;

static int add_hits(const gaudi_card *card, gaudi_faults *faults, const void *with, gaudi_error *error)
{
    const fault_hits *more = with;
    int place = find(faults, more->fault, error);
    (void)card;
    if (place < 0)
        return place;
    faults->fault[place].hits += more->hits;
    return 0;
}

int gaudi_card_hit_fault(gaudi_card *card, const gaudi_fault *fault, uint64_t hits, gaudi_error *error)
{
    fault_hits more = {.fault = fault, .hits = hits};
    return change(card, add_hits, &more, error);
}

void gaudi_breakdowns_end(gaudi_card *card)
{
    gaudi_faults faults;
    if (load(card, &faults) != 0)
        return;
    uint32_t before = faults.count;
    keep_outside(&faults, GAUDI_FAULT_BREAKDOWN, GAUDI_FAULT_BREAKDOWN + GAUDI_BREAKDOWN_THERMAL_EVENT);
    if (faults.count != before)
        store(card, &faults);
}

/* The status changes when a countdown ends; of two, the one that ends first counts. */
static void count_down(gaudi_core *core, uint64_t until_ns, uint32_t status_after)
{
    if (core->status_until_ns != 0 && core->status_until_ns <= until_ns)
        return;
    core->status_until_ns = until_ns;
    core->status_after = status_after;
}

static int apply_breakdown(gaudi_card *card, gaudi_core *core, gaudi_point *at, uint64_t box_ns, const void *with)
{
    const gaudi_physics *physics = &card->physics;
    if (core->status != GAUDI_STATUS_OPERATIONAL || (at->flags & GAUDI_THERMAL_SHUTDOWN))
        return -EBUSY;
    switch (*(const enum gaudi_breakdown *)with) {
    case GAUDI_BREAKDOWN_ENDLESS_COMMAND:
        memset(core->drive.activity, 0, sizeof core->drive.activity);
        core->drive.activity[GAUDI_ENGINE_TPC] = 1.0;
        core->drive.lease_end_ns = box_ns + COMMAND_TIMEOUT_NS;
        count_down(core, box_ns + COMMAND_TIMEOUT_NS, GAUDI_STATUS_NEEDS_RESET);
        break;
    case GAUDI_BREAKDOWN_FATAL_EVENT:
        memset(core->drive.activity, 0, sizeof core->drive.activity);
        core->drive.lease_end_ns = box_ns;
        core->status = GAUDI_STATUS_NEEDS_RESET;
        core->status_until_ns = 0;
        break;
    case GAUDI_BREAKDOWN_HEARTBEAT:
        count_down(core, box_ns + HEARTBEAT_TIMEOUT_NS, GAUDI_STATUS_MALFUNCTION);
        break;
    case GAUDI_BREAKDOWN_THERMAL_EVENT:
        at->die_c = fmax(at->die_c, physics->slowdown_c + HEAT_K);
        break;
    case GAUDI_BREAKDOWN_NON_FATAL_EVENT:
        break;
    }
    return 0;
}

/* What is counted and posted at once. */
static void count_errors(gaudi_card *card, enum gaudi_breakdown what)
{
    gaudi_rows rows;
    bool is_fatal = what == GAUDI_BREAKDOWN_FATAL_EVENT;
    if (gaudi_section_read(&card->file->rows.sequence, sizeof rows, &rows) != 0)
        return;
    for (size_t i = 0; i < 2; i++) {
        rows.sram_corrected[i] += is_fatal ? 0 : 1;
        rows.sram_uncorrected[i] += is_fatal ? 1 : 0;
        rows.critical[i] += is_fatal ? 1 : 0;
    }
    gaudi_section_write(&card->file->rows.sequence, sizeof rows, &rows);
    uint64_t now_ns = gaudi_box_now(card->box);
    gaudi_events_append(card, now_ns, is_fatal ? GAUDI_EVENT_ECC_ERROR : GAUDI_EVENT_ECC_CORRECTED, 1);
    if (is_fatal)
        gaudi_events_append(card, now_ns, GAUDI_EVENT_CRITICAL_ERROR, 1);
    gaudi_log(card, is_fatal ? 3 : 4, now_ns, "SRAM ECC %s error detected, critical %d",
              is_fatal ? "double bit" : "single bit, corrected", is_fatal ? 1 : 0);
}

int gaudi_card_break(gaudi_card *card, enum gaudi_breakdown what, gaudi_error *error)
{
    bool is_noted = what == GAUDI_BREAKDOWN_ENDLESS_COMMAND || what == GAUDI_BREAKDOWN_FATAL_EVENT ||
                    what == GAUDI_BREAKDOWN_HEARTBEAT;
    bool is_error = what == GAUDI_BREAKDOWN_NON_FATAL_EVENT || what == GAUDI_BREAKDOWN_FATAL_EVENT;
    gaudi_fault fault = {.kind = GAUDI_FAULT_BREAKDOWN + (uint32_t)what, .degree = 1.0, .hits = 1};
    gaudi_faults faults;
    bool is_ringing = false;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_publish_locked(card, apply_breakdown, &what, &is_ringing);
    if (rc == -EBUSY)
        gaudi_fail(error, rc, "card %zu is not operational; reset it first", card->index);
    if (rc == 0 && is_noted)
        rc = load(card, &faults);
    if (rc == 0 && is_noted)
        rc = note(card, &faults, &fault, error);
    if (rc == 0 && is_noted)
        store(card, &faults);
    if (rc == 0 && is_error)
        count_errors(card, what);
    gaudi_write_end(card);
    if (is_ringing || is_error)
        gaudi_doorbell_ring(card->box);
    return rc;
}

static int apply_mending(gaudi_card *card, gaudi_core *core, gaudi_point *at, uint64_t box_ns, const void *with)
{
    (void)card;
    (void)at;
    (void)with;
    bool is_stuck = core->status_after == GAUDI_STATUS_NEEDS_RESET;
    if (core->status_until_ns == 0 || core->status_after == GAUDI_STATUS_OPERATIONAL)
        return 0;
    core->status_until_ns = 0;
    if (is_stuck) {
        memset(core->drive.activity, 0, sizeof core->drive.activity);
        core->drive.lease_end_ns = box_ns;
    }
    return 0;
}

int gaudi_card_mend(gaudi_card *card, gaudi_error *error)
{
    bool is_ringing = true;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_publish_locked(card, apply_mending, NULL, &is_ringing);
    if (rc == 0)
        gaudi_breakdowns_end(card);
    gaudi_write_end(card);
    gaudi_doorbell_ring(card->box);
    return rc;
}
