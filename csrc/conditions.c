/* What a command or a fault sets on a card: power limit, ambient, airflow, clock ceiling, power brake, loss, the link to
 * the host, ports. */
#include "card_internal.h"
#include "events.h"
#include "kill_point.h"

#include <errno.h>
#include <math.h>
#include <string.h>

int gaudi_need_owner(const gaudi_box *box, const char *what, gaudi_error *error)
{
    if (box->is_owner)
        return 0;
    return gaudi_fail(error, -EPERM, "only the owner of the box at %s and root may %s", box->path, what);
}

/* What the controller obeys: the limit that was set, or what an asserted power brake leaves of it. */
static void set_effective_limit(gaudi_core *core)
{
    double share = core->drive.brake > 0.0 && core->drive.brake < 1.0 ? core->drive.brake : 1.0;
    core->drive.limit_w = (double)core->limit_mw / 1000.0 * share;
}

static int apply_limit(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    (void)card;
    (void)now;
    (void)box_ns;
    core->limit_mw = *(const uint64_t *)with;
    set_effective_limit(core);
    return 0;
}

int gaudi_card_set_limit(gaudi_card *card, uint64_t limit_mw, gaudi_error *error)
{
    const gaudi_physics *p = &card->physics;
    int rc = gaudi_need_owner(card->box, "set the power limit", error);
    if (rc == 0 && (limit_mw < p->limit_min_mw || limit_mw > p->limit_max_mw))
        rc = gaudi_fail(error, -EINVAL, "the power limit of card %zu lies between %llu and %llu W", card->index,
                        (unsigned long long)(p->limit_min_mw / 1000), (unsigned long long)(p->limit_max_mw / 1000));
    return rc != 0 ? rc : gaudi_publish(card, apply_limit, &limit_mw, error);
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
    if (!isnan(c->brake))
        core->drive.brake = c->brake < 1.0 ? c->brake : 0.0;
    set_effective_limit(core);
    return 0;
}

int gaudi_card_set_conditions(gaudi_card *card, const gaudi_conditions *c, gaudi_error *error)
{
    if (c->airflow <= 0.0 || c->airflow > 4.0)
        return gaudi_fail(error, -EINVAL, "airflow is a share above 0 and up to 4 of the normal one");
    if (c->clock_ceiling <= 0.0 || c->clock_ceiling > 1.0)
        return gaudi_fail(error, -EINVAL, "a clock ceiling is a share above 0 and up to 1 of the maximum");
    if (c->brake < 0.0 || c->brake > 1.0)
        return gaudi_fail(error, -EINVAL, "a power brake leaves a share from 0 (it is released) to 1 of the limit");
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
                                         .clock_ceiling = core.drive.clock_ceiling,
                                         .brake = core.drive.brake > 0.0 ? core.drive.brake : 1.0};
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

/* Waiters find out at once, by the doorbell. */
int gaudi_card_set_lost(gaudi_card *card, bool is_lost, gaudi_error *error)
{
    int rc = gaudi_publish(card, apply_lost, &is_lost, error);
    gaudi_doorbell_ring(card->box);
    return rc;
}

typedef struct pcie_link {
    unsigned int generation;
    unsigned int width;
} pcie_link;

static int apply_pcie(gaudi_card *card, gaudi_core *core, gaudi_point *now, uint64_t box_ns, const void *with)
{
    const pcie_link *link = with;
    (void)now;
    (void)box_ns;
    core->pcie_generation = link->generation ? link->generation : card->identity.pcie_generation_max;
    core->pcie_width = link->width ? link->width : card->identity.pcie_width_max;
    return 0;
}

int gaudi_card_set_pcie(gaudi_card *card, unsigned int generation, unsigned int width, gaudi_error *error)
{
    const gaudi_identity *identity = &card->identity;
    pcie_link link = {.generation = generation, .width = width};
    if (generation > identity->pcie_generation_max)
        return gaudi_fail(error, -EINVAL, "card %zu trains to PCIe generation 1 to %u, not %u", card->index,
                          identity->pcie_generation_max, generation);
    if (width > identity->pcie_width_max || (width & (width - 1)) != 0)
        return gaudi_fail(error, -EINVAL, "card %zu trains to 1, 2, 4, ... %u lanes, not %u", card->index,
                          identity->pcie_width_max, width);
    return gaudi_publish(card, apply_pcie, &link, error);
}
