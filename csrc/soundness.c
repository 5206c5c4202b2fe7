/* The layout as the compiler sees it, and what the immutable part of a file must be like before anything uses it: counts
 * within their arrays, texts that end inside their fields, numbers that a card can have. */
#include "attach.h"

#include <errno.h>
#include <string.h>

_Static_assert(sizeof(void *) == 8, "64-bit hosts only");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");
_Static_assert(sizeof(gaudi_header) == 64, "layout");
_Static_assert(sizeof(gaudi_identity) == 3192, "layout");
_Static_assert(sizeof(gaudi_physics) == 312, "layout");
_Static_assert(sizeof(gaudi_segment) == 184, "layout");
_Static_assert(sizeof(gaudi_core) == 7608, "layout");
_Static_assert(sizeof(gaudi_card_file) == 46832, "layout");
_Static_assert(sizeof(gaudi_box_file) == 1104, "layout");
_Static_assert(offsetof(gaudi_card_file, core) == 3568, "layout");
_Static_assert(offsetof(gaudi_card_file, events) == 46832 - 4160, "layout");
_Static_assert(offsetof(gaudi_core_section, slot) == 64, "slots follow at the ninth word");
_Static_assert(offsetof(gaudi_box_file, doorbell) % 4 == 0, "futex word");

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

static bool sensors_are_sound(const gaudi_identity *i)
{
    for (uint32_t k = 0; k < i->sensor_count; k++) {
        const gaudi_sensor *s = &i->sensor[k];
        if (!ends(s->name, sizeof s->name) || s->group > GAUDI_SENSOR_VRM || !gaudi_is_sane(s->critical_c) ||
            !gaudi_is_sane(s->offset_c) || !gaudi_is_sane(s->gain))
            return false;
    }
    return true;
}

static bool ports_are_sound(const gaudi_identity *i)
{
    for (uint32_t k = 0; k < i->port_count; k++) {
        if (i->port[k].peer_card < -2 || i->port[k].peer_card >= GAUDI_CARD_MAX)
            return false;
    }
    return i->mac_count <= GAUDI_MAC_MAX && i->mac_base <= (UINT64_C(1) << 48) - GAUDI_MAC_MAX;
}

bool gaudi_identity_is_sound(const gaudi_identity *i)
{
    return i->sensor_count <= GAUDI_SENSOR_MAX && i->port_count <= GAUDI_PORT_MAX &&
           i->memory_reserved_bytes <= i->memory_total_bytes && ends(i->family, sizeof i->family) &&
           ends(i->name, sizeof i->name) && ends(i->serial, sizeof i->serial) && ends(i->uuid, sizeof i->uuid) &&
           ends(i->model, sizeof i->model) && ends(i->pcb_version, sizeof i->pcb_version) &&
           ends(i->pcb_assembly_version, sizeof i->pcb_assembly_version) && ends(i->bus_id, sizeof i->bus_id) &&
           ends(i->cpld, sizeof i->cpld) && ends(i->fw_fit, sizeof i->fw_fit) && ends(i->fw_spi, sizeof i->fw_spi) &&
           ends(i->fw_uboot, sizeof i->fw_uboot) && ends(i->fw_os, sizeof i->fw_os) && sensors_are_sound(i) &&
           ports_are_sound(i);
}

static bool is_between(double value, double low, double high)
{
    return value >= low && value <= high; /* false for NaN */
}

/* The controller looks at most a few thousand times within a lease; time constants are at least one of its periods. */
static bool times_are_sound(const gaudi_physics *p)
{
    return is_between(p->tau_power_s, 1e-3, 1e6) && is_between(p->tau_die_s, 1e-3, 1e6) &&
           is_between(p->tau_hbm_s, 1e-3, 1e6) && is_between(p->tau_board_s, 1e-3, 1e6) &&
           p->control_period_ns >= 1000000 && p->control_period_ns <= UINT64_C(60000000000) && p->lease_ns >= 1000000 &&
           p->lease_ns <= UINT64_C(3600000000000);
}

static bool powers_are_sound(const gaudi_physics *p)
{
    bool is_sound = gaudi_is_sane(p->idle_w) && gaudi_is_sane(p->rail12_idle_w) && gaudi_is_sane(p->rail12_share) &&
                    gaudi_is_sane(p->rail12_limit_w) && gaudi_is_sane(p->utilization_dc_w) &&
                    gaudi_is_sane(p->leakage_w_per_k) && gaudi_is_sane(p->leakage_reference_c);
    for (size_t e = 0; e < GAUDI_ENGINE_COUNT; e++)
        is_sound = is_sound && gaudi_is_sane(p->engine_w[e]);
    return is_sound && p->limit_min_mw <= p->limit_max_mw && p->limit_max_mw <= UINT32_MAX;
}

bool gaudi_physics_is_sound(const gaudi_physics *p)
{
    bool resists = is_between(p->r_die_k_per_w, 0.0, 1e3) && is_between(p->r_hbm_k_per_w, 0.0, 1e3) &&
                   is_between(p->r_hbm_own_k_per_w, 0.0, 1e3) && is_between(p->r_board_k_per_w, 0.0, 1e3);
    bool controls = is_between(p->clock_grain, 1e-4, 1.0) && is_between(p->clock_step, 1e-4, 1.0) &&
                    is_between(p->clock_floor, 0.0, 1.0) && is_between(p->hysteresis_share, 0.0, 1.0) &&
                    gaudi_is_sane(p->hysteresis_k) && gaudi_is_sane(p->slowdown_c) && gaudi_is_sane(p->shutdown_c);
    return times_are_sound(p) && powers_are_sound(p) && resists && controls && gaudi_is_sane(p->ambient_c) &&
           is_between(p->airflow, 1e-3, 1e3);
}

bool gaudi_segment_is_sound(const gaudi_segment *s)
{
    return gaudi_is_sane(s->die_c) && gaudi_is_sane(s->die_a) && gaudi_is_sane(s->power_c) &&
           gaudi_is_sane(s->power_a) && gaudi_is_sane(s->filtered_c) && gaudi_is_sane(s->filtered_a) &&
           gaudi_is_sane(s->filtered_b) && gaudi_is_sane(s->hbm_c) && gaudi_is_sane(s->hbm_a) &&
           gaudi_is_sane(s->hbm_b) && gaudi_is_sane(s->board_c) && gaudi_is_sane(s->board_a) &&
           gaudi_is_sane(s->board_b) && gaudi_is_sane(s->energy_j * 1e-6) && s->inv_tau_die > 0.0 &&
           s->clock_ratio >= 0.0 && s->clock_ratio <= 1.0;
}

bool gaudi_drive_is_sound(const gaudi_drive *d)
{
    bool is_sound = gaudi_is_sane(d->limit_w) && gaudi_is_sane(d->ambient_c) && is_between(d->airflow, 1e-3, 1e3) &&
                    is_between(d->clock_ceiling, 0.0, 1.0) && is_between(d->mme_intensity, 0.0, 1.0);
    for (size_t e = 0; e < GAUDI_ENGINE_COUNT; e++)
        is_sound = is_sound && is_between(d->activity[e], 0.0, 1.0);
    return is_sound;
}

bool gaudi_box_identity_is_sound(const gaudi_box_identity *b)
{
    return b->card_count <= GAUDI_CARD_MAX && ends(b->name, sizeof b->name) && ends(b->box_type, sizeof b->box_type) &&
           ends(b->release, sizeof b->release) && ends(b->hlml_version, sizeof b->hlml_version) &&
           ends(b->driver_version, sizeof b->driver_version) &&
           ends(b->nic_driver_version, sizeof b->nic_driver_version);
}

int gaudi_header_check(const gaudi_header *header, uint32_t kind, size_t size, const char *path, const char *name,
                       gaudi_error *error)
{
    if (header->magic != GAUDI_MAGIC || header->kind != kind)
        return gaudi_fail(error, -EBADMSG,
                          "%s/%s is not a file of an emulated box; remove it or take the box up again with 'gaudi-box up'",
                          path, name);
    if (header->major != GAUDI_LAYOUT_MAJOR || header->size_bytes != size)
        return gaudi_fail(error, -EPROTO,
                          "%s/%s has layout version %u, this program reads version %d; take the box up again with the "
                          "version that you use now",
                          path, name, (unsigned int)header->major, GAUDI_LAYOUT_MAJOR);
    return 0;
}
