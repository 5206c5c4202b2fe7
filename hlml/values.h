/* Getters of libhlml that return their value: what Python calls without an out parameter to make and to read. The call
 * stands apart from the use of its output: the order in which arguments are evaluated is not specified.
 * >= 0: the value; < 0: minus the hlml_return_t. Compiled into hlml._hlml by ffi_build.py. */

static inline int64_t hlml_value(hlml_return_t code, uint64_t value)
{
    return code == HLML_SUCCESS ? (int64_t)value : -(int64_t)code;
}

static int64_t hlml_value_power(hlml_device_t device)
{
    unsigned int out = 0;
    hlml_return_t code = hlml_device_get_power_usage(device, &out);
    return hlml_value(code, out);
}

static int64_t hlml_value_power_limit(hlml_device_t device)
{
    unsigned int out = 0;
    hlml_return_t code = hlml_device_get_power_management_limit(device, &out);
    return hlml_value(code, out);
}

static int64_t hlml_value_temperature(hlml_device_t device)
{
    unsigned int out = 0;
    hlml_return_t code = hlml_device_get_temperature(device, HLML_TEMPERATURE_ON_AIP, &out);
    return hlml_value(code, out);
}

static int64_t hlml_value_clock_soc(hlml_device_t device)
{
    unsigned int out = 0;
    hlml_return_t code = hlml_device_get_clock_info(device, HLML_CLOCK_SOC, &out);
    return hlml_value(code, out);
}

static int64_t hlml_value_utilization(hlml_device_t device)
{
    hlml_utilization_t out = {0};
    hlml_return_t code = hlml_device_get_utilization_rates(device, &out);
    return hlml_value(code, out.aip);
}

static int64_t hlml_value_memory_used(hlml_device_t device)
{
    hlml_memory_t out = {0};
    hlml_return_t code = hlml_device_get_memory_info(device, &out);
    return hlml_value(code, out.used);
}

static int64_t hlml_value_energy(hlml_device_t device)
{
    unsigned long long out = 0;
    hlml_return_t code = hlml_device_get_total_energy_consumption(device, &out);
    return hlml_value(code, out);
}

static int64_t hlml_value_throttle_reasons(hlml_device_t device)
{
    unsigned long long out = 0;
    hlml_return_t code = hlml_device_get_current_clocks_throttle_reasons(device, &out);
    return hlml_value(code, out);
}

static int64_t hlml_value_module_id(hlml_device_t device)
{
    unsigned int out = 0;
    hlml_return_t code = hlml_device_get_module_id(device, &out);
    return hlml_value(code, out);
}
