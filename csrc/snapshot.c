/* Reading a card: copy the words that are needed, evaluate the published future at the box time of now. */
#include "moment.h"
#include "trajectory.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <string.h>

/* The part of the core before the segments. */
#define CORE_HEAD_SIZE offsetof(gaudi_core, segment)

/* How long readers wait at the beginning of a future that is about to be committed, wall time: longer than a busy machine
 * keeps a writer from running. A writer that died in between must not stop the clock of a card for good. */
static const double BEGINNING_GRACE_NS = 1e9;

bool gaudi_beginning_holds(const gaudi_card *card, uint64_t late_ns)
{
    return (double)late_ns < BEGINNING_GRACE_NS * fmax(gaudi_box_clock_rate(card->box), 1.0);
}

uint64_t gaudi_card_moment(const gaudi_card *card)
{
    return gaudi_moment_of_card(card);
}

/* Head of the core and the one segment that holds at *box_ns, of one publish. The box time is read
 * inside, after the sequence, so that it is never older than what was published. */
static int read_core(const gaudi_card *card, gaudi_core *core, gaudi_segment *segment, uint64_t *box_ns)
{
    const gaudi_core_section *section = &card->file->core;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        const gaudi_core *slot = &section->slot[sequence & 1];
        gaudi_words_load(core, slot, CORE_HEAD_SIZE);
        uint32_t count = core->segment_count; /* read once, then bounded */
        if (count < 1 || count > GAUDI_SEGMENT_MAX)
            return -EBADMSG;
        uint64_t now = gaudi_moment_of_card(card);
        uint32_t i = 0;
        while (i + 1 < count && gaudi_load_u64(&slot->segment[i + 1].start_ns) <= now)
            i++;
        gaudi_words_load(segment, &slot->segment[i], sizeof *segment);
        if (gaudi_load_u64(&section->sequence) == sequence) {
            *box_ns = now;
            return 0;
        }
    }
    return -EAGAIN;
}

static uint32_t status_at(const gaudi_core *core, uint32_t flags, uint64_t box_ns)
{
    uint32_t status = core->status;
    if (core->status_until_ns != 0 && box_ns >= core->status_until_ns)
        status = core->status_after;
    if (flags & GAUDI_THERMAL_SHUTDOWN)
        status = GAUDI_STATUS_MALFUNCTION;
    return status <= GAUDI_STATUS_IN_RESET_AFTER_RELEASE ? status : GAUDI_STATUS_MALFUNCTION;
}

bool gaudi_holder_is_alive(const gaudi_card *card)
{
    struct flock probe = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = GAUDI_LOCK_HOLDER, .l_len = 1};
    if (card->is_held)
        return true; /* our own open file never conflicts with itself */
    if (card->fd < 0 || fcntl(card->fd, F_OFD_GETLK, &probe) != 0)
        return false;
    return probe.l_type != F_UNLCK;
}

/* Memory of a holder that died without a word is free: its lock went with it. While the lease runs, no
 * question is needed, so a getter makes no system call. */
uint64_t gaudi_memory_used(const gaudi_card *card, uint64_t used_bytes, uint64_t holder_token, uint64_t lease_end_ns,
                           uint64_t box_ns)
{
    uint64_t total = card->identity.memory_total_bytes;
    uint64_t used = used_bytes;
    bool is_over = holder_token != 0 && box_ns > lease_end_ns && !gaudi_holder_is_alive(card);
    uint64_t reserved = card->identity.memory_reserved_bytes;
    if (holder_token == 0 || is_over)
        used = reserved;
    uint64_t told = is_over ? GAUDI_NOTHING_TOLD : gaudi_memory_told(card);
    if (told != GAUDI_NOTHING_TOLD)
        used = told > total - reserved ? total : reserved + told;
    return used > total ? total : used;
}

static uint64_t memory_used(const gaudi_card *card, const gaudi_core *core, uint64_t box_ns)
{
    return gaudi_memory_used(card, core->memory_used_bytes, core->holder_token, core->holder_lease_end_ns, box_ns);
}

static uint64_t memory_of_holder(const gaudi_card *card, const gaudi_core *core, uint64_t box_ns)
{
    uint64_t used = memory_used(card, core, box_ns);
    uint64_t reserved = card->identity.memory_reserved_bytes;
    return used > reserved ? used - reserved : 0;
}

uint32_t gaudi_pcie_kbps(uint32_t kbps, uint64_t from_ns, uint64_t until_ns, uint64_t box_ns)
{
    uint64_t begin_ns = box_ns > GAUDI_PCIE_WINDOW_NS ? box_ns - GAUDI_PCIE_WINDOW_NS : 0;
    uint64_t start_ns = from_ns > begin_ns ? from_ns : begin_ns;
    uint64_t end_ns = until_ns < box_ns ? until_ns : box_ns;
    if (end_ns <= start_ns)
        return 0;
    return (uint32_t)((double)kbps * (double)(end_ns - start_ns) / (double)GAUDI_PCIE_WINDOW_NS);
}

static void fill_sensors(const gaudi_card *card, const gaudi_core *core, const gaudi_segment *segment,
                         gaudi_reading *r)
{
    const gaudi_physics *physics = &card->physics;
    gaudi_point at = gaudi_segment_at(physics, segment, r->box_ns);
    r->clock_ratio = at.clock_ratio;
    r->clock_soc_mhz = at.clock_ratio * (double)card->identity.clock_soc_max_mhz;
    r->power_54v_w = at.filtered_w;
    r->power_now_w = at.power_w;
    r->power_12v_w = physics->rail12_idle_w + physics->rail12_share * fmax(0.0, at.filtered_w - physics->idle_w);
    r->energy_j = at.energy_j;
    r->die_c = at.die_c;
    r->hbm_c = at.hbm_c;
    r->board_c = at.board_c;
    r->flags = at.flags;
    r->violation_power_ns = at.violation_power_ns;
    r->violation_thermal_ns = at.violation_thermal_ns;
    r->power_reference_ns = at.power_reference_ns;
    r->thermal_reference_ns = at.thermal_reference_ns;
    r->utilization_percent = gaudi_utilization_percent(at.filtered_w, physics->utilization_dc_w, core->limit_mw);
    bool is_active = r->box_ns < core->drive.lease_end_ns && !(at.flags & GAUDI_THERMAL_SHUTDOWN);
    for (size_t e = 0; is_active && e < GAUDI_ENGINE_COUNT; e++)
        r->activity[e] = core->drive.activity[e];
}

int gaudi_card_read(const gaudi_card *card, gaudi_reading *reading)
{
    gaudi_core core;
    gaudi_segment segment;
    gaudi_reading r;
    memset(&r, 0, sizeof r);
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = read_core(card, &core, &segment, &r.box_ns);
    if (rc == 0 && !gaudi_segment_is_sound(&segment))
        rc = -EBADMSG;
    if (rc != 0)
        return rc;
    fill_sensors(card, &core, &segment, &r);
    r.limit_mw = core.limit_mw;
    r.memory_used_bytes = memory_used(card, &core, r.box_ns);
    r.status = status_at(&core, segment.flags, r.box_ns);
    r.is_lost = core.is_lost;
    r.reset_count = core.reset_count;
    r.pcie_rx_kbps = gaudi_pcie_kbps(core.pcie_rx_kbps, core.pcie_from_ns, core.pcie_rx_until_ns, r.box_ns);
    r.pcie_tx_kbps = gaudi_pcie_kbps(core.pcie_tx_kbps, core.pcie_from_ns, core.pcie_tx_until_ns, r.box_ns);
    r.pcie_replay = core.pcie_replay;
    r.pcie_generation = core.pcie_generation;
    r.pcie_width = core.pcie_width;
    r.dilation = core.dilation;
    r.launches = core.launches;
    *reading = r;
    return 0;
}

int gaudi_card_read_status(const gaudi_card *card, uint32_t *status, uint32_t *is_lost)
{
    gaudi_core core;
    gaudi_segment segment;
    uint64_t box_ns = 0;
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = read_core(card, &core, &segment, &box_ns);
    if (rc == 0) {
        *status = status_at(&core, segment.flags, box_ns);
        *is_lost = core.is_lost;
    }
    return rc;
}

int gaudi_card_read_rows(const gaudi_card *card, gaudi_rows *rows)
{
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->rows.sequence, sizeof *rows, rows);
    if (rc == 0 && rows->row_count > GAUDI_ROW_MAX)
        rc = -EBADMSG;
    return rc;
}

int gaudi_card_read_faults(const gaudi_card *card, gaudi_faults *faults)
{
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->faults.sequence, sizeof *faults, faults);
    if (rc == 0 && faults->count > GAUDI_FAULT_MAX)
        rc = -EBADMSG;
    return rc;
}

int gaudi_card_read_processes(const gaudi_card *card, gaudi_processes *processes)
{
    gaudi_core core;
    gaudi_segment segment;
    uint64_t box_ns = 0;
    gaudi_processes found;
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = read_core(card, &core, &segment, &box_ns);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->processes.sequence, sizeof found, &found);
    if (rc == 0 && found.count > GAUDI_PROCESS_MAX)
        rc = -EBADMSG;
    if (rc != 0)
        return rc;
    if (core.holder_token == 0 || !gaudi_holder_is_alive(card))
        found.count = 0;
    else if (found.count == 1)
        found.process[0].memory_bytes = memory_of_holder(card, &core, box_ns);
    *processes = found;
    return 0;
}

double gaudi_sensor_temperature(const gaudi_card *card, size_t i, const gaudi_reading *r)
{
    const gaudi_sensor *sensor = &card->identity.sensor[i];
    double group_c = r->board_c;
    if (sensor->group == GAUDI_SENSOR_ON_CHIP || sensor->group == GAUDI_SENSOR_ON_CHIP_TD)
        group_c = r->die_c;
    else if (sensor->group == GAUDI_SENSOR_HBM)
        group_c = r->hbm_c;
    double ambient_c = card->physics.ambient_c;
    return ambient_c + sensor->offset_c + sensor->gain * (group_c - ambient_c);
}
