/* Every function of libhlml with arguments that no careful program would pass: NULL, foreign and stale handles, values outside
 * the enums, lengths that are too short. The caller's memory is always as large as its length says. */
#ifndef EVERY_FUNCTION_H
#define EVERY_FUNCTION_H

#include <hlml.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* One parameter each: d device, p memory for a result, s memory for a text and its length, n memory for many results and
 * their number, k the same the other way round, c a number of results to be written, x the place of a port's counters,
 * u number or enum, t a text to read, e event set, 0 zero. */
typedef struct function_row {
    const char *name;
    void (*call)(void);
    const char *parameters;
} function_row;

#define ROW(function, parameters) {#function, (void (*)(void))function, parameters}

/* What blocks, writes or ends the session is called by hand: init, shutdown, event sets, limits, affinity of this process. */
static const function_row EVERY_FUNCTION[] = {
    ROW(hlml_device_get_count, "p"),
    ROW(hlml_device_get_handle_by_index, "up"),
    ROW(hlml_device_get_handle_by_pci_bus_id, "tp"),
    ROW(hlml_device_get_handle_by_UUID, "tp"),
    ROW(hlml_get_hlml_version, "s"),
    ROW(hlml_get_driver_version, "s"),
    ROW(hlml_get_nic_driver_version, "s"),
    ROW(hlml_device_get_name, "ds"),
    ROW(hlml_device_get_uuid, "ds"),
    ROW(hlml_device_get_serial, "ds"),
    ROW(hlml_get_serial_number, "ds"),
    ROW(hlml_get_model_number, "ds"),
    ROW(hlml_device_get_minor_number, "dp"),
    ROW(hlml_device_get_module_id, "dp"),
    ROW(hlml_device_get_board_id, "dp"),
    ROW(hlml_device_get_hl_revision, "dp"),
    ROW(hlml_device_get_pcb_info, "dp"),
    ROW(hlml_device_get_oper_status, "ds"),
    ROW(hlml_get_firmware_fit_version, "ds"),
    ROW(hlml_get_firmware_spi_version, "ds"),
    ROW(hlml_get_fw_boot_version, "ds"),
    ROW(hlml_get_fw_os_version, "ds"),
    ROW(hlml_get_cpld_version, "ds"),
    ROW(hlml_device_get_pci_info, "dp"),
    ROW(hlml_device_get_pcie_throughput, "dup"),
    ROW(hlml_device_get_pcie_replay_counter, "dp"),
    ROW(hlml_device_get_curr_pcie_link_generation, "dp"),
    ROW(hlml_device_get_curr_pcie_link_width, "dp"),
    ROW(hlml_device_get_mac_info, "dnup"),
    ROW(hlml_get_mac_addr_info, "dpp"),
    ROW(hlml_nic_get_link, "dup"),
    ROW(hlml_nic_get_statistics, "dx"),
    ROW(hlml_device_get_clock_info, "dup"),
    ROW(hlml_device_get_max_clock_info, "dup"),
    ROW(hlml_device_get_clock_limit_info, "dup"),
    ROW(hlml_device_get_utilization_rates, "dp"),
    ROW(hlml_device_get_process_utilization, "dp"),
    ROW(hlml_device_get_performance_state, "dp"),
    ROW(hlml_device_get_supported_performance_states, "dn"),
    ROW(hlml_device_get_persistence_mode, "dp"),
    ROW(hlml_device_get_power_usage, "dp"),
    ROW(hlml_device_get_power_management_mode, "dp"),
    ROW(hlml_device_get_power_management_limit, "dp"),
    ROW(hlml_device_set_power_management_limit, "du"),
    ROW(hlml_device_get_power_management_default_limit, "dp"),
    ROW(hlml_device_get_power_management_limit_constraints, "dpp"),
    ROW(hlml_device_get_current_clocks_throttle_reasons, "dp"),
    ROW(hlml_device_get_violation_status, "dup"),
    ROW(hlml_device_get_total_energy_consumption, "dp"),
    ROW(hlml_device_get_temperature, "dup"),
    ROW(hlml_device_get_temperature_threshold, "dup"),
    ROW(hlml_device_get_memory_info, "dp"),
    ROW(hlml_device_get_ecc_mode, "dpp"),
    ROW(hlml_device_get_total_ecc_errors, "duup"),
    ROW(hlml_device_get_memory_error_counter, "duuup"),
    ROW(hlml_device_get_replaced_rows, "ducp"),
    ROW(hlml_device_get_replaced_rows_pending_status, "dp"),
    ROW(hlml_event_set_create, "0"),
    ROW(hlml_event_set_free, "e"),
    ROW(hlml_device_register_events, "due"),
    ROW(hlml_event_set_wait, "ep0"),
    ROW(hlml_device_get_cpu_affinity, "dk"),
    ROW(hlml_device_get_cpu_affinity_within_scope, "dku"),
    ROW(hlml_device_get_memory_affinity, "dku"),
    ROW(hlml_device_err_inject, "du"),
};

enum { FUNCTION_COUNT = sizeof EVERY_FUNCTION / sizeof EVERY_FUNCTION[0], ARGUMENTS_MAX = 6, RESULT_SIZE = 4096 };

/* What arguments are drawn from. */
typedef struct argument_source {
    unsigned int seed;
    hlml_device_t devices[4]; /* good ones, and what else looks like one */
    hlml_event_set_t sets[3];
} argument_source;

typedef struct arguments {
    uintptr_t value[ARGUMENTS_MAX];
    size_t count;
    void *memory[ARGUMENTS_MAX];
    size_t memory_count;
} arguments;

static inline uintptr_t draw_argument(argument_source *from, uintptr_t bound)
{
    return (uintptr_t)rand_r(&from->seed) % bound;
}

static inline void add_argument(arguments *a, uintptr_t value)
{
    a->value[a->count++] = value;
}

/* Memory of exactly this size, so that a sanitizer sees every overrun; now and then NULL. */
static inline void add_memory(argument_source *from, arguments *a, size_t size)
{
    void *memory = draw_argument(from, 12) == 0 ? NULL : calloc(1, size ? size : 1);
    a->memory[a->memory_count++] = memory;
    add_argument(a, (uintptr_t)memory);
}

static inline uintptr_t draw_number(argument_source *from)
{
    static const unsigned int NUMBERS[] = {0, 1, 2, 3, 4, 5, 7, 23, 24, 31, 63, 64, 255, 0x7fffffff, 0x80000000u, 0xffffffffu};
    return NUMBERS[draw_argument(from, sizeof NUMBERS / sizeof NUMBERS[0])];
}

static inline void add_text(argument_source *from, arguments *a)
{
    static const char *const TEXTS[] = {"", "0000:19:00.0", "19:00.0", "zz", "0:0:0.0", "0000:19:00.0 ", "-1:-1:-1.-1", "%n%n%s",
                                        "01P0-HL2080A0-15-TNPS34-06-00-04", "00000000000000000000000000000000000000000000"};
    const char *text = TEXTS[draw_argument(from, sizeof TEXTS / sizeof TEXTS[0])];
    add_argument(a, draw_argument(from, 12) == 0 ? 0 : (uintptr_t)text);
}

/* Sizes that matter for texts: none, one, around those that exist, plenty. */
static inline unsigned int draw_length(argument_source *from)
{
    return draw_argument(from, 4) == 0 ? (unsigned int)draw_argument(from, 3) : (unsigned int)draw_argument(from, 300);
}

/* Counters of a port: memory for as many as a card may have, some of it missing now and then. */
static inline void add_statistics(argument_source *from, arguments *a)
{
    enum { COUNTERS_MAX = 256, NAME_SIZE = 32 };
    hlml_nic_stats_info_t *info = calloc(1, sizeof *info);
    a->memory[a->memory_count++] = info;
    add_argument(a, (uintptr_t)info);
    if (!info)
        return;
    info->port = (uint32_t)draw_number(from);
    info->str_buf = draw_argument(from, 12) ? calloc(COUNTERS_MAX, NAME_SIZE) : NULL;
    info->val_buf = draw_argument(from, 12) ? calloc(COUNTERS_MAX, sizeof *info->val_buf) : NULL;
    info->num_of_counters_out = draw_argument(from, 12) ? calloc(1, sizeof *info->num_of_counters_out) : NULL;
    a->memory[a->memory_count++] = info->str_buf;
    a->memory[a->memory_count++] = info->val_buf;
    a->memory[a->memory_count++] = info->num_of_counters_out;
}

static inline void add_parameter(argument_source *from, arguments *a, char kind)
{
    unsigned int length = draw_length(from);
    switch (kind) {
    case 'd': add_argument(a, (uintptr_t)from->devices[draw_argument(from, 4) ? 0 : draw_argument(from, 4)]); break;
    case 'e': add_argument(a, (uintptr_t)from->sets[draw_argument(from, 3)]); break;
    case 'p': add_memory(from, a, RESULT_SIZE); break;
    case 's':
        add_memory(from, a, length);
        add_argument(a, length);
        break;
    case 'n': /* a result has at most 32 bytes */
        add_memory(from, a, 32 * (size_t)length);
        add_argument(a, length);
        break;
    case 'k': /* number first, then memory of as many words */
        add_argument(a, length);
        add_memory(from, a, sizeof(unsigned long) * length);
        break;
    case 'c':
        add_memory(from, a, RESULT_SIZE);
        if (a->value[a->count - 1])
            *(unsigned int *)a->memory[a->memory_count - 1] = (unsigned int)draw_argument(from, RESULT_SIZE / 8);
        break;
    case 'x': add_statistics(from, a); break;
    case 't': add_text(from, a); break;
    case '0': add_argument(a, 0); break;
    default: add_argument(a, draw_number(from));
    }
}

/* Call one function once. All parameters are words, and every ABI that we know passes up to six of them in registers. */
static inline hlml_return_t call_function(const function_row *row, argument_source *from)
{
    typedef hlml_return_t (*any)(uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t, uintptr_t);
    arguments a = {.count = 0};
    for (const char *p = row->parameters; *p; p++)
        add_parameter(from, &a, *p);
    const uintptr_t *v = a.value;
    hlml_return_t code = ((any)row->call)(v[0], v[1], v[2], v[3], v[4], v[5]);
    for (size_t i = 0; i < a.memory_count; i++)
        free(a.memory[i]);
    return code;
}

/* The codes that the header has. */
static inline bool is_known_code(hlml_return_t code)
{
    return code <= HLML_ERROR_NO_DATA || code == HLML_ERROR_UNKNOWN;
}

#endif
