/* HLML, the Habana Labs Management Library: the C interface to (emulated) Gaudi cards.
 *
 * Every function returns hlml_return_t; outputs are untouched unless it is HLML_SUCCESS. Checks come in this order:
 *   HLML_ERROR_UNINITIALIZED      hlml_init has not succeeded
 *   HLML_ERROR_INVALID_ARGUMENT   a null pointer, a foreign handle, a value outside its enum, a text buffer of length 0
 *   HLML_ERROR_DRIVER_NOT_LOADED  the driver was unloaded since
 *   HLML_ERROR_AIP_IS_LOST        the card fell off the bus, or its box was taken down or replaced
 *   HLML_ERROR_NOT_SUPPORTED      this card or this release does not have it
 * Texts: HLML_ERROR_INSUFFICIENT_SIZE if text and NUL do not fit `length`; they always end with NUL inside it.
 *
 * Threads: every function may be called from any thread at any time, hlml_event_set_wait on one set from several, and
 * hlml_shutdown while others read. After fork the child may go on using the library. Getters take no lock, allocate
 * nothing and make no system call but the clock.
 *
 * ABI: define HLML_ABI_LEVEL before the include to compile for an older library: 106 (releases 1.6 to 1.10), 112, 118 or
 * 119 (1.19 and newer, the default). The library itself follows the release of its box; HLML_ABI=1.6|1.12|1.18|1.19 in
 * the environment overrides it. It never writes beyond the structs of the level. */
#ifndef HLML_H
#define HLML_H

#ifndef HLML_ABI_LEVEL
#define HLML_ABI_LEVEL 119
#endif

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if HLML_ABI_LEVEL >= 119
#define PCI_DOMAIN_LEN 9
#define PCI_ADDR_LEN 19
#else
#define PCI_DOMAIN_LEN 5
#define PCI_ADDR_LEN 15
#endif
#define PCI_LINK_INFO_LEN 10
#define HL_FIELD_MAX_SIZE 32
#define ETHER_ADDR_LEN 6
#define PORTS_ARR_SIZE 2
#define HLML_DEVICE_MAC_MAX_ADDRESSES 48
#define HLML_DEVICE_ROW_RPL_MAX 32
#define HLML_PSTATE_NUM_SUPPORTED 16

#define HLML_EVENT_ECC_ERR (1 << 0)
#define HLML_EVENT_ECC_DERR (1 << 0)
#define HLML_EVENT_CRITICAL_ERR (1 << 1)
#define HLML_EVENT_CLOCK_RATE (1 << 2)
#define HLML_EVENT_DRAM_ERR (1 << 3)
#define HLML_EVENT_DRAM_DERR (1 << 3)
#define HLML_EVENT_ECC_SERR (1 << 4)
#define HLML_EVENT_DRAM_SERR (1 << 5)

#define HLML_CLOCKS_THROTTLE_REASON_POWER (1 << 0)
#define HLML_CLOCKS_THROTTLE_REASON_THERMAL (1 << 1)

#define HLML_AFFINITY_SCOPE_NODE 0
#define HLML_AFFINITY_SCOPE_SOCKET 1

typedef enum hlml_return {
    HLML_SUCCESS = 0,
    HLML_ERROR_UNINITIALIZED = 1,
    HLML_ERROR_INVALID_ARGUMENT = 2,
    HLML_ERROR_NOT_SUPPORTED = 3,
    HLML_ERROR_ALREADY_INITIALIZED = 5,
    HLML_ERROR_NOT_FOUND = 6,
    HLML_ERROR_INSUFFICIENT_SIZE = 7,
    HLML_ERROR_DRIVER_NOT_LOADED = 9,
    HLML_ERROR_TIMEOUT = 10,
    HLML_ERROR_AIP_IS_LOST = 15,
    HLML_ERROR_MEMORY = 20,
    HLML_ERROR_NO_DATA = 21,
    HLML_ERROR_UNKNOWN = 49
} hlml_return_t;

typedef enum hlml_clock_type {
    HLML_CLOCK_SOC = 0,
    HLML_CLOCK_IC = 1,
    HLML_CLOCK_MME = 2,
    HLML_CLOCK_TPC = 3,
    HLML_CLOCK_COUNT = 4
} hlml_clock_type_t;

typedef enum hlml_temperature_sensors {
    HLML_TEMPERATURE_ON_AIP = 0,
    HLML_TEMPERATURE_ON_BOARD = 1,
    HLML_TEMPERATURE_OTHER = 2,
    HLML_TEMPERATURE_HBM = 3,
    HLML_TEMPERATURE_VRM = 4,
    HLML_TEMPERATURE_CTEMP = 5
} hlml_temperature_sensors_t;

typedef enum hlml_temperature_thresholds {
    HLML_TEMPERATURE_THRESHOLD_SHUTDOWN = 0,
    HLML_TEMPERATURE_THRESHOLD_SLOWDOWN = 1,
    HLML_TEMPERATURE_THRESHOLD_MEM_MAX = 2,
    HLML_TEMPERATURE_THRESHOLD_GPU_MAX = 3,
    HLML_TEMPERATURE_THRESHOLD_COUNT = 4
} hlml_temperature_thresholds_t;

typedef enum hlml_enable_state {
    HLML_FEATURE_DISABLED = 0,
    HLML_FEATURE_ENABLED = 1
} hlml_enable_state_t;

typedef enum hlml_p_states {
    HLML_PSTATE_0 = 0,
    HLML_PSTATE_1 = 1,
    HLML_PSTATE_2 = 2,
    HLML_PSTATE_3 = 3,
    HLML_PSTATE_4 = 4,
    HLML_PSTATE_5 = 5,
    HLML_PSTATE_6 = 6,
    HLML_PSTATE_7 = 7,
    HLML_PSTATE_8 = 8,
    HLML_PSTATE_9 = 9,
    HLML_PSTATE_10 = 10,
    HLML_PSTATE_11 = 11,
    HLML_PSTATE_12 = 12,
    HLML_PSTATE_13 = 13,
    HLML_PSTATE_14 = 14,
    HLML_PSTATE_15 = 15,
    HLML_PSTATE_SENTINEL = 16,
    HLML_PSTATE_UNKNOWN = 32
} hlml_p_states_t;

typedef enum hlml_memory_error_type {
    HLML_MEMORY_ERROR_TYPE_CORRECTED = 0,
    HLML_MEMORY_ERROR_TYPE_UNCORRECTED = 1,
    HLML_MEMORY_ERROR_TYPE_COUNT = 2
} hlml_memory_error_type_t;

typedef enum hlml_memory_location_type {
    HLML_MEMORY_LOCATION_SRAM = 0,
    HLML_MEMORY_LOCATION_DRAM = 1,
    HLML_MEMORY_LOCATION_ALL = 2, /* since 1.22 */
    HLML_MEMORY_LOCATION_COUNT = 3
} hlml_memory_location_type_t;

typedef enum hlml_ecc_counter_type {
    HLML_VOLATILE_ECC = 0,
    HLML_AGGREGATE_ECC = 1,
    HLML_ECC_COUNTER_TYPE_COUNT = 2
} hlml_ecc_counter_type_t;

typedef enum hlml_err_counter_idx {
    HLML_ECC_SERR_COUNTER_IDX = 0,
    HLML_ECC_DERR_COUNTER_IDX = 1,
    HLML_ECC_HBM_SERR_COUNTER_IDX = 2,
    HLML_ECC_HBM_DERR_COUNTER_IDX = 3,
    HLML_ECC_CRITICAL_COUNTER_IDX = 4,
    HLML_ECC_ERR_COUNTER_MAX = 5
} hlml_err_counter_idx_t;

typedef enum hlml_err_inject {
    HLML_ERR_INJECT_ENDLESS_COMMAND = 0,
    HLML_ERR_INJECT_NON_FATAL_EVENT = 1,
    HLML_ERR_INJECT_FATAL_EVENT = 2,
    HLML_ERR_INJECT_LOSS_OF_HEARTBEAT = 3,
    HLML_ERR_INJECT_THERMAL_EVENT = 4,
    HLML_ERR_INJECT_COUNT = 5
} hlml_err_inject_t;

typedef enum hlml_pcie_util_counter {
    HLML_PCIE_UTIL_TX_BYTES = 0,
    HLML_PCIE_UTIL_RX_BYTES = 1,
    HLML_PCIE_UTIL_COUNT = 2
} hlml_pcie_util_counter_t;

typedef enum hlml_perf_policy_type {
    HLML_PERF_POLICY_POWER = 0,
    HLML_PERF_POLICY_THERMAL = 1,
    HLML_PERF_POLICY_COUNT = 2
} hlml_perf_policy_type_t;

typedef enum hlml_row_replacement_cause {
    HLML_ROW_REPLACEMENT_CAUSE_MULTIPLE_SINGLE_BIT_ECC_ERRORS = 0,
    HLML_ROW_REPLACEMENT_CAUSE_DOUBLE_BIT_ECC_ERROR = 1,
    HLML_ROW_REPLACEMENT_CAUSE_COUNT = 2
} hlml_row_replacement_cause_t;

typedef void *hlml_device_t;
typedef void *hlml_event_set_t;
typedef unsigned int hlml_affinity_scope_t;

/* Text of the PCIe link, for example "16GT/s" and "x16" ("0x4" and "16" at level 1.6). */
typedef struct hlml_pci_cap {
    char link_speed[PCI_LINK_INFO_LEN];
    char link_width[PCI_LINK_INFO_LEN];
#if HLML_ABI_LEVEL >= 112
    char link_max_speed[PCI_LINK_INFO_LEN];
    char link_max_width[PCI_LINK_INFO_LEN];
#endif
} hlml_pci_cap_t;

/* pci_device_id and pci_subsys_id: vendor << 16 | device. */
typedef struct hlml_pci_info {
    unsigned int bus;
    char bus_id[PCI_ADDR_LEN];
    unsigned int device;
    unsigned int domain;
    unsigned int pci_device_id;
    hlml_pci_cap_t caps;
#if HLML_ABI_LEVEL >= 112
    unsigned int pci_rev;
#endif
#if HLML_ABI_LEVEL >= 118
    unsigned int pci_subsys_id;
#endif
} hlml_pci_info_t;

/* Percent. */
typedef struct hlml_utilization {
    unsigned int aip;
#if HLML_ABI_LEVEL >= 119
    unsigned int memory;
#endif
} hlml_utilization_t;

typedef struct hlml_process_utilization_sample {
    unsigned int aip_util;
} hlml_process_utilization_sample_t;

/* Bytes; mind the order. */
typedef struct hlml_memory {
    unsigned long long free;
    unsigned long long total;
    unsigned long long used;
} hlml_memory_t;

typedef struct hlml_pcb_info {
    char pcb_ver[HL_FIELD_MAX_SIZE];
    char pcb_assembly_ver[HL_FIELD_MAX_SIZE];
} hlml_pcb_info_t;

typedef struct hlml_event_data {
    hlml_device_t device;
    unsigned long long event_type;
} hlml_event_data_t;

typedef struct hlml_mac_info {
    unsigned char addr[ETHER_ADDR_LEN];
    int id;
} hlml_mac_info_t;

/* str_buf: slots of 32 bytes; val_buf: as many values; both have room for 256. */
typedef struct hlml_nic_stats_info {
    uint32_t port;
    char *str_buf;
    uint64_t *val_buf;
    uint32_t *num_of_counters_out;
} hlml_nic_stats_info_t;

/* reference_time: us; violation_time: ns. */
typedef struct hlml_violation_time {
    unsigned long long reference_time;
    unsigned long long violation_time;
} hlml_violation_time_t;

typedef struct hlml_row_address {
    uint8_t hbm_idx;
    uint8_t pc;
    uint8_t sid;
    uint8_t bank_idx;
    uint16_t row_addr;
} hlml_row_address_t;

/* Of releases from 1.22 on; no function takes it. */
typedef struct hlml_aip_error_counters {
    unsigned long long err_counters[5];
    unsigned int index;
} hlml_aip_error_counters_t;

/* ---- Library and discovery ------------------------------------------------------------------------------- */

/* Attach the box; make the default one if there is none. ALREADY_INITIALIZED without a shutdown in between;
 * DRIVER_NOT_LOADED if the box has no driver loaded; UNKNOWN if its state cannot be read or HLML_ABI is no level
 * (HLML_DEBUG=1 says why); MEMORY if other threads do not come back from more than a dozen boxes attached before. */
hlml_return_t hlml_init(void);

/* As hlml_init. Flags are accepted and have no effect; the documented value is 0. */
hlml_return_t hlml_init_with_flags(unsigned int flags);

/* Detach. Handles stay valid for the next hlml_init of this process. UNINITIALIZED without one. */
hlml_return_t hlml_shutdown(void);

/* Number of cards of the box. */
hlml_return_t hlml_device_get_count(unsigned int *device_count);

/* The card whose accel number is `index`. INVALID_ARGUMENT: no such number. */
hlml_return_t hlml_device_get_handle_by_index(unsigned int index, hlml_device_t *device);

/* The card at `domain:bus:device.function` (hex, either case; the domain may be left out).
 * INVALID_ARGUMENT: malformed; NOT_FOUND: no card of the box sits there. */
hlml_return_t hlml_device_get_handle_by_pci_bus_id(const char *pci_addr, hlml_device_t *device);

/* The card with this UUID. NOT_FOUND: none has it. */
hlml_return_t hlml_device_get_handle_by_UUID(const char *uuid, hlml_device_t *device);

/* Version of library and hl-smi, for example "hl-1.24.1-fw-62.6.2.0 (date)". */
hlml_return_t hlml_get_hlml_version(char *version, unsigned int length);

/* Version of the driver, for example "1.24.1-b336d5e". */
hlml_return_t hlml_get_driver_version(char *driver_version, unsigned int length);

/* Version of the NIC driver. Since 1.20. */
hlml_return_t hlml_get_nic_driver_version(char *driver_version, unsigned int length);

/* ---- Identity -------------------------------------------------------------------------------------------- */

/* Product name, for example "HL-225"; fits 8 bytes. */
hlml_return_t hlml_device_get_name(hlml_device_t device, char *name, unsigned int length);

/* UUID of the card. */
hlml_return_t hlml_device_get_uuid(hlml_device_t device, char *uuid, unsigned int length);

/* Serial number. */
hlml_return_t hlml_device_get_serial(hlml_device_t device, char *serial, unsigned int length);

/* As hlml_device_get_serial; only in the oldest header. */
hlml_return_t hlml_get_serial_number(hlml_device_t device, char *serial_number, unsigned int length);

/* Model number. */
hlml_return_t hlml_get_model_number(hlml_device_t device, char *model_number, unsigned int length);

/* N of /dev/accel/accelN. */
hlml_return_t hlml_device_get_minor_number(hlml_device_t device, unsigned int *minor_number);

/* OAM slot. */
hlml_return_t hlml_device_get_module_id(hlml_device_t device, unsigned int *module_id);

/* Slot on the board, 0 to 7. */
hlml_return_t hlml_device_get_board_id(hlml_device_t device, unsigned int *board_id);

/* Revision of the card. */
hlml_return_t hlml_device_get_hl_revision(hlml_device_t device, int *hl_revision);

/* Versions of the board and of its assembly. */
hlml_return_t hlml_device_get_pcb_info(hlml_device_t device, hlml_pcb_info_t *pcb);

/* Operational status in the driver's words; 30 bytes are enough. Since 1.12. */
hlml_return_t hlml_device_get_oper_status(hlml_device_t device, char *status, unsigned int length);

/* Kernel of the management processor. */
hlml_return_t hlml_get_firmware_fit_version(hlml_device_t device, char *firmware_fit, unsigned int length);

/* Preboot firmware. */
hlml_return_t hlml_get_firmware_spi_version(hlml_device_t device, char *firmware_spi, unsigned int length);

/* Boot loader. */
hlml_return_t hlml_get_fw_boot_version(hlml_device_t device, char *fw_boot_version, unsigned int length);

/* Firmware OS. */
hlml_return_t hlml_get_fw_os_version(hlml_device_t device, char *fw_os_version, unsigned int length);

/* CPLD version, for example "0x0000000d". */
hlml_return_t hlml_get_cpld_version(hlml_device_t device, char *cpld_version, unsigned int length);

/* ---- PCI Express ----------------------------------------------------------------------------------------- */

/* Where the card sits and how it is linked; the layout follows the ABI level. */
hlml_return_t hlml_device_get_pci_info(hlml_device_t device, hlml_pci_info_t *pci);

/* KB/s in one direction; 0 for now: copies are counted, not timed. */
hlml_return_t hlml_device_get_pcie_throughput(hlml_device_t device, hlml_pcie_util_counter_t counter, unsigned int
        *value);

/* Replays since reset; 0 on a healthy link. */
hlml_return_t hlml_device_get_pcie_replay_counter(hlml_device_t device, unsigned int *value);

/* Present generation, 1 to 5. */
hlml_return_t hlml_device_get_curr_pcie_link_generation(hlml_device_t device, unsigned int *curr_link_gen);

/* Present number of lanes. */
hlml_return_t hlml_device_get_curr_pcie_link_width(hlml_device_t device, unsigned int *curr_link_width);

/* ---- Ports ----------------------------------------------------------------------------------------------- */

/* MAC addresses from start_mac_id (counts from 1) on, at most mac_info_size of them.
 * INVALID_ARGUMENT: start_mac_id is 0 or beyond the last; nothing was written then. */
hlml_return_t hlml_device_get_mac_info(hlml_device_t device, hlml_mac_info_t *mac_info, unsigned int mac_info_size,
        unsigned int start_mac_id, unsigned int *actual_mac_count);

/* Masks of the ports that are connected and of those that leave the box. Word [1] is written only
 * when it is not zero, so that single words may be passed. */
hlml_return_t hlml_get_mac_addr_info(hlml_device_t device, uint64_t *mask, uint64_t *ext_mask);

/* Whether the link of a port is up. INVALID_ARGUMENT: no such port. */
hlml_return_t hlml_nic_get_link(hlml_device_t device, uint32_t port, bool *up);

/* Counters of a port: names in slots of 32 bytes, values, and how many were written. */
hlml_return_t hlml_nic_get_statistics(hlml_device_t device, hlml_nic_stats_info_t *stats_info);

/* ---- Clocks, load and power ------------------------------------------------------------------------------ */

/* Present clock, MHz. NOT_SUPPORTED for all but HLML_CLOCK_SOC. */
hlml_return_t hlml_device_get_clock_info(hlml_device_t device, hlml_clock_type_t type, unsigned int *clock);

/* Maximum clock, MHz. NOT_SUPPORTED for all but HLML_CLOCK_SOC. */
hlml_return_t hlml_device_get_max_clock_info(hlml_device_t device, hlml_clock_type_t type, unsigned int *clock);

/* Limit of the clock, MHz: HLML_CLOCK_SOC and HLML_CLOCK_TPC. Since 1.18. */
hlml_return_t hlml_device_get_clock_limit_info(hlml_device_t device, hlml_clock_type_t type, unsigned int *clock);

/* Utilisation of the past second, percent: the driver's formula on the 54 V rail; memory from level 1.19 on. */
hlml_return_t hlml_device_get_utilization_rates(hlml_device_t device, hlml_utilization_t *utilization);

/* Utilisation of the past second, percent, of the one process that a card can have. Since 1.19. */
hlml_return_t hlml_device_get_process_utilization(hlml_device_t device, hlml_process_utilization_sample_t
        *utilization);

/* HLML_PSTATE_0; NOT_SUPPORTED in releases before 1.21. */
hlml_return_t hlml_device_get_performance_state(hlml_device_t device, hlml_p_states_t *p_state);

/* The states the card can have, the rest HLML_PSTATE_UNKNOWN. size is HLML_PSTATE_NUM_SUPPORTED. Since 1.20. */
hlml_return_t hlml_device_get_supported_performance_states(hlml_device_t device, hlml_p_states_t *pstates, unsigned
        int size);

/* NOT_SUPPORTED on HL-225. */
hlml_return_t hlml_device_get_persistence_mode(hlml_device_t device, hlml_enable_state_t *mode);

/* Power of the 54 V rail, mW. */
hlml_return_t hlml_device_get_power_usage(hlml_device_t device, unsigned int *power);

/* Whether the card manages its power; always enabled. Since 1.18. */
hlml_return_t hlml_device_get_power_management_mode(hlml_device_t device, hlml_enable_state_t *state);

/* Present limit of the 54 V rail, mW. Since 1.18. */
hlml_return_t hlml_device_get_power_management_limit(hlml_device_t device, unsigned int *limit);

/* Set the limit, mW. INVALID_ARGUMENT: out of the constraints; NOT_SUPPORTED: the caller is neither owner of the
 * box nor root (HLML has no code for permission). Since 1.19. */
hlml_return_t hlml_device_set_power_management_limit(hlml_device_t device, unsigned int limit);

/* Limit after reset, mW. */
hlml_return_t hlml_device_get_power_management_default_limit(hlml_device_t device, unsigned int *default_limit);

/* Lowest and highest limit that can be set, mW. Since 1.21. */
hlml_return_t hlml_device_get_power_management_limit_constraints(hlml_device_t device, unsigned int *min_limit,
        unsigned int *max_limit);

/* Bits HLML_CLOCKS_THROTTLE_REASON_*; 0: the clock is not held down. */
hlml_return_t hlml_device_get_current_clocks_throttle_reasons(hlml_device_t device, unsigned long long
        *clocks_throttle_reasons);

/* Time held down since the driver was loaded, ns, and when the latest time began, us of box time. */
hlml_return_t hlml_device_get_violation_status(hlml_device_t device, hlml_perf_policy_type_t perf_policy_type,
        hlml_violation_time_t *viol_time);

/* Energy since the driver was loaded, mJ; never falls. */
hlml_return_t hlml_device_get_total_energy_consumption(hlml_device_t device, unsigned long long *energy);

/* ---- Temperature ----------------------------------------------------------------------------------------- */

/* Hottest sensor of a kind, whole degrees Celsius. NOT_SUPPORTED: the card has no such kind. */
hlml_return_t hlml_device_get_temperature(hlml_device_t device, hlml_temperature_sensors_t sensor_type, unsigned int
        *temp);

/* Threshold as the firmware reports it, degrees Celsius. */
hlml_return_t hlml_device_get_temperature_threshold(hlml_device_t device, hlml_temperature_thresholds_t
        threshold_type, unsigned int *temp);

/* ---- Memory and its errors ------------------------------------------------------------------------------- */

/* HBM in bytes; free + used == total always. */
hlml_return_t hlml_device_get_memory_info(hlml_device_t device, hlml_memory_t *memory);

/* ECC is always enabled. */
hlml_return_t hlml_device_get_ecc_mode(hlml_device_t device, hlml_enable_state_t *current, hlml_enable_state_t
        *pending);

/* ECC errors of SRAM and HBM: volatile since reset, aggregate since driver load. */
hlml_return_t hlml_device_get_total_ecc_errors(hlml_device_t device, hlml_memory_error_type_t error_type,
        hlml_ecc_counter_type_t counter_type, unsigned long long *ecc_counts);

/* ECC errors of one location. */
hlml_return_t hlml_device_get_memory_error_counter(hlml_device_t device, hlml_memory_error_type_t error_type,
        hlml_ecc_counter_type_t counter_type, hlml_memory_location_type_t location, unsigned long long *ecc_counts);

/* Replaced HBM rows of one cause. addresses NULL: only the count. Else at most the incoming *row_count are
 * written; *row_count returns how many there are. */
hlml_return_t hlml_device_get_replaced_rows(hlml_device_t device, hlml_row_replacement_cause_t cause, unsigned int
        *row_count, hlml_row_address_t *addresses);

/* Whether a row waits for a reset to be replaced. */
hlml_return_t hlml_device_get_replaced_rows_pending_status(hlml_device_t device, hlml_enable_state_t *is_pending);

/* ---- Events ---------------------------------------------------------------------------------------------- */

/* A set from a pool of 64. MEMORY: all are in use. */
hlml_return_t hlml_event_set_create(hlml_event_set_t *set);

/* Give the set back; who waits for it gets INVALID_ARGUMENT within a second. */
hlml_return_t hlml_event_set_free(hlml_event_set_t set);

/* Record events of these types (HLML_EVENT_*) of a card from now on; several cards may share a set. Goes on after a
 * shutdown; if the next init attaches another box, from that init on. */
hlml_return_t hlml_device_register_events(hlml_device_t device, unsigned long long event_types, hlml_event_set_t set);

/* The oldest recorded event, waiting up to timeoutms. TIMEOUT: none came, and *data is zero. */
hlml_return_t hlml_event_set_wait(hlml_event_set_t set, hlml_event_data_t *data, unsigned int timeoutms);

/* ---- Processors near the card ---------------------------------------------------------------------------- */

/* Bit mask of the processors near the card; cpu_set_size words. */
hlml_return_t hlml_device_get_cpu_affinity(hlml_device_t device, unsigned int cpu_set_size, unsigned long *cpu_set);

/* The same by NUMA node or socket. */
hlml_return_t hlml_device_get_cpu_affinity_within_scope(hlml_device_t device, unsigned int cpu_set_size, unsigned long
        *cpu_set, hlml_affinity_scope_t scope);

/* Bit mask of the NUMA nodes near the card; node_set_size words. */
hlml_return_t hlml_device_get_memory_affinity(hlml_device_t device, unsigned int node_set_size, unsigned long
        *node_set, hlml_affinity_scope_t scope);

/* Bind the calling thread to the processors near the card that this machine has; none: nothing changes. */
hlml_return_t hlml_device_set_cpu_affinity(hlml_device_t device);

/* Let the calling thread run on all processors. */
hlml_return_t hlml_device_clear_cpu_affinity(hlml_device_t device);

/* ---- Fault injection ------------------------------------------------------------------------------------- */

/* Inject an error; only in the oldest header. */
hlml_return_t hlml_device_err_inject(hlml_device_t device, hlml_err_inject_t err_type);

#ifdef __cplusplus
}
#endif

#endif
