/* Writing a card. Every change is one publish of one section: lock, fold the state to now, change it,
 * lay out the future again, store, unlock. A writer that dies in between leaves the last copy. */
#include "card_internal.h"
#include "trajectory.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/futex.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* How long a writer waits for another one. A publish takes microseconds; a second means that it hangs. */
enum { WRITER_DEADLINE_MS = 1000 };

static int try_lock(int fd, short range)
{
    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = range, .l_len = 1};
    if (fd < 0)
        return 0; /* a private box has no file and no rival */
    return fcntl(fd, F_OFD_SETLK, &lock) == 0 ? 0 : -errno;
}

int gaudi_lock(int fd, short range, unsigned int deadline_ms)
{
    uint64_t end = gaudi_monotonic_ns() + deadline_ms * UINT64_C(1000000);
    struct timespec pause = {.tv_nsec = 20000};
    int rc = try_lock(fd, range);
    while ((rc == -EAGAIN || rc == -EACCES) && gaudi_monotonic_ns() < end) {
        nanosleep(&pause, NULL);
        if (pause.tv_nsec < 1000000)
            pause.tv_nsec *= 2;
        rc = try_lock(fd, range);
    }
    return rc == -EAGAIN || rc == -EACCES ? -ETIMEDOUT : rc;
}

void gaudi_unlock(int fd, short range)
{
    struct flock lock = {.l_type = F_UNLCK, .l_whence = SEEK_SET, .l_start = range, .l_len = 1};
    if (fd >= 0)
        (void)fcntl(fd, F_OFD_SETLK, &lock);
}

static int begin(gaudi_card *card, gaudi_error *error)
{
    if (!card->box->is_writable)
        return gaudi_fail(error, -EACCES,
                          "no permission to change the box at %s; its owner, root and its group may", card->box->path);
    int rc = gaudi_box_alive(card->box);
    if (rc != 0)
        return gaudi_fail(error, rc, "the box at %s was taken down", card->box->path);
    pthread_mutex_lock(&card->mutex);
    rc = gaudi_lock(card->fd, GAUDI_LOCK_WRITER, WRITER_DEADLINE_MS);
    if (rc != 0) {
        pthread_mutex_unlock(&card->mutex);
        return gaudi_fail(error, rc, "card %zu is being written by pid %u, which does not go on; end that process",
                          card->index, gaudi_load_u32(&card->file->header.writer_pid));
    }
    gaudi_store_u32(&card->file->header.writer_pid, (uint32_t)getpid());
    return 0;
}

static void end(gaudi_card *card)
{
    gaudi_store_u32(&card->file->header.writer_pid, 0);
    gaudi_unlock(card->fd, GAUDI_LOCK_WRITER);
    pthread_mutex_unlock(&card->mutex);
}

/* A publish takes effect this much later, wall time. Until then readers go on with what was published before, so none of
 * them has looked beyond the moment at which the new future begins: energy never falls, whoever reads. */
static const double NOTICE_NS = 100000.0;

/* How often a publish that came too late for its own beginning (the process was preempted) is laid out anew. */
enum { PUBLISH_ATTEMPTS = 10 };

/* A state on its way from what is published to what will be. */
typedef struct draft {
    gaudi_core core;
    gaudi_point point;      /* at `from_ns` */
    uint64_t from_ns;       /* where the new future begins */
    gaudi_segment kept[GAUDI_SEGMENT_KEPT]; /* of the old future, until then */
    uint32_t kept_count;
} draft;

static uint64_t beginning(const gaudi_card *card, const gaudi_core *core)
{
    uint64_t now_ns = gaudi_box_now(card->box);
    uint64_t from_ns = now_ns + (uint64_t)(NOTICE_NS * gaudi_box_clock_rate(card->box));
    return from_ns > core->published_ns ? from_ns : core->published_ns;
}

/* Keep what readers need until the new future begins: the segment of now and those that start before it. */
static void keep_old(draft *d, uint64_t now_ns)
{
    const gaudi_core *core = &d->core;
    uint32_t i = gaudi_segment_find(core->segment, core->segment_count, now_ns);
    for (; i < core->segment_count && core->segment[i].start_ns < d->from_ns; i++) {
        if (d->kept_count == GAUDI_SEGMENT_KEPT) /* more than that never begin within the notice */
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
    if (core->segment_count < 1 || core->segment_count > GAUDI_SEGMENT_MAX)
        return -EBADMSG;
    d->from_ns = beginning(card, core);
    d->kept_count = 0;
    keep_old(d, gaudi_box_now(card->box));
    uint32_t i = gaudi_segment_find(core->segment, core->segment_count, d->from_ns);
    d->point = gaudi_segment_at(&card->file->physics, &core->segment[i], d->from_ns);
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
    core->segment_count = d->kept_count + gaudi_trajectory_plan(&card->file->physics, &core->drive, &d->point,
                                                                d->from_ns, core->segment + d->kept_count);
}

/* Half a second of wall time, whatever the rate: that is how long a dead process looks alive. */
static uint64_t lease_of(const gaudi_card *card)
{
    double rate = gaudi_box_clock_rate(card->box);
    return (uint64_t)((double)card->file->physics.lease_ns * fmax(rate, 1.0));
}

/* What a publish changes, between load and lay_out. */
typedef int (*change)(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with);

/* The lock is held. The last look at the clock stands right before the commit; what is left between the two is the one
 * gap in which a preempted writer could still come late. */
static int publish_locked(gaudi_card *card, change apply, const void *with)
{
    uint64_t *sequence = &card->file->core.sequence;
    draft d;
    for (int attempt = 0; attempt < PUBLISH_ATTEMPTS; attempt++) {
        int rc = load(card, &d);
        if (rc == 0)
            rc = apply(card, &d.core, &d.point, d.from_ns, with);
        if (rc != 0)
            return rc;
        lay_out(card, &d);
        gaudi_section_fill(sequence, sizeof d.core, &d.core);
        if (gaudi_box_now(card->box) <= d.from_ns)
            break;
    }
    gaudi_section_commit(sequence);
    return 0;
}

static int publish(gaudi_card *card, change apply, const void *with, gaudi_error *error)
{
    int rc = begin(card, error);
    if (rc != 0)
        return rc;
    rc = publish_locked(card, apply, with);
    end(card);
    if (rc == -EBADMSG)
        gaudi_fail(error, rc, "the state of card %zu is corrupt; take the box up again with 'gaudi-box up'",
                   card->index);
    return rc;
}

typedef struct activity_change {
    const double *activity; /* NULL: renew what this process published last */
    double dilation;
} activity_change;

static int apply_activity(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    const activity_change *c = with;
    (void)now;
    if (c->activity)
        card->reset_count = core->reset_count;
    else if (card->reset_count != core->reset_count)
        memset(card->activity, 0, sizeof card->activity); /* the work that this activity stood for is gone */
    bool is_active = false;
    for (size_t e = 0; e < GAUDI_ENGINE_COUNT; e++) {
        if (c->activity)
            card->activity[e] = c->activity[e] > 0.0 ? fmin(c->activity[e], 1.0) : 0.0; /* NaN counts as none */
        core->drive.activity[e] = card->activity[e];
        is_active = is_active || card->activity[e] > 0.0;
    }
    if (c->activity) {
        core->dilation = c->dilation;
        core->launches += is_active ? 1 : 0;
    }
    uint64_t lease = lease_of(card);
    core->drive.lease_end_ns = is_active ? box_ns + lease : box_ns;
    core->holder_lease_end_ns = box_ns + lease;
    return 0;
}

int gaudi_card_publish_activity(gaudi_card *card, const double activity[GAUDI_ENGINE_COUNT], double dilation,
                                gaudi_error *error)
{
    activity_change with = {.activity = activity, .dilation = dilation};
    return publish(card, apply_activity, &with, error);
}

int gaudi_card_renew(gaudi_card *card)
{
    activity_change with = {.activity = NULL};
    return publish(card, apply_activity, &with, NULL);
}

static int apply_extension(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    uint64_t until_ns = *(const uint64_t *)with;
    (void)card;
    (void)now;
    if (core->drive.lease_end_ns > box_ns && until_ns > core->drive.lease_end_ns)
        core->drive.lease_end_ns = until_ns;
    if (core->holder_lease_end_ns > box_ns && until_ns > core->holder_lease_end_ns)
        core->holder_lease_end_ns = until_ns;
    return 0;
}

int gaudi_card_extend_lease(gaudi_card *card, uint64_t until_ns)
{
    return publish(card, apply_extension, &until_ns, NULL);
}

static int apply_memory(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    uint64_t used = *(const uint64_t *)with;
    const gaudi_identity *identity = &card->file->identity;
    (void)now;
    (void)box_ns;
    if (used > identity->memory_total_bytes - identity->memory_reserved_bytes)
        return -ENOSPC;
    core->memory_used_bytes = identity->memory_reserved_bytes + used;
    return 0;
}

int gaudi_card_publish_memory(gaudi_card *card, uint64_t used_bytes, gaudi_error *error)
{
    return publish(card, apply_memory, &used_bytes, error);
}

static int apply_pcie(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    const uint64_t *bytes = with;
    (void)card;
    (void)now;
    (void)box_ns;
    core->pcie_rx_bytes += bytes[0];
    core->pcie_tx_bytes += bytes[1];
    return 0;
}

int gaudi_card_count_pcie(gaudi_card *card, uint64_t rx_bytes, uint64_t tx_bytes, gaudi_error *error)
{
    uint64_t bytes[2] = {rx_bytes, tx_bytes};
    return publish(card, apply_pcie, bytes, error);
}

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
    const gaudi_physics *p = &card->file->physics;
    int rc = need_owner(card, "set the power limit", error);
    if (rc == 0 && (limit_mw < p->limit_min_mw || limit_mw > p->limit_max_mw))
        rc = gaudi_fail(error, -EINVAL, "the power limit of card %zu lies between %llu and %llu W", card->index,
                        (unsigned long long)(p->limit_min_mw / 1000), (unsigned long long)(p->limit_max_mw / 1000));
    return rc != 0 ? rc : publish(card, apply_limit, &limit_mw, error);
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
    core->memory_used_bytes = card->file->identity.memory_reserved_bytes;
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

int gaudi_card_reset(gaudi_card *card, uint64_t duration_ns, gaudi_error *error)
{
    int rc = need_owner(card, "reset a card", error);
    if (rc == 0)
        rc = publish(card, apply_reset, &duration_ns, error);
    if (rc == 0)
        rc = begin(card, error);
    if (rc == 0) {
        reset_rows(card);
        end(card);
    }
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
    return publish(card, apply_conditions, c, error);
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
    return publish(card, apply_lost, &is_lost, error);
}

int gaudi_card_count_ecc(gaudi_card *card, const gaudi_rows *delta, gaudi_error *error)
{
    gaudi_rows rows;
    int rc = begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_section_read(&card->file->rows.sequence, sizeof rows, &rows);
    for (int i = 0; rc == 0 && i < 2; i++) {
        rows.hbm_corrected[i] += delta->hbm_corrected[i];
        rows.hbm_uncorrected[i] += delta->hbm_uncorrected[i];
        rows.sram_corrected[i] += delta->sram_corrected[i];
        rows.sram_uncorrected[i] += delta->sram_uncorrected[i];
        rows.critical[i] += delta->critical[i];
    }
    for (uint32_t i = 0; rc == 0 && i < delta->row_count && i < GAUDI_ROW_MAX && rows.row_count < GAUDI_ROW_MAX; i++)
        rows.row[rows.row_count++] = delta->row[i];
    if (rc == 0)
        gaudi_section_write(&card->file->rows.sequence, sizeof rows, &rows);
    end(card);
    return rc;
}

int gaudi_card_add_fault(gaudi_card *card, const gaudi_fault *fault, gaudi_error *error)
{
    gaudi_faults faults;
    int rc = begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_section_read(&card->file->faults.sequence, sizeof faults, &faults);
    if (rc == 0 && faults.count >= GAUDI_FAULT_MAX)
        rc = gaudi_fail(error, -ENOSPC, "card %zu already has %d faults; heal some first", card->index,
                        GAUDI_FAULT_MAX);
    if (rc == 0) {
        faults.fault[faults.count] = *fault;
        faults.fault[faults.count].injected_ns = gaudi_box_now(card->box);
        faults.count++;
        gaudi_section_write(&card->file->faults.sequence, sizeof faults, &faults);
    }
    end(card);
    return rc;
}

int gaudi_card_remove_faults(gaudi_card *card, uint32_t kind, gaudi_error *error)
{
    gaudi_faults faults;
    gaudi_faults kept;
    int rc = begin(card, error);
    if (rc != 0)
        return rc;
    memset(&kept, 0, sizeof kept);
    rc = gaudi_section_read(&card->file->faults.sequence, sizeof faults, &faults);
    for (uint32_t i = 0; rc == 0 && i < faults.count && i < GAUDI_FAULT_MAX; i++) {
        if (kind != 0 && faults.fault[i].kind != kind)
            kept.fault[kept.count++] = faults.fault[i];
    }
    if (rc == 0)
        gaudi_section_write(&card->file->faults.sequence, sizeof kept, &kept);
    end(card);
    return rc;
}

/* Wake everybody who waits for events of this box. The futex word lies in the shared file. */
static void ring_doorbell(gaudi_box *box)
{
    __atomic_add_fetch(&box->file->doorbell, 1, __ATOMIC_SEQ_CST);
    syscall(SYS_futex, &box->file->doorbell, FUTEX_WAKE, INT_MAX, NULL, NULL, 0);
}

int gaudi_card_post_event(gaudi_card *card, uint64_t kind, uint64_t argument)
{
    int rc = begin(card, NULL);
    if (rc != 0)
        return rc;
    gaudi_events *events = &card->file->events;
    uint64_t number = gaudi_load_u64(&events->head) + 1;
    gaudi_event *slot = &events->event[number % GAUDI_EVENT_MAX];
    gaudi_store_u64(&slot->sequence, 0); /* a reader of the old event now sees that it was lost */
    gaudi_store_u64(&slot->box_ns, gaudi_box_now(card->box));
    gaudi_store_u64(&slot->kind, kind);
    gaudi_store_u64(&slot->argument, argument);
    gaudi_store_u64(&slot->sequence, number);
    gaudi_store_u64(&events->head, number);
    end(card);
    ring_doorbell(card->box);
    return 0;
}

int gaudi_box_set_link(gaudi_box *box, size_t card, unsigned int port, bool is_up, gaudi_error *error)
{
    if (!box->is_writable)
        return gaudi_fail(error, -EACCES, "no permission to change the box at %s", box->path);
    if (card >= box->card_count || port >= box->card[card].file->identity.port_count)
        return gaudi_fail(error, -EINVAL, "there is no port %u on card %zu", port, card);
    uint64_t bit = UINT64_C(1) << port;
    if (is_up)
        __atomic_or_fetch(&box->file->link_up[card], bit, __ATOMIC_ACQ_REL);
    else
        __atomic_and_fetch(&box->file->link_up[card], ~bit, __ATOMIC_ACQ_REL);
    ring_doorbell(box);
    return 0;
}
