/* Getters of libhlml from C beside the clock read that they contain. Each figure is the best of several short runs: the
 * machine may be shared, and the fastest run is the one least disturbed.
 *
 * bench_getter            one line each: "name nanoseconds"; the first is the clock, the last hlml_init and hlml_shutdown
 * bench_getter --all N    every getter of every card of the boxes named on standard input, N times over; "values seconds" */
#include <hlml.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { RUNS = 40, CALLS = 5000, INITS = 50, GETTERS_MAX = 32 };

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

typedef hlml_return_t getter(hlml_device_t device);

#define GETTER(name, type, call) \
    static hlml_return_t name(hlml_device_t device) \
    { \
        type out; \
        return call; \
    }

GETTER(power, unsigned int, hlml_device_get_power_usage(device, &out))
GETTER(temperature, unsigned int, hlml_device_get_temperature(device, HLML_TEMPERATURE_ON_AIP, &out))
GETTER(temperature_hbm, unsigned int, hlml_device_get_temperature(device, HLML_TEMPERATURE_HBM, &out))
GETTER(temperature_board, unsigned int, hlml_device_get_temperature(device, HLML_TEMPERATURE_ON_BOARD, &out))
GETTER(utilization, hlml_utilization_t, hlml_device_get_utilization_rates(device, &out))
GETTER(memory, hlml_memory_t, hlml_device_get_memory_info(device, &out))
GETTER(clock_soc, unsigned int, hlml_device_get_clock_info(device, HLML_CLOCK_SOC, &out))
GETTER(energy, unsigned long long, hlml_device_get_total_energy_consumption(device, &out))
GETTER(throttle_reasons, unsigned long long, hlml_device_get_current_clocks_throttle_reasons(device, &out))
GETTER(violation, hlml_violation_time_t,
       hlml_device_get_violation_status(device, HLML_PERF_POLICY_POWER, &out))
GETTER(power_limit, unsigned int, hlml_device_get_power_management_limit(device, &out))
GETTER(pci_info, hlml_pci_info_t, hlml_device_get_pci_info(device, &out))
GETTER(pcie_throughput, unsigned int, hlml_device_get_pcie_throughput(device, HLML_PCIE_UTIL_RX_BYTES, &out))
GETTER(pcie_replay, unsigned int, hlml_device_get_pcie_replay_counter(device, &out))
GETTER(pcie_generation, unsigned int, hlml_device_get_curr_pcie_link_generation(device, &out))
GETTER(pcie_width, unsigned int, hlml_device_get_curr_pcie_link_width(device, &out))
GETTER(ecc_errors, unsigned long long, hlml_device_get_total_ecc_errors(device, HLML_MEMORY_ERROR_TYPE_CORRECTED, HLML_VOLATILE_ECC, &out))
GETTER(module_id, unsigned int, hlml_device_get_module_id(device, &out))
GETTER(minor_number, unsigned int, hlml_device_get_minor_number(device, &out))

static hlml_return_t name(hlml_device_t device)
{
    char text[HL_FIELD_MAX_SIZE];
    return hlml_device_get_name(device, text, sizeof text);
}

static hlml_return_t serial(hlml_device_t device)
{
    char text[HL_FIELD_MAX_SIZE];
    return hlml_device_get_serial(device, text, sizeof text);
}

static hlml_return_t oper_status(hlml_device_t device)
{
    char text[HL_FIELD_MAX_SIZE];
    return hlml_device_get_oper_status(device, text, sizeof text);
}

static hlml_return_t link_up(hlml_device_t device)
{
    bool up = false;
    return hlml_nic_get_link(device, 0, &up);
}

#define ROW(name) {#name, name}
static const struct {
    const char *name;
    getter *call;
} GETTERS[] = {
    ROW(power),       ROW(temperature), ROW(temperature_hbm), ROW(temperature_board), ROW(utilization),
    ROW(memory),      ROW(clock_soc),   ROW(energy),          ROW(throttle_reasons),  ROW(violation),
    ROW(power_limit), ROW(pci_info),    ROW(pcie_throughput), ROW(pcie_replay),       ROW(pcie_generation),
    ROW(pcie_width),  ROW(ecc_errors),  ROW(module_id),       ROW(minor_number),      ROW(name),
    ROW(serial),      ROW(oper_status), ROW(link_up),
};
enum { GETTER_COUNT = sizeof GETTERS / sizeof GETTERS[0] };

static double best_ns(getter *call, hlml_device_t device)
{
    double best = 1e18;
    for (int run = 0; run < RUNS; run++) {
        double start = now_ns();
        for (int i = 0; i < CALLS; i++) {
            if (call)
                (void)call(device);
            else
                (void)now_ns();
        }
        double each = (now_ns() - start) / CALLS;
        best = each < best ? each : best;
    }
    return best;
}

static int bench_one_by_one(void)
{
    hlml_device_t device = NULL;
    double init = 1e18;
    for (int i = 0; i < INITS; i++) {
        double start = now_ns();
        if (hlml_init() != HLML_SUCCESS)
            return 1;
        hlml_shutdown();
        double each = now_ns() - start;
        init = each < init ? each : init;
    }
    if (hlml_init() != HLML_SUCCESS || hlml_device_get_handle_by_index(0, &device) != HLML_SUCCESS)
        return 1;
    printf("clock %.1f\n", best_ns(NULL, NULL));
    for (int i = 0; i < GETTER_COUNT; i++)
        printf("%s %.1f\n", GETTERS[i].name, best_ns(GETTERS[i].call, device));
    printf("init %.1f\n", init);
    return hlml_shutdown() != HLML_SUCCESS;
}

/* One box after the other, as an exporter for many servers would. */
static int bench_all(int rounds)
{
    char path[512];
    unsigned long values = 0;
    double start = now_ns();
    while (fgets(path, sizeof path, stdin)) {
        unsigned int count = 0;
        path[strcspn(path, "\n")] = '\0';
        setenv("GAUDI_BOX", path, 1);
        if (hlml_init() != HLML_SUCCESS || hlml_device_get_count(&count) != HLML_SUCCESS)
            return 1;
        for (unsigned int n = 0; n < count * (unsigned int)rounds; n++) {
            hlml_device_t device = NULL;
            if (hlml_device_get_handle_by_index(n % count, &device) != HLML_SUCCESS)
                return 1;
            for (int i = 0; i < GETTER_COUNT; i++)
                values += GETTERS[i].call(device) == HLML_SUCCESS;
        }
        hlml_shutdown();
    }
    printf("%lu %.6f\n", values, (now_ns() - start) / 1e9);
    return 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "--all") == 0)
        return bench_all(atoi(argv[2]));
    return bench_one_by_one();
}
