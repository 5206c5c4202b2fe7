/* Clocks, load, power, energy, throttling. */
#include "hlml_internal.h"

#include "trajectory.h"

#include <math.h>
#include <string.h>

HLML_EXPORT hlml_return_t hlml_device_get_clock_info(hlml_device_t device, hlml_clock_type_t type, unsigned int *clock)
{
    HLML_SCOPED hlml_call call = {0};
    double ratio = 0.0;
    uint32_t flags = 0;
    hlml_return_t code = hlml_enter(&call, device, clock && type < HLML_CLOCK_COUNT);
    if (code == HLML_SUCCESS && type != HLML_CLOCK_SOC)
        code = HLML_ERROR_NOT_SUPPORTED;
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_clock(call.card, &ratio, &flags));
    if (code == HLML_SUCCESS)
        *clock = hlml_to_uint(ratio * (double)gaudi_card_identity(call.card)->clock_soc_max_mhz + 0.5);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_max_clock_info(hlml_device_t device, hlml_clock_type_t type,
                                                         unsigned int *clock)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, clock && type < HLML_CLOCK_COUNT);
    if (code == HLML_SUCCESS && type != HLML_CLOCK_SOC)
        code = HLML_ERROR_NOT_SUPPORTED;
    if (code == HLML_SUCCESS)
        *clock = gaudi_card_identity(call.card)->clock_soc_max_mhz;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_clock_limit_info(hlml_device_t device, hlml_clock_type_t type,
                                                           unsigned int *clock)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, clock && type < HLML_CLOCK_COUNT);
    if (code != HLML_SUCCESS)
        return code;
    unsigned int limit_mhz = 0; /* stays 0 for a clock that the card does not have */
    if (type == HLML_CLOCK_SOC)
        limit_mhz = gaudi_card_identity(call.card)->clock_soc_limit_mhz;
    else if (type == HLML_CLOCK_TPC)
        limit_mhz = gaudi_card_identity(call.card)->clock_tpc_limit_mhz;
    if (limit_mhz == 0)
        return HLML_ERROR_NOT_SUPPORTED;
    *clock = limit_mhz;
    return HLML_SUCCESS;
}

/* The driver's utilisation of a card, percent. */
static hlml_return_t load_percent(const gaudi_card *card, unsigned int *percent)
{
    double power_w = 0.0;
    uint64_t limit_mw = 0;
    hlml_return_t code = hlml_code_of(gaudi_card_read_load(card, &power_w, &limit_mw));
    if (code == HLML_SUCCESS)
        *percent = gaudi_utilization_percent(power_w, gaudi_card_physics(card)->utilization_dc_w, limit_mw);
    return code;
}

static hlml_return_t memory_percent(const gaudi_card *card, unsigned int *percent)
{
    uint64_t used = 0;
    uint64_t total = gaudi_card_identity(card)->memory_total_bytes;
    hlml_return_t code = hlml_code_of(gaudi_card_read_memory(card, &used));
    if (code == HLML_SUCCESS)
        *percent = total ? hlml_to_uint((double)used * 100.0 / (double)total) : 0;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_utilization_rates(hlml_device_t device, hlml_utilization_t *utilization)
{
    HLML_SCOPED hlml_call call = {0};
    unsigned int values[2] = {0, 0};
    hlml_return_t code = hlml_enter(&call, device, utilization != NULL);
    if (code == HLML_SUCCESS)
        code = load_percent(call.card, &values[0]);
    if (code == HLML_SUCCESS)
        code = memory_percent(call.card, &values[1]);
    if (code == HLML_SUCCESS) /* before level 119 the struct has the first word only */
        memcpy(utilization, values, hlml_abi_level() >= 119 ? sizeof values : sizeof values[0]);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_process_utilization(hlml_device_t device,
                                                              hlml_process_utilization_sample_t *utilization)
{
    HLML_SCOPED hlml_call call = {0};
    unsigned int percent = 0;
    hlml_return_t code = hlml_enter(&call, device, utilization != NULL);
    if (code == HLML_SUCCESS)
        code = load_percent(call.card, &percent);
    if (code == HLML_SUCCESS)
        utilization->aip_util = percent;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_performance_state(hlml_device_t device, hlml_p_states_t *p_state)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, p_state != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_need(call.card, GAUDI_FEATURE_PERFORMANCE_STATE);
    if (code == HLML_SUCCESS)
        *p_state = HLML_PSTATE_0;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_supported_performance_states(hlml_device_t device, hlml_p_states_t *pstates,
                                                                       unsigned int size)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, pstates && size > 0);
    if (code == HLML_SUCCESS)
        code = hlml_need(call.card, GAUDI_FEATURE_PERFORMANCE_STATE);
    if (code != HLML_SUCCESS)
        return code;
    pstates[0] = HLML_PSTATE_0;
    for (unsigned int i = 1; i < size && i < HLML_PSTATE_NUM_SUPPORTED; i++)
        pstates[i] = HLML_PSTATE_UNKNOWN;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_persistence_mode(hlml_device_t device, hlml_enable_state_t *mode)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, mode != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_need(call.card, GAUDI_FEATURE_PERSISTENCE_MODE);
    if (code == HLML_SUCCESS)
        *mode = HLML_FEATURE_DISABLED;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_usage(hlml_device_t device, unsigned int *power)
{
    HLML_SCOPED hlml_call call = {0};
    double power_w = 0.0;
    hlml_return_t code = hlml_enter(&call, device, power != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_power(call.card, &power_w));
    if (code == HLML_SUCCESS)
        *power = hlml_to_uint(power_w * 1000.0 + 0.5);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_mode(hlml_device_t device, hlml_enable_state_t *state)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, state != NULL);
    if (code == HLML_SUCCESS)
        *state = HLML_FEATURE_ENABLED;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_limit(hlml_device_t device, unsigned int *limit)
{
    HLML_SCOPED hlml_call call = {0};
    uint64_t limit_mw = 0;
    hlml_return_t code = hlml_enter(&call, device, limit != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_limit(call.card, &limit_mw));
    if (code == HLML_SUCCESS)
        *limit = hlml_to_uint((double)limit_mw);
    return code;
}

static int set_limit(gaudi_card *card, unsigned int limit)
{
    return gaudi_card_set_limit(card, limit, NULL);
}

HLML_EXPORT hlml_return_t hlml_device_set_power_management_limit(hlml_device_t device, unsigned int limit)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, true);
    if (code != HLML_SUCCESS)
        return code;
    const gaudi_physics *physics = gaudi_card_physics(call.card);
    if (limit < physics->limit_min_mw || limit > physics->limit_max_mw) /* before the question of who may */
        return HLML_ERROR_INVALID_ARGUMENT;
    return hlml_code_of(hlml_write(&call, set_limit, limit));
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_default_limit(hlml_device_t device,
                                                                         unsigned int *default_limit)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, default_limit != NULL);
    if (code == HLML_SUCCESS)
        *default_limit = hlml_to_uint((double)gaudi_card_physics(call.card)->limit_default_mw);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_power_management_limit_constraints(hlml_device_t device,
                                                                             unsigned int *min_limit,
                                                                             unsigned int *max_limit)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, min_limit && max_limit);
    if (code != HLML_SUCCESS)
        return code;
    *min_limit = hlml_to_uint((double)gaudi_card_physics(call.card)->limit_min_mw);
    *max_limit = hlml_to_uint((double)gaudi_card_physics(call.card)->limit_max_mw);
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_current_clocks_throttle_reasons(hlml_device_t device,
                                                                          unsigned long long *clocks_throttle_reasons)
{
    HLML_SCOPED hlml_call call = {0};
    double ratio = 0.0;
    uint32_t flags = 0;
    hlml_return_t code = hlml_enter(&call, device, clocks_throttle_reasons != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_clock(call.card, &ratio, &flags));
    if (code == HLML_SUCCESS)
        *clocks_throttle_reasons = flags & (GAUDI_THROTTLE_POWER | GAUDI_THROTTLE_THERMAL);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_violation_status(hlml_device_t device,
                                                           hlml_perf_policy_type_t perf_policy_type,
                                                           hlml_violation_time_t *viol_time)
{
    HLML_SCOPED hlml_call call = {0};
    uint64_t violation_ns = 0;
    uint64_t reference_ns = 0;
    bool is_power = perf_policy_type == HLML_PERF_POLICY_POWER;
    enum gaudi_segment_flag reason = is_power ? GAUDI_THROTTLE_POWER : GAUDI_THROTTLE_THERMAL;
    hlml_return_t code = hlml_enter(&call, device, viol_time && perf_policy_type < HLML_PERF_POLICY_COUNT);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_violation(call.card, reason, &violation_ns, &reference_ns));
    if (code != HLML_SUCCESS)
        return code;
    viol_time->reference_time = reference_ns / 1000;
    viol_time->violation_time = violation_ns;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_total_energy_consumption(hlml_device_t device, unsigned long long *energy)
{
    HLML_SCOPED hlml_call call = {0};
    double energy_j = 0.0;
    hlml_return_t code = hlml_enter(&call, device, energy != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_energy(call.card, &energy_j));
    if (code == HLML_SUCCESS)
        *energy = (unsigned long long)fmin(fmax(energy_j * 1000.0, 0.0), 1e18);
    return code;
}
