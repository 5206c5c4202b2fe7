#include "trajectory.h"

#include "decay.h"

#include <math.h>
#include <string.h>

/* How far the plan follows the controller after the lease. A card that has not come to rest by then keeps its last
 * clock until somebody publishes again; two minutes are more than ten die time constants. */
enum { CONTROL_STEPS_MAX = 1200 };

/* How far it follows the controller within the lease: half a minute at the fastest clock of a box. What is longer comes from
 * a corrupt file. */
enum { LEASE_STEPS_MAX = 20000 };

/* Segments that the lease may use; the rest is kept for the way back to full clock, at most 16 steps and two flags. */
enum { LEASE_SEGMENTS_MAX = 20 };

/* 54 V power as a straight line: what does not follow the clock, what does, and the leakage on top. */
typedef struct power_line {
    double fixed_w;   /* at the leakage reference temperature */
    double clocked_w; /* at clock ratio 1 */
    double hbm_w;     /* the part that heats the HBM stacks by itself; contained in fixed_w */
} power_line;

static power_line power_of(const gaudi_physics *p, const gaudi_drive *drive, bool has_activity)
{
    power_line line = {.fixed_w = p->idle_w, .clocked_w = 0.0, .hbm_w = 0.0};
    for (size_t e = 0; has_activity && e < GAUDI_ENGINE_COUNT; e++) {
        double watts = drive->activity[e] * p->engine_w[e];
        if (e == GAUDI_ENGINE_MME)
            watts *= drive->mme_intensity > 0.0 ? drive->mme_intensity : 1.0;
        if (p->follows_clock[e])
            line.clocked_w += watts;
        else
            line.fixed_w += watts;
        if (e == GAUDI_ENGINE_HBM)
            line.hbm_w = watts;
    }
    return line;
}

static double clamp(double value, double low, double high)
{
    return value < low ? low : value > high ? high : value;
}

/* Down to the grain; the small term keeps an exact multiple where it is. */
static double floor_to_grain(const gaudi_physics *p, double ratio)
{
    return floor(ratio / p->clock_grain + 1e-9) * p->clock_grain;
}

/* The largest ratio whose power at this die temperature stays within `limit_w`. */
static double ratio_within(const gaudi_physics *p, const power_line *line, double die_c, double limit_w, double ceiling)
{
    double base_w = line->fixed_w + p->leakage_w_per_k * (die_c - p->leakage_reference_c);
    double ratio = ceiling;
    if (line->clocked_w > 0.0)
        ratio = (limit_w - base_w) / line->clocked_w;
    else if (base_w > limit_w)
        ratio = p->clock_floor;
    return clamp(floor_to_grain(p, clamp(ratio, 0.0, ceiling)), p->clock_floor, ceiling);
}

static double power_target(const gaudi_physics *p, const gaudi_drive *drive, const power_line *line,
                           const gaudi_point *at, double ceiling)
{
    double within = ratio_within(p, line, at->die_c, drive->limit_w, ceiling);
    if (within <= at->clock_ratio)
        return within;
    /* Raise only when the next grain stays clear of the limit, else leakage would make it go up and down. */
    double clear_w = drive->limit_w * (1.0 - p->hysteresis_share);
    double clear = ratio_within(p, line, at->die_c, clear_w, ceiling);
    return clear > at->clock_ratio ? within : at->clock_ratio;
}

static double thermal_target(const gaudi_physics *p, const gaudi_drive *drive, const power_line *line, double ceiling)
{
    double goal_c = p->slowdown_c - 0.5 * p->hysteresis_k;
    double sustained_w = (goal_c - drive->ambient_c) * drive->airflow / p->r_die_k_per_w;
    return ratio_within(p, line, goal_c, sustained_w, ceiling);
}

/* One look of the controller: the clock and the flags from here to the next look. */
static void control(const gaudi_physics *p, const gaudi_drive *drive, const power_line *line, gaudi_point *at)
{
    double ceiling = clamp(drive->clock_ceiling, p->clock_floor, 1.0);
    uint32_t flags = at->flags;
    if (at->die_c >= p->shutdown_c)
        flags |= GAUDI_THERMAL_SHUTDOWN;
    if (at->die_c >= p->slowdown_c)
        flags |= GAUDI_THROTTLE_THERMAL;
    else if (at->die_c < p->slowdown_c - p->hysteresis_k)
        flags &= ~(uint32_t)GAUDI_THROTTLE_THERMAL;

    double by_power = power_target(p, drive, line, at, ceiling);
    double target = by_power;
    if (flags & GAUDI_THROTTLE_THERMAL) {
        double by_heat = thermal_target(p, drive, line, ceiling);
        target = by_heat < by_power ? by_heat : by_power;
    }
    flags = by_power < ceiling ? flags | GAUDI_THROTTLE_POWER : flags & ~(uint32_t)GAUDI_THROTTLE_POWER;
    at->flags = flags;
    at->clock_ratio = clamp(target, at->clock_ratio - p->clock_step, at->clock_ratio + p->clock_step);
    at->clock_ratio = clamp(at->clock_ratio, p->clock_floor, ceiling);
}

/* The response of a first-order quantity with its own rate to a power that has the mode of the die: solves
 * x' = own * (c + b * exp(-die * t) - x) and returns constant, own and die amplitude. */
static void response(double own, double die, double c, double b, double start, double *x_c, double *x_a, double *x_b)
{
    double gap = own - die;
    if (fabs(gap) < 1e-6 * own) /* the rates coincide: the pair is so close that a nudge is below float noise */
        gap = 1e-6 * own;
    *x_c = c;
    *x_b = own * b / gap;
    *x_a = start - c - *x_b;
}

static gaudi_segment segment_from(const gaudi_physics *p, const gaudi_drive *drive, const power_line *line,
                                  const gaudi_point *at, uint64_t start_ns, double activity_share)
{
    gaudi_segment s;
    memset(&s, 0, sizeof s);
    double r_die = p->r_die_k_per_w / drive->airflow;
    double feedback = r_die * p->leakage_w_per_k; /* < 1, checked when the spec is read */
    double dry_w = line->fixed_w + line->clocked_w * at->clock_ratio - p->leakage_w_per_k * p->leakage_reference_c;
    double die_c = (drive->ambient_c + r_die * dry_w) / (1.0 - feedback);
    s.start_ns = start_ns;
    s.clock_ratio = at->clock_ratio;
    s.flags = at->flags;
    s.activity_share = activity_share;
    s.inv_tau_die = (1.0 - feedback) / p->tau_die_s;
    s.die_c = die_c;
    s.die_a = at->die_c - die_c;
    s.power_c = dry_w + p->leakage_w_per_k * die_c;
    s.power_a = p->leakage_w_per_k * s.die_a;
    response(1.0 / p->tau_power_s, s.inv_tau_die, s.power_c, s.power_a, at->filtered_w, &s.filtered_c, &s.filtered_a,
             &s.filtered_b);
    double r_hbm = p->r_hbm_k_per_w / drive->airflow;
    double r_own = p->r_hbm_own_k_per_w / drive->airflow;
    response(1.0 / p->tau_hbm_s, s.inv_tau_die, drive->ambient_c + r_hbm * s.power_c + r_own * line->hbm_w,
             r_hbm * s.power_a, at->hbm_c, &s.hbm_c, &s.hbm_a, &s.hbm_b);
    double r_board = p->r_board_k_per_w / drive->airflow;
    response(1.0 / p->tau_board_s, s.inv_tau_die, drive->ambient_c + r_board * s.power_c, r_board * s.power_a,
             at->board_c, &s.board_c, &s.board_a, &s.board_b);
    s.energy_j = at->energy_j;
    s.violation_power_ns = at->violation_power_ns;
    s.violation_thermal_ns = at->violation_thermal_ns;
    s.power_reference_ns = at->power_reference_ns;
    s.thermal_reference_ns = at->thermal_reference_ns;
    return s;
}

gaudi_point gaudi_segment_at(const gaudi_physics *p, const gaudi_segment *s, uint64_t box_ns)
{
    uint64_t elapsed_ns = box_ns > s->start_ns ? box_ns - s->start_ns : 0;
    double t = gaudi_seconds(elapsed_ns);
    double d = gaudi_decay(t * s->inv_tau_die);
    gaudi_point at = {
        .die_c = s->die_c + s->die_a * d,
        .power_w = s->power_c + s->power_a * d,
        .filtered_w = s->filtered_c + s->filtered_a * gaudi_decay(t * (1.0 / p->tau_power_s)) + s->filtered_b * d,
        .hbm_c = s->hbm_c + s->hbm_a * gaudi_decay(t * (1.0 / p->tau_hbm_s)) + s->hbm_b * d,
        .board_c = s->board_c + s->board_a * gaudi_decay(t * (1.0 / p->tau_board_s)) + s->board_b * d,
        .energy_j = s->energy_j + s->power_c * t + s->power_a * (1.0 - d) / s->inv_tau_die,
        .clock_ratio = s->clock_ratio,
        .flags = s->flags,
        .violation_power_ns = s->violation_power_ns,
        .violation_thermal_ns = s->violation_thermal_ns,
        .power_reference_ns = s->power_reference_ns,
        .thermal_reference_ns = s->thermal_reference_ns,
    };
    if (s->flags & GAUDI_THROTTLE_POWER)
        at.violation_power_ns += elapsed_ns;
    if (s->flags & GAUDI_THROTTLE_THERMAL)
        at.violation_thermal_ns += elapsed_ns;
    return at;
}

double gaudi_segment_power(const gaudi_physics *p, const gaudi_segment *s, uint64_t box_ns)
{
    double t = box_ns > s->start_ns ? gaudi_seconds(box_ns - s->start_ns) : 0.0;
    return s->filtered_c + s->filtered_a * gaudi_decay(t * (1.0 / p->tau_power_s)) + s->filtered_b * gaudi_decay(t * s->inv_tau_die);
}

uint32_t gaudi_segment_find(const gaudi_segment *segments, uint32_t count, uint64_t box_ns)
{
    uint32_t i = 0;
    while (i + 1 < count && segments[i + 1].start_ns <= box_ns)
        i++;
    return i;
}

gaudi_point gaudi_trajectory_idle(const gaudi_physics *p, const gaudi_drive *drive)
{
    power_line line = power_of(p, drive, false);
    gaudi_point at = {.die_c = drive->ambient_c, .clock_ratio = clamp(drive->clock_ceiling, p->clock_floor, 1.0)};
    gaudi_segment s = segment_from(p, drive, &line, &at, 0, 0.0);
    at.die_c = s.die_c;
    at.filtered_w = s.power_c;
    at.power_w = s.power_c;
    at.hbm_c = s.hbm_c;
    at.board_c = s.board_c;
    return at;
}

/* Note when a reason began; a reason that goes on keeps its beginning. */
static void note_references(gaudi_point *at, uint32_t before, uint64_t now_ns)
{
    if ((at->flags & GAUDI_THROTTLE_POWER) && !(before & GAUDI_THROTTLE_POWER))
        at->power_reference_ns = now_ns;
    if ((at->flags & GAUDI_THROTTLE_THERMAL) && !(before & GAUDI_THROTTLE_THERMAL))
        at->thermal_reference_ns = now_ns;
}

/* Nothing will change any more: full clock, no reason, and every temperature moves towards a value below slowdown. */
static bool at_rest(const gaudi_physics *p, const gaudi_drive *drive, const gaudi_segment *s, const gaudi_point *at)
{
    double ceiling = clamp(drive->clock_ceiling, p->clock_floor, 1.0);
    return at->clock_ratio >= ceiling && !(at->flags & (GAUDI_THROTTLE_POWER | GAUDI_THROTTLE_THERMAL)) &&
           s->die_c < p->slowdown_c && at->die_c < p->slowdown_c;
}

/* The plan under construction: the running state and the segments so far. */
typedef struct plan {
    const gaudi_physics *physics;
    const gaudi_drive *drive;
    power_line busy;
    power_line idle;
    gaudi_segment *segments;
    uint32_t count;
} plan;

static void begin_segment(plan *pl, gaudi_point *at, uint64_t now_ns, bool is_busy)
{
    bool runs = is_busy && !(at->flags & GAUDI_THERMAL_SHUTDOWN);
    const power_line *line = runs ? &pl->busy : &pl->idle;
    pl->segments[pl->count++] = segment_from(pl->physics, pl->drive, line, at, now_ns, runs ? 1.0 : 0.0);
}

/* Let the controller look at now_ns; a new segment begins if it changed anything. */
static void look(plan *pl, uint64_t now_ns, bool is_busy, uint32_t segments_max)
{
    const gaudi_segment *last = &pl->segments[pl->count - 1];
    gaudi_point at = gaudi_segment_at(pl->physics, last, now_ns);
    gaudi_point next = at;
    control(pl->physics, pl->drive, is_busy ? &pl->busy : &pl->idle, &next);
    bool changed = next.flags != at.flags || next.clock_ratio != at.clock_ratio;
    if (!changed || pl->count >= segments_max)
        return;
    note_references(&next, at.flags, now_ns);
    begin_segment(pl, &next, now_ns, is_busy);
}

static uint64_t next_look(const gaudi_physics *p, uint64_t now_ns)
{
    return (now_ns / p->control_period_ns + 1) * p->control_period_ns;
}

uint32_t gaudi_trajectory_plan(const gaudi_physics *physics, const gaudi_drive *drive, const gaudi_point *from,
                               uint64_t now_ns, gaudi_segment *segments)
{
    plan pl = {.physics = physics,
               .drive = drive,
               .busy = power_of(physics, drive, true),
               .idle = power_of(physics, drive, false),
               .segments = segments};
    gaudi_point at = *from;
    bool is_busy = drive->lease_end_ns > now_ns;
    begin_segment(&pl, &at, now_ns, is_busy);

    uint64_t t = next_look(physics, now_ns);
    for (int step = 0; is_busy && t < drive->lease_end_ns && step < LEASE_STEPS_MAX; step++) {
        look(&pl, t, true, LEASE_SEGMENTS_MAX);
        t += physics->control_period_ns;
    }
    if (is_busy) {
        at = gaudi_segment_at(physics, &segments[pl.count - 1], drive->lease_end_ns);
        begin_segment(&pl, &at, drive->lease_end_ns, false);
    }
    for (int step = 0; step < CONTROL_STEPS_MAX && pl.count < GAUDI_SEGMENT_PLANNED; step++) {
        at = gaudi_segment_at(physics, &segments[pl.count - 1], t);
        look(&pl, t, false, GAUDI_SEGMENT_PLANNED);
        if (at_rest(physics, drive, &segments[pl.count - 1], &at))
            break;
        t += physics->control_period_ns;
    }
    return pl.count;
}

uint32_t gaudi_utilization_percent(double power_w, double dc_w, uint64_t limit_mw)
{
    double limit = (double)limit_mw;
    double dc = dc_w * 1000.0;
    if (!(limit > dc))
        return 0;
    double power = clamp(power_w * 1000.0, dc, limit);
    return (uint32_t)((power - dc) * 100.0 / (limit - dc));
}
