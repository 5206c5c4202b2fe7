/* Clocks, load, power, energy, throttling. */
#include "hlml_internal.h"

#include "trajectory.h"

#include <math.h>
#include <string.h>

HLML_EXPORT hlml_return_t hlml_device_get_clock_info(hlml_device_t device, hlml_clock_type_t type, unsigned int *clock)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, clock && type < HLML_CLOCK_COUNT, &card, &reading);
    if (code == HLML_SUCCESS && type != HLML_CLOCK_SOC)
        code = HLML_ERROR_NOT_SUPPORTED;
    if (code == HLML_SUCCESS)
        *clock = hlml_to_uint(reading.clock_soc_mhz + 0.5);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_max_clock_info(hlml_device_t device, hlml_clock_type_t type,
                                                         unsigned int *clock)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, clock && type < HLML_CLOCK_COUNT, &card);
    if (code == HLML_SUCCESS && type != HLML_CLOCK_SOC)
        code = HLML_ERROR_NOT_SUPPORTED;
    if (code == HLML_SUCCESS)
        *clock = gaudi_card_identity(card)->clock_soc_max_mhz;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_clock_limit_info(hlml_device_t device, hlml_clock_type_t type,
                                                           unsigned int *clock)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, clock && type < HLML_CLOCK_COUNT, &card);
    if (code != HLML_SUCCESS)
        return code;
    if (type == HLML_CLOCK_SOC)
        *clock = gaudi_card_identity(card)->clock_soc_limit_mhz;
    else if (type == HLML_CLOCK_TPC)
        *clock = gaudi_card_identity(card)->clock_tpc_limit_mhz;
    else
        code = HLML_ERROR_NOT_SUPPORTED;
    return code;
}

static unsigned int memory_percent(const gaudi_card *card, const gaudi_reading *reading)
{
    uint64_t total = gaudi_card_identity(card)->memory_total_bytes;
    return total ? hlml_to_uint((double)reading->memory_used_bytes * 100.0 / (double)total) : 0;
}

HLML_EXPORT hlml_return_t hlml_device_get_utilization_rates(hlml_device_t device, hlml_utilization_t *utilization)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, utilization != NULL, &card, &reading);
    if (code != HLML_SUCCESS)
        return code;
    unsigned int values[2] = {hlml_to_uint(reading.utilization_percent), memory_percent(card, &reading)};
    /* Before level 119 the struct has the first word only. */
    memcpy(utilization, values, hlml_abi_level() >= 119 ? sizeof values : sizeof values[0]);
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_process_utilization(hlml_device_t device,
                                                              hlml_process_utilization_sample_t *utilization)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, utilization != NULL, &card, &reading);
    if (code == HLML_SUCCESS)
        utilization->aip_util = hlml_to_uint(reading.utilization_percent);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_performance_state(hlml_device_t device, hlml_p_states_t *p_state)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, p_state != NULL, &card);
    if (code == HLML_SUCCESS)
        code = hlml_need(card, GAUDI_FEATURE_PERFORMANCE_STATE);
    if (code == HLML_SUCCESS)
        *p_state = HLML_PSTATE_0;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_supported_performance_states(hlml_device_t device, hlml_p_states_t *pstates,
                                                                       unsigned int size)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, pstates && size > 0, &card);
    if (code == HLML_SUCCESS)
        code = hlml_need(card, GAUDI_FEATURE_PERFORMANCE_STATE);
    if (code != HLML_SUCCESS)
        return code;
    pstates[0] = HLML_PSTATE_0;
    for (unsigned int i = 1; i < size && i < HLML_PSTATE_NUM_SUPPORTED; i++)
        pstates[i] = HLML_PSTATE_UNKNOWN;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_persistence_mode(hlml_device_t device, hlml_enable_state_t *mode)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, mode != NULL, &card);
    if (code == HLML_SUCCESS)
        code = hlml_need(card, GAUDI_FEATURE_PERSISTENCE_MODE);
    if (code == HLML_SUCCESS)
        *mode = HLML_FEATURE_DISABLED;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_usage(hlml_device_t device, unsigned int *power)
{
    gaudi_card *card = NULL;
    double power_w = 0.0;
    hlml_return_t code = hlml_enter(device, power != NULL, &card);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_power(card, &power_w));
    if (code == HLML_SUCCESS)
        *power = hlml_to_uint(power_w * 1000.0 + 0.5);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_mode(hlml_device_t device, hlml_enable_state_t *state)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, state != NULL, &card);
    if (code == HLML_SUCCESS)
        *state = HLML_FEATURE_ENABLED;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_limit(hlml_device_t device, unsigned int *limit)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, limit != NULL, &card, &reading);
    if (code == HLML_SUCCESS)
        *limit = hlml_to_uint((double)reading.limit_mw);
    return code;
}

/* The library attaches read-only; who may write gets a second attachment for the moment of the change. */
static int set_limit(gaudi_card *card, size_t index, unsigned int limit)
{
    const char *path = gaudi_box_path(hlml_box());
    gaudi_box *box = NULL;
    if (path[0] == '\0')
        return gaudi_card_set_limit(card, limit, NULL);
    int rc = gaudi_box_open_path(&box, path, true, NULL);
    if (rc == 0)
        rc = gaudi_card_set_limit(gaudi_box_card(box, index), limit, NULL);
    gaudi_box_close(box);
    return rc;
}

HLML_EXPORT hlml_return_t hlml_device_set_power_management_limit(hlml_device_t device, unsigned int limit)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, true, &card);
    if (code != HLML_SUCCESS)
        return code;
    return hlml_code_of(set_limit(card, gaudi_card_identity(card)->minor, limit));
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_default_limit(hlml_device_t device,
                                                                         unsigned int *default_limit)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, default_limit != NULL, &card);
    if (code == HLML_SUCCESS)
        *default_limit = hlml_to_uint((double)gaudi_card_physics(card)->limit_default_mw);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_limit_constraints(hlml_device_t device,
                                                                             unsigned int *min_limit,
                                                                             unsigned int *max_limit)
{
    gaudi_card *card = NULL;
    hlml_return_t code = hlml_enter(device, min_limit && max_limit, &card);
    if (code != HLML_SUCCESS)
        return code;
    *min_limit = hlml_to_uint((double)gaudi_card_physics(card)->limit_min_mw);
    *max_limit = hlml_to_uint((double)gaudi_card_physics(card)->limit_max_mw);
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_current_clocks_throttle_reasons(hlml_device_t device,
                                                                          unsigned long long *clocks_throttle_reasons)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, clocks_throttle_reasons != NULL, &card, &reading);
    if (code == HLML_SUCCESS)
        *clocks_throttle_reasons = reading.flags & (GAUDI_THROTTLE_POWER | GAUDI_THROTTLE_THERMAL);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_violation_status(hlml_device_t device,
                                                           hlml_perf_policy_type_t perf_policy_type,
                                                           hlml_violation_time_t *viol_time)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, viol_time && perf_policy_type < HLML_PERF_POLICY_COUNT, &card, &reading);
    if (code != HLML_SUCCESS)
        return code;
    bool is_power = perf_policy_type == HLML_PERF_POLICY_POWER;
    viol_time->reference_time = (is_power ? reading.power_reference_ns : reading.thermal_reference_ns) / 1000;
    viol_time->violation_time = is_power ? reading.violation_power_ns : reading.violation_thermal_ns;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_total_energy_consumption(hlml_device_t device, unsigned long long *energy)
{
    gaudi_card *card = NULL;
    gaudi_reading reading;
    hlml_return_t code = hlml_read(device, energy != NULL, &card, &reading);
    if (code == HLML_SUCCESS)
        *energy = (unsigned long long)fmin(fmax(reading.energy_j * 1000.0, 0.0), 1e18);
    return code;
}
