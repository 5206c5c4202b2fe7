/* Temperatures. */
#include "hlml_internal.h"

#include <errno.h>

/* The sensor groups behind each kind that HLML knows; kinds without a group are NOT_SUPPORTED (HL-225, release 1.24:
 * VRM and CTEMP are, although the card has VRM sensors). */
static hlml_return_t group_of(hlml_temperature_sensors_t type, enum gaudi_sensor_group *group)
{
    switch (type) {
    case HLML_TEMPERATURE_ON_AIP: *group = GAUDI_SENSOR_ON_CHIP; return HLML_SUCCESS;
    case HLML_TEMPERATURE_ON_BOARD: *group = GAUDI_SENSOR_ON_BOARD; return HLML_SUCCESS;
    case HLML_TEMPERATURE_HBM: *group = GAUDI_SENSOR_HBM; return HLML_SUCCESS;
    default: return HLML_ERROR_NOT_SUPPORTED;
    }
}

HLML_EXPORT hlml_return_t hlml_device_get_temperature(hlml_device_t device, hlml_temperature_sensors_t sensor_type,
                                                      unsigned int *temp)
{
    HLML_SCOPED hlml_call call = {0};
    enum gaudi_sensor_group group = GAUDI_SENSOR_ON_CHIP;
    double hottest_c = 0.0;
    hlml_return_t code = hlml_enter(&call, device, temp && sensor_type <= HLML_TEMPERATURE_CTEMP);
    if (code == HLML_SUCCESS)
        code = group_of(sensor_type, &group);
    if (code != HLML_SUCCESS)
        return code;
    int rc = gaudi_card_read_temperature(call.card, group, &hottest_c);
    if (rc != 0)
        return rc == -ENOENT ? HLML_ERROR_NOT_SUPPORTED : hlml_code_of(rc);
    *temp = hlml_to_uint(hottest_c); /* truncated to whole degrees, as the real library does */
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_temperature_threshold(hlml_device_t device,
                                                                hlml_temperature_thresholds_t threshold_type,
                                                                unsigned int *temp)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, temp && threshold_type < HLML_TEMPERATURE_THRESHOLD_COUNT);
    if (code == HLML_SUCCESS)
        *temp = gaudi_card_identity(call.card)->reported_threshold_c[threshold_type];
    return code;
}
