/* Reading the few words that one getter needs, out of one publish: tens of nanoseconds. snapshot.c reads everything. */
#include "moment.h"
#include "decay.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* Where the reader is: the copy of the core of one publish and, if it asked for it, the segment that holds now. */
typedef struct glance {
    const gaudi_core *slot;
    const gaudi_segment *segment;
    uint64_t now_ns;
} glance;

/* Copies what is wanted of a glance, with atomic loads; may run several times. */
typedef void take(const glance *g, void *out);

/* Inlined with its `copy`, as is the next one: every getter is one of them. */
static inline __attribute__((always_inline)) int glance_at_core(const gaudi_card *card, take *copy, void *out)
{
    const gaudi_core_section *section = &card->file->core;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        glance g = {.slot = &section->slot[sequence & 1]};
        copy(&g, out);
        if (gaudi_load_u64(&section->sequence) == sequence)
            return 0;
    }
    return -EAGAIN;
}

/* The box time is read after the sequence, so that it is never older than what was published. */
static inline __attribute__((always_inline)) int glance_at_now(const gaudi_card *card, take *copy, void *out)
{
    const gaudi_core_section *section = &card->file->core;
    for (int attempt = 0; attempt < GAUDI_READ_ATTEMPTS; attempt++) {
        uint64_t sequence = gaudi_load_u64(&section->sequence);
        glance g = {.slot = &section->slot[sequence & 1]};
        uint32_t count = gaudi_load_u32(&g.slot->segment_count); /* read once, then bounded */
        if (count < 1 || count > GAUDI_SEGMENT_MAX)
            return -EBADMSG;
        g.now_ns = gaudi_moment_of_card(card);
        uint32_t i = 0;
        while (i + 1 < count && gaudi_load_u64(&g.slot->segment[i + 1].start_ns) <= g.now_ns)
            i++;
        g.segment = &g.slot->segment[i];
        copy(&g, out);
        if (gaudi_load_u64(&section->sequence) == sequence)
            return 0;
    }
    return -EAGAIN;
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

typedef struct load_words {
    wave filtered;
    uint64_t limit_mw;
} load_words;

static void take_load(const glance *g, void *out)
{
    load_words *w = out;
    w->filtered = load_wave(g, &g->segment->filtered_c);
    w->limit_mw = gaudi_load_u64(&g->slot->limit_mw);
}

int gaudi_card_read_load(const gaudi_card *card, double *power_w, uint64_t *limit_mw)
{
    load_words w;
    int rc = glance_at_now(card, take_load, &w);
    if (rc == 0)
        rc = evaluate(&w.filtered, card->inv_tau_power, power_w);
    if (rc == 0)
        *limit_mw = w.limit_mw;
    return rc;
}

typedef struct clock_words {
    double ratio;
    uint32_t flags;
} clock_words;

static void take_clock(const glance *g, void *out)
{
    clock_words *w = out;
    w->ratio = gaudi_load_double(&g->segment->clock_ratio);
    w->flags = gaudi_load_u32(&g->segment->flags);
}

int gaudi_card_read_clock(const gaudi_card *card, double *clock_ratio, uint32_t *flags)
{
    clock_words w;
    int rc = glance_at_now(card, take_clock, &w);
    if (rc == 0 && !(w.ratio >= 0.0 && w.ratio <= 1.0))
        rc = -EBADMSG;
    if (rc != 0)
        return rc;
    *clock_ratio = w.ratio;
    *flags = w.flags;
    return 0;
}

typedef struct energy_words {
    wave power; /* c and a; b is another quantity */
    double before_j;
} energy_words;

static void take_energy(const glance *g, void *out)
{
    energy_words *w = out;
    w->power = load_wave(g, &g->segment->power_c);
    w->before_j = gaudi_load_double(&g->segment->energy_j);
}

int gaudi_card_read_energy(const gaudi_card *card, double *energy_j)
{
    energy_words words;
    int rc = glance_at_now(card, take_energy, &words);
    const wave *w = &words.power;
    if (rc != 0)
        return rc;
    if (!gaudi_is_sane(w->c) || !gaudi_is_sane(w->a) || !(w->inv_tau_die > 0.0) || !gaudi_is_sane(words.before_j * 1e-6))
        return -EBADMSG;
    double value_j = words.before_j + w->c * w->t_s;
    if (w->a != 0.0)
        value_j += w->a * (1.0 - gaudi_decay(w->t_s * w->inv_tau_die)) / w->inv_tau_die;
    *energy_j = value_j;
    return 0;
}

static void take_limit(const glance *g, void *out)
{
    *(uint64_t *)out = gaudi_load_u64(&g->slot->limit_mw);
}

int gaudi_card_read_limit(const gaudi_card *card, uint64_t *limit_mw)
{
    return glance_at_core(card, take_limit, limit_mw);
}

typedef struct memory_words {
    uint64_t used_bytes;
    uint64_t holder_token;
    uint64_t lease_end_ns;
} memory_words;

static void take_memory(const glance *g, void *out)
{
    memory_words *w = out;
    w->used_bytes = gaudi_load_u64(&g->slot->memory_used_bytes);
    w->holder_token = gaudi_load_u64(&g->slot->holder_token);
    w->lease_end_ns = gaudi_load_u64(&g->slot->holder_lease_end_ns);
}

int gaudi_card_read_memory(const gaudi_card *card, uint64_t *used_bytes)
{
    memory_words w;
    int rc = glance_at_core(card, take_memory, &w);
    if (rc != 0)
        return rc;
    uint64_t now_ns = w.holder_token ? gaudi_moment_of_box(card->box) : 0;
    *used_bytes = gaudi_memory_used(card, w.used_bytes, w.holder_token, w.lease_end_ns, now_ns);
    return 0;
}

static void take_link(const glance *g, void *out)
{
    gaudi_pcie_link *link = out;
    link->generation = gaudi_load_u32(&g->slot->pcie_generation);
    link->width = gaudi_load_u32(&g->slot->pcie_width);
    link->replay = gaudi_load_u32(&g->slot->pcie_replay);
}

int gaudi_card_read_pcie_link(const gaudi_card *card, gaudi_pcie_link *link)
{
    return glance_at_core(card, take_link, link);
}

static void take_rates(const glance *g, void *out)
{
    uint32_t *kbps = out;
    uint64_t from_ns = gaudi_load_u64(&g->slot->pcie_from_ns);
    kbps[0] = gaudi_pcie_kbps(gaudi_load_u32(&g->slot->pcie_rx_kbps), from_ns, gaudi_load_u64(&g->slot->pcie_rx_until_ns),
                              g->now_ns);
    kbps[1] = gaudi_pcie_kbps(gaudi_load_u32(&g->slot->pcie_tx_kbps), from_ns, gaudi_load_u64(&g->slot->pcie_tx_until_ns),
                              g->now_ns);
}

int gaudi_card_read_pcie_rates(const gaudi_card *card, uint32_t *rx_kbps, uint32_t *tx_kbps)
{
    uint32_t kbps[2] = {0, 0};
    int rc = glance_at_now(card, take_rates, kbps);
    if (rc != 0)
        return rc;
    *rx_kbps = kbps[0];
    *tx_kbps = kbps[1];
    return 0;
}

typedef struct violation_words {
    uint64_t start_ns;
    uint64_t now_ns;
    uint64_t before_ns[2]; /* by power, by heat, as the next one */
    uint64_t began_ns[2];
    uint32_t flags;
} violation_words;

static void take_violation(const glance *g, void *out)
{
    violation_words *w = out;
    w->now_ns = g->now_ns;
    w->start_ns = gaudi_load_u64(&g->segment->start_ns);
    w->before_ns[0] = gaudi_load_u64(&g->segment->violation_power_ns);
    w->before_ns[1] = gaudi_load_u64(&g->segment->violation_thermal_ns);
    w->began_ns[0] = gaudi_load_u64(&g->segment->power_reference_ns);
    w->began_ns[1] = gaudi_load_u64(&g->segment->thermal_reference_ns);
    w->flags = gaudi_load_u32(&g->segment->flags);
}

int gaudi_card_read_violation(const gaudi_card *card, enum gaudi_segment_flag reason, uint64_t *violation_ns,
                              uint64_t *reference_ns)
{
    violation_words w;
    size_t which = reason == GAUDI_THROTTLE_POWER ? 0 : 1;
    int rc = glance_at_now(card, take_violation, &w);
    if (rc != 0)
        return rc;
    bool holds = w.flags & (uint32_t)reason;
    *violation_ns = w.before_ns[which] + (holds && w.now_ns > w.start_ns ? w.now_ns - w.start_ns : 0);
    *reference_ns = w.began_ns[which];
    return 0;
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

/* The three waves that temperatures follow, by what they belong to. */
static void take_die(const glance *g, void *out)
{
    wave *w = out;
    *w = load_wave(g, &g->segment->die_c);
    w->b = w->a; /* only its own mode */
    w->a = 0.0;
}

static void take_hbm(const glance *g, void *out)
{
    *(wave *)out = load_wave(g, &g->segment->hbm_c);
}

static void take_board(const glance *g, void *out)
{
    *(wave *)out = load_wave(g, &g->segment->board_c);
}

static int group_temperature(const gaudi_card *card, enum gaudi_sensor_group group, double *group_c)
{
    bool is_die = group == GAUDI_SENSOR_ON_CHIP || group == GAUDI_SENSOR_ON_CHIP_TD;
    bool is_hbm = group == GAUDI_SENSOR_HBM;
    wave w;
    int rc = is_die   ? glance_at_now(card, take_die, &w)
             : is_hbm ? glance_at_now(card, take_hbm, &w)
                      : glance_at_now(card, take_board, &w);
    return rc != 0 ? rc : evaluate(&w, is_hbm ? card->inv_tau_hbm : card->inv_tau_board, group_c);
}

int gaudi_card_read_temperature(const gaudi_card *card, enum gaudi_sensor_group group, double *hottest_c)
{
    double group_c = 0.0;
    int rc = group_temperature(card, group, &group_c);
    double found_c = rc == 0 ? hottest_of(card, (uint32_t)group, group_c) : 0.0;
    if (rc == 0 && !(found_c > -HUGE_VAL))
        rc = -ENOENT;
    if (rc == 0)
        *hottest_c = found_c;
    return rc;
}
