/* Reading the few words that one getter needs, out of one publish: tens of nanoseconds. snapshot.c reads everything. */
#include "moment.h"
#include "decay.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Where the reader is: the copy of the core of one publish and the segment that holds now. */
typedef struct glance {
    const gaudi_core_section *section;
    const gaudi_core *slot;
    const gaudi_segment *segment;
    uint64_t sequence;
    uint64_t now_ns;
} glance;

/* The box time is read after the sequence, so that it is never older than what was published. */
static int look(const gaudi_card *card, glance *g)
{
    g->section = &card->file->core;
    g->sequence = gaudi_load_u64(&g->section->sequence);
    g->slot = &g->section->slot[g->sequence & 1];
    uint32_t count = gaudi_load_u32(&g->slot->segment_count); /* read once, then bounded */
    if (count < 1 || count > GAUDI_SEGMENT_MAX)
        return -EBADMSG;
    g->now_ns = gaudi_moment_of_card(card);
    uint32_t i = 0;
    while (i + 1 < count && gaudi_load_u64(&g->slot->segment[i + 1].start_ns) <= g->now_ns)
        i++;
    g->segment = &g->slot->segment[i];
    return 0;
}

static bool is_whole(const glance *g)
{
    return gaudi_load_u64(&g->section->sequence) == g->sequence;
}

/* A quantity of the segment: c + a * exp(-t / tau) + b * exp(-t * inv_tau_die), three words in a row. */
typedef struct wave {
    double c;
    double a;
    double b;
    double inv_tau_die;
    double t_s;
} wave;

static wave load_wave(const glance *g, const double *c)
{
    uint64_t start_ns = gaudi_load_u64(&g->segment->start_ns);
    wave w = {.c = gaudi_load_double(c),
              .a = gaudi_load_double(c + 1),
              .b = gaudi_load_double(c + 2),
              .inv_tau_die = gaudi_load_double(&g->segment->inv_tau_die),
              .t_s = g->now_ns > start_ns ? gaudi_seconds(g->now_ns - start_ns) : 0.0};
    return w;
}

static int evaluate(const wave *w, double inv_tau, double *value)
{
    if (!gaudi_is_sane(w->c) || !gaudi_is_sane(w->a) || !gaudi_is_sane(w->b) || !(w->inv_tau_die > 0.0))
        return -EBADMSG;
    double own = w->a != 0.0 ? w->a * gaudi_decay(w->t_s * inv_tau) : 0.0; /* a card at rest has nothing to decay */
    double die = w->b != 0.0 ? w->b * gaudi_decay(w->t_s * w->inv_tau_die) : 0.0;
    *value = w->c + own + die;
    return 0;
}

int gaudi_card_present(const gaudi_card *card)
{
    const gaudi_core_section *section = &card->file->core;
    int rc = gaudi_box_alive(card->box);
    if (rc != 0)
        return rc;
    const gaudi_core *slot = &section->slot[gaudi_load_u64(&section->sequence) & 1];
    return gaudi_load_u32(&slot->is_lost) ? -EIO : 0; /* one word: whole in any case */
}

int gaudi_card_read_power(const gaudi_card *card, double *power_w)
{
    uint64_t limit_mw;
    return gaudi_card_read_load(card, power_w, &limit_mw);
}

int gaudi_card_read_load(const gaudi_card *card, double *power_w, uint64_t *limit_mw)
{
    glance g;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        int rc = look(card, &g);
        if (rc != 0)
            return rc;
        wave w = load_wave(&g, &g.segment->filtered_c);
        uint64_t limit = gaudi_load_u64(&g.slot->limit_mw);
        if (!is_whole(&g))
            continue;
        rc = evaluate(&w, card->inv_tau_power, power_w);
        if (rc == 0)
            *limit_mw = limit;
        return rc;
    }
    return -EAGAIN;
}

int gaudi_card_read_clock(const gaudi_card *card, double *clock_ratio, uint32_t *flags)
{
    glance g;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        int rc = look(card, &g);
        if (rc != 0)
            return rc;
        double ratio = gaudi_load_double(&g.segment->clock_ratio);
        uint32_t found = gaudi_load_u32(&g.segment->flags);
        if (!is_whole(&g))
            continue;
        if (!(ratio >= 0.0 && ratio <= 1.0))
            return -EBADMSG;
        *clock_ratio = ratio;
        *flags = found;
        return 0;
    }
    return -EAGAIN;
}

int gaudi_card_read_energy(const gaudi_card *card, double *energy_j)
{
    glance g;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        int rc = look(card, &g);
        if (rc != 0)
            return rc;
        wave w = load_wave(&g, &g.segment->power_c); /* power_c, power_a */
        double before_j = gaudi_load_double(&g.segment->energy_j);
        if (!is_whole(&g))
            continue;
        if (!gaudi_is_sane(w.c) || !gaudi_is_sane(w.a) || !(w.inv_tau_die > 0.0) || !gaudi_is_sane(before_j * 1e-6))
            return -EBADMSG;
        *energy_j = before_j + w.c * w.t_s;
        if (w.a != 0.0)
            *energy_j += w.a * (1.0 - gaudi_decay(w.t_s * w.inv_tau_die)) / w.inv_tau_die;
        return 0;
    }
    return -EAGAIN;
}

int gaudi_card_read_limit(const gaudi_card *card, uint64_t *limit_mw)
{
    const gaudi_core_section *section = &card->file->core;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        uint64_t limit = gaudi_load_u64(&section->slot[sequence & 1].limit_mw);
        if (gaudi_load_u64(&section->sequence) != sequence)
            continue;
        *limit_mw = limit;
        return 0;
    }
    return -EAGAIN;
}

int gaudi_card_read_memory(const gaudi_card *card, uint64_t *used_bytes)
{
    const gaudi_core_section *section = &card->file->core;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        const gaudi_core *slot = &section->slot[sequence & 1];
        uint64_t used = gaudi_load_u64(&slot->memory_used_bytes);
        uint64_t token = gaudi_load_u64(&slot->holder_token);
        uint64_t lease_end_ns = gaudi_load_u64(&slot->holder_lease_end_ns);
        uint64_t now_ns = token ? gaudi_box_now(card->box) : 0;
        if (gaudi_load_u64(&section->sequence) != sequence)
            continue;
        *used_bytes = gaudi_memory_used(card, used, token, lease_end_ns, now_ns);
        return 0;
    }
    return -EAGAIN;
}

int gaudi_card_read_pcie_link(const gaudi_card *card, gaudi_pcie_link *link)
{
    const gaudi_core_section *section = &card->file->core;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        const gaudi_core *slot = &section->slot[sequence & 1];
        gaudi_pcie_link found = {.generation = gaudi_load_u32(&slot->pcie_generation),
                                 .width = gaudi_load_u32(&slot->pcie_width),
                                 .replay = gaudi_load_u32(&slot->pcie_replay)};
        if (gaudi_load_u64(&section->sequence) != sequence)
            continue;
        *link = found;
        return 0;
    }
    return -EAGAIN;
}

int gaudi_card_read_pcie_rates(const gaudi_card *card, uint32_t *rx_kbps, uint32_t *tx_kbps)
{
    glance g;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        int rc = look(card, &g);
        if (rc != 0)
            return rc;
        uint64_t from_ns = gaudi_load_u64(&g.slot->pcie_from_ns);
        uint32_t rx = gaudi_pcie_kbps(gaudi_load_u32(&g.slot->pcie_rx_kbps), from_ns,
                                      gaudi_load_u64(&g.slot->pcie_rx_until_ns), g.now_ns);
        uint32_t tx = gaudi_pcie_kbps(gaudi_load_u32(&g.slot->pcie_tx_kbps), from_ns,
                                      gaudi_load_u64(&g.slot->pcie_tx_until_ns), g.now_ns);
        if (!is_whole(&g))
            continue;
        *rx_kbps = rx;
        *tx_kbps = tx;
        return 0;
    }
    return -EAGAIN;
}

int gaudi_card_read_violation(const gaudi_card *card, enum gaudi_segment_flag reason, uint64_t *violation_ns,
                              uint64_t *reference_ns)
{
    bool is_power = reason == GAUDI_THROTTLE_POWER;
    glance g;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        int rc = look(card, &g);
        if (rc != 0)
            return rc;
        const gaudi_segment *s = g.segment;
        uint64_t start_ns = gaudi_load_u64(&s->start_ns);
        uint64_t before_ns = gaudi_load_u64(is_power ? &s->violation_power_ns : &s->violation_thermal_ns);
        uint64_t began_ns = gaudi_load_u64(is_power ? &s->power_reference_ns : &s->thermal_reference_ns);
        bool holds = gaudi_load_u32(&s->flags) & (uint32_t)reason;
        if (!is_whole(&g))
            continue;
        *violation_ns = before_ns + (holds && g.now_ns > start_ns ? g.now_ns - start_ns : 0);
        *reference_ns = began_ns;
        return 0;
    }
    return -EAGAIN;
}

void gaudi_glance_prepare(gaudi_card *card)
{
    card->inv_tau_power = 1.0 / card->physics.tau_power_s;
    card->inv_tau_hbm = 1.0 / card->physics.tau_hbm_s;
    card->inv_tau_board = 1.0 / card->physics.tau_board_s;
    const gaudi_identity *identity = &card->identity;
    for (uint32_t i = 0; i < identity->sensor_count && i < GAUDI_SENSOR_MAX; i++) {
        uint32_t group = identity->sensor[i].group;
        if (group < GAUDI_SENSOR_GROUPS)
            card->sensors[group].number[card->sensors[group].count++] = (uint8_t)i;
    }
}

/* The hottest sensor of a group whose quantity is group_c. */
static double hottest_of(const gaudi_card *card, uint32_t group, double group_c)
{
    const gaudi_sensor_list *list = &card->sensors[group];
    double ambient_c = card->physics.ambient_c;
    double hottest_c = -HUGE_VAL;
    for (size_t i = 0; i < list->count; i++) {
        const gaudi_sensor *sensor = &card->identity.sensor[list->number[i]];
        double temp_c = ambient_c + sensor->offset_c + sensor->gain * (group_c - ambient_c);
        hottest_c = temp_c > hottest_c ? temp_c : hottest_c;
    }
    return hottest_c;
}

int gaudi_card_read_temperature(const gaudi_card *card, enum gaudi_sensor_group group, double *hottest_c)
{
    bool is_die = group == GAUDI_SENSOR_ON_CHIP || group == GAUDI_SENSOR_ON_CHIP_TD;
    bool is_hbm = group == GAUDI_SENSOR_HBM;
    double group_c = 0.0;
    glance g;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        int rc = look(card, &g);
        if (rc != 0)
            return rc;
        const gaudi_segment *s = g.segment;
        wave w = load_wave(&g, is_die ? &s->die_c : is_hbm ? &s->hbm_c : &s->board_c);
        if (!is_whole(&g))
            continue;
        if (is_die) { /* only its own mode */
            w.b = w.a;
            w.a = 0.0;
        }
        rc = evaluate(&w, is_hbm ? card->inv_tau_hbm : card->inv_tau_board, &group_c);
        double found_c = rc == 0 ? hottest_of(card, (uint32_t)group, group_c) : 0.0;
        if (rc == 0 && !(found_c > -HUGE_VAL))
            rc = -ENOENT;
        if (rc == 0)
            *hottest_c = found_c;
        return rc;
    }
    return -EAGAIN;
}
