/* Publishing: lock, fold the state to now, change it, lay out the future again, store, unlock. A writer that dies in
 * between leaves the last copy. What a change is stands in the file of its subject; here are activity and memory. */
#include "card_internal.h"
#include "events.h"
#include "kill_point.h"
#include "trajectory.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A publish takes effect this much later, wall time. Until then readers go on with what was published before, so none of
 * them has looked beyond the moment at which the new future begins: energy never falls, whoever reads. */
static const double NOTICE_NS = 100000.0;

/* How often a beginning is chosen anew because the process was preempted while it announced one. */
enum { ANNOUNCE_ATTEMPTS = 100 };

/* A state on its way from what is published to what will be. */
typedef struct draft {
    gaudi_core core;
    gaudi_point point;      /* at `from_ns` */
    uint64_t from_ns;       /* where the new future begins */
    gaudi_segment kept[GAUDI_SEGMENT_KEPT]; /* of the old future, until then */
    uint32_t kept_count;
    gaudi_future old;       /* derived events of the old future */
    gaudi_notes notes;      /* lines for the kernel log of what the old future brought until then */
    double clock_ratio;     /* at `from_ns`, before the change */
    uint32_t flags;
} draft;

/* A future that was published just now and still lies ahead by half a notice is replaced: of futures that never come, only
 * a few have to be kept for readers. */
static uint64_t beginning(const gaudi_card *card, const gaudi_core *core)
{
    uint64_t now_ns = gaudi_box_now(card->box);
    uint64_t notice_ns = (uint64_t)(NOTICE_NS * gaudi_box_clock_rate(card->box));
    if (core->published_ns > now_ns + notice_ns / 2)
        return core->published_ns;
    return now_ns + notice_ns > core->published_ns ? now_ns + notice_ns : core->published_ns;
}

/* Announce the beginning while it still lies ahead. From then on no reader looks beyond it along the old future, however
 * long this process is preempted before the commit. Nothing stands between the look at the clock and the store: who is
 * preempted right there, and for longer than half a notice, announces what readers may have passed, and takes it back. */
static uint64_t announce(gaudi_card *card, const gaudi_core *core)
{
    uint64_t *announced = &card->file->core.beginning_ns;
    uint64_t margin_ns = (uint64_t)(NOTICE_NS / 2.0 * gaudi_box_clock_rate(card->box));
    uint64_t from_ns = 0;
    for (int attempt = 0; attempt < ANNOUNCE_ATTEMPTS; attempt++) {
        from_ns = beginning(card, core);
        if (gaudi_box_now(card->box) + margin_ns > from_ns)
            continue;
        __atomic_store_n(announced, from_ns, __ATOMIC_SEQ_CST);
        if (gaudi_box_now(card->box) <= from_ns)
            break;
        __atomic_store_n(announced, 0, __ATOMIC_SEQ_CST);
    }
    gaudi_kill_point("beginning announced");
    return from_ns;
}

/* Keep what readers need until the new future begins: the segment of now and those that start before it. */
static void keep_old(draft *d, uint64_t now_ns)
{
    const gaudi_core *core = &d->core;
    uint32_t i = gaudi_segment_find(core->segment, core->segment_count, now_ns);
    for (; i < core->segment_count && core->segment[i].start_ns < d->from_ns; i++) {
        if (d->kept_count == GAUDI_SEGMENT_KEPT) /* more than that never begin within a notice */
            memmove(d->kept, d->kept + 1, (--d->kept_count) * sizeof d->kept[0]);
        d->kept[d->kept_count++] = core->segment[i];
    }
}

/* The writer lock is held, so nobody else moves the core. */
static int load(gaudi_card *card, draft *d)
{
    gaudi_core *core = &d->core;
    int rc = gaudi_section_read(&card->file->core.sequence, sizeof *core, core);
    if (rc != 0)
        return rc;
    if (core->segment_count < 1 || core->segment_count > GAUDI_SEGMENT_MAX || !gaudi_drive_is_sound(&core->drive))
        return -EBADMSG;
    d->from_ns = announce(card, core);
    gaudi_future_of(core, &d->old);
    gaudi_notes_of(core, d->from_ns, &d->notes);
    d->kept_count = 0;
    keep_old(d, gaudi_box_now(card->box));
    uint32_t i = gaudi_segment_find(core->segment, core->segment_count, d->from_ns);
    if (!gaudi_segment_is_sound(&core->segment[i]))
        return -EBADMSG;
    d->point = gaudi_segment_at(&card->physics, &core->segment[i], d->from_ns);
    d->clock_ratio = d->point.clock_ratio;
    d->flags = d->point.flags;
    if (core->status_until_ns != 0 && d->from_ns >= core->status_until_ns) {
        core->status = core->status_after;
        core->status_until_ns = 0;
    }
    if (core->drive.lease_end_ns <= d->from_ns)
        memset(core->drive.activity, 0, sizeof core->drive.activity);
    return 0;
}

static void lay_out(const gaudi_card *card, draft *d)
{
    gaudi_core *core = &d->core;
    core->published_ns = d->from_ns;
    memset(core->segment, 0, sizeof core->segment);
    memcpy(core->segment, d->kept, d->kept_count * sizeof d->kept[0]);
    core->segment_count = d->kept_count + gaudi_trajectory_plan(&card->physics, &core->drive, &d->point,
                                                                d->from_ns, core->segment + d->kept_count);
}

/* Two changes that begin at the same moment make one event of a kind. */
static bool is_in_ring(const gaudi_card *card, uint64_t box_ns, uint64_t kind)
{
    gaudi_event event;
    uint64_t number = gaudi_events_head(card);
    for (; number > 0 && gaudi_events_read(card, number, &event) == 0 && event.box_ns >= box_ns; number--) {
        if (event.box_ns == box_ns && event.kind == kind)
            return true;
    }
    return false;
}

static void append_derived(gaudi_card *card, uint64_t box_ns, uint64_t kinds)
{
    for (uint64_t kind = 1; kind <= kinds; kind <<= 1) {
        if ((kinds & kind) && !is_in_ring(card, box_ns, kind | GAUDI_EVENT_DERIVED))
            gaudi_events_append(card, box_ns, kind | GAUDI_EVENT_DERIVED, 0);
    }
}

/* Derived events up to the beginning of the new future go to the ring, and so does what the change itself brings about.
 * Returns whether a waiter has to look earlier than the old future told it to. */
static bool fold_events(gaudi_card *card, const draft *d)
{
    gaudi_future next;
    uint64_t i = 0;
    for (; i < d->old.count && d->old.boundary[i].box_ns <= d->from_ns; i++)
        append_derived(card, d->old.boundary[i].box_ns, d->old.boundary[i].kind);
    uint64_t old_ns = i < d->old.count ? d->old.boundary[i].box_ns : UINT64_MAX;
    uint64_t kinds = gaudi_change_kinds(d->clock_ratio, d->flags, &d->core.segment[d->kept_count]);
    append_derived(card, d->from_ns, kinds);
    gaudi_future_of(&d->core, &next);
    return kinds != 0 || (next.count > 0 && next.boundary[0].box_ns < old_ns);
}

/* The last look at the clock stands right before the events and the commit; what is left is the one gap in which a
 * preempted writer could still come late. */
int gaudi_publish_locked(gaudi_card *card, gaudi_change apply, const void *with, bool *is_ringing)
{
    uint64_t *sequence = &card->file->core.sequence;
    draft d;
    int rc = load(card, &d);
    if (rc == 0)
        rc = apply(card, &d.core, &d.point, d.from_ns, with);
    if (rc == 0) {
        lay_out(card, &d);
        gaudi_section_fill(sequence, sizeof d.core, &d.core);
        *is_ringing = fold_events(card, &d) || *is_ringing; /* before the commit: a reader of the new future finds them */
        gaudi_kill_point("derived events folded");
        gaudi_section_commit(sequence);
    }
    gaudi_store_u64(&card->file->core.beginning_ns, 0);
    if (rc == 0)
        gaudi_notes_write(card, &d.notes, d.core.launches);
    gaudi_kill_point("publish done");
    return rc;
}

int gaudi_publish(gaudi_card *card, gaudi_change apply, const void *with, gaudi_error *error)
{
    bool is_ringing = false;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_publish_locked(card, apply, with, &is_ringing);
    gaudi_write_end(card);
    gaudi_kill_point("unlocked, bell not rung");
    if (is_ringing)
        gaudi_doorbell_ring(card->box);
    if (rc == -EBADMSG)
        gaudi_fail(error, rc, "the state of card %zu is corrupt; take the box up again with 'gaudi-box up'",
                   card->index);
    if (rc == -ECANCELED)
        gaudi_fail(error, rc, "card %zu was reset, its memory is lost; acquire it again", card->index);
    return rc;
}

/* Half a second of wall time, whatever the rate: that is how long a dead process looks alive. */
static uint64_t lease_of(const gaudi_card *card)
{
    double rate = gaudi_box_clock_rate(card->box);
    return (uint64_t)((double)card->physics.lease_ns * fmax(rate, 1.0));
}

typedef struct activity_change {
    const double *activity; /* NULL: renew what this process published last */
    double mme_intensity;
    double dilation;
} activity_change;

/* Nothing of what is submitted runs: the card is out of service, or an endless command is in front of it. */
static bool is_stuck(const gaudi_core *core)
{
    return core->status != GAUDI_STATUS_OPERATIONAL ||
           (core->status_until_ns != 0 && core->status_after == GAUDI_STATUS_NEEDS_RESET);
}

static int apply_activity(gaudi_card *card, gaudi_core *core, gaudi_point *at, uint64_t box_ns, const void *with)
{
    const activity_change *c = with;
    (void)at;
    if (card->is_held && card->reset_count != core->reset_count && c->activity)
        return -ECANCELED;
    if (c->activity)
        card->reset_count = core->reset_count;
    else if (card->reset_count != core->reset_count)
        memset(card->activity, 0, sizeof card->activity); /* the work that this activity stood for is gone */
    bool is_active = false;
    for (size_t e = 0; e < GAUDI_ENGINE_COUNT; e++) {
        if (c->activity)
            card->activity[e] = c->activity[e] > 0.0 ? fmin(c->activity[e], 1.0) : 0.0; /* NaN counts as none */
        is_active = is_active || card->activity[e] > 0.0;
    }
    if (c->activity) {
        core->dilation = c->dilation;
        core->drive.mme_intensity = c->mme_intensity > 0.0 ? fmin(c->mme_intensity, 1.0) : 1.0;
    }
    uint64_t lease = lease_of(card);
    core->holder_lease_end_ns = box_ns + lease;
    if (is_stuck(core))
        return 0;
    memcpy(core->drive.activity, card->activity, sizeof core->drive.activity);
    core->drive.lease_end_ns = is_active ? box_ns + lease : box_ns;
    return 0;
}

int gaudi_card_publish_activity(gaudi_card *card, const double activity[GAUDI_ENGINE_COUNT], double dilation,
                                gaudi_error *error)
{
    return gaudi_card_publish_load(card, activity, 1.0, dilation, error);
}

int gaudi_card_publish_load(gaudi_card *card, const double activity[GAUDI_ENGINE_COUNT], double mme_intensity,
                            double dilation, gaudi_error *error)
{
    activity_change with = {.activity = activity, .mme_intensity = mme_intensity, .dilation = dilation};
    return gaudi_publish(card, apply_activity, &with, error);
}

int gaudi_card_renew(gaudi_card *card)
{
    activity_change with = {.activity = NULL};
    return gaudi_publish(card, apply_activity, &with, NULL);
}

static int apply_extension(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    uint64_t until_ns = *(const uint64_t *)with;
    (void)card;
    (void)now;
    /* What is stuck is not leased by anybody: it ends when the driver gives up. */
    if (!is_stuck(core) && core->drive.lease_end_ns > box_ns && until_ns > core->drive.lease_end_ns)
        core->drive.lease_end_ns = until_ns;
    if (core->holder_lease_end_ns > box_ns && until_ns > core->holder_lease_end_ns)
        core->holder_lease_end_ns = until_ns;
    return 0;
}

void gaudi_lease_extend_locked(gaudi_card *card, uint64_t until_ns)
{
    bool is_ringing = false; /* whoever changes the clock rings in any case */
    (void)gaudi_publish_locked(card, apply_extension, &until_ns, &is_ringing);
}

static int apply_memory(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    uint64_t used = *(const uint64_t *)with;
    const gaudi_identity *identity = &card->identity;
    (void)now;
    (void)box_ns;
    if (card->is_held && card->reset_count != core->reset_count)
        return -ECANCELED;
    if (used > identity->memory_total_bytes - identity->memory_reserved_bytes)
        return -ENOSPC;
    core->memory_used_bytes = identity->memory_reserved_bytes + used;
    return 0;
}

int gaudi_card_publish_memory(gaudi_card *card, uint64_t used_bytes, gaudi_error *error)
{
    return gaudi_publish(card, apply_memory, &used_bytes, error);
}
