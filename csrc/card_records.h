/* What the sections of a card file hold: engines, sensors, physics, trajectory, counters, events. card_layout.h puts them
 * into files and says by which rules both headers are written.
 */

#ifndef GAUDI_CARD_RECORDS_H
#define GAUDI_CARD_RECORDS_H

#include <stdint.h>

#define GAUDI_CARD_MAX 64
#define GAUDI_ENGINE_COUNT 6
#define GAUDI_SENSOR_MAX 32
#define GAUDI_PORT_MAX 24
#define GAUDI_PORT_COUNTER_COUNT 41
#define GAUDI_SEGMENT_MAX 40
#define GAUDI_SEGMENT_PLANNED 36
#define GAUDI_SEGMENT_KEPT 4
#define GAUDI_ROW_MAX 32
#define GAUDI_PROCESS_MAX 4
#define GAUDI_EVENT_MAX 128
#define GAUDI_FAULT_MAX 32
#define GAUDI_MAC_MAX 48
#define GAUDI_CPU_WORDS 16

/* Engine classes, the index of every per-engine array. */
enum gaudi_engine {
    GAUDI_ENGINE_MME = 0,
    GAUDI_ENGINE_TPC = 1,
    GAUDI_ENGINE_DMA = 2,
    GAUDI_ENGINE_HBM = 3,
    GAUDI_ENGINE_NIC = 4,
    GAUDI_ENGINE_PCIE = 5
};

/* Operational status, with the values of the driver's enum hl_device_status. */
enum gaudi_status {
    GAUDI_STATUS_OPERATIONAL = 0,
    GAUDI_STATUS_IN_RESET = 1,
    GAUDI_STATUS_MALFUNCTION = 2,
    GAUDI_STATUS_NEEDS_RESET = 3,
    GAUDI_STATUS_IN_CREATION = 4,
    GAUDI_STATUS_IN_RESET_AFTER_RELEASE = 5
};

/* Which part of the card a temperature sensor follows. */
enum gaudi_sensor_group {
    GAUDI_SENSOR_ON_CHIP = 0,
    GAUDI_SENSOR_HBM = 1,
    GAUDI_SENSOR_ON_CHIP_TD = 2,
    GAUDI_SENSOR_ON_BOARD = 3,
    GAUDI_SENSOR_CPLD = 4,
    GAUDI_SENSOR_VRM = 5
};

/* What a card may lack; bits of gaudi_identity.lacks. The HLML functions behind it return NOT_SUPPORTED. */
enum gaudi_feature {
    GAUDI_FEATURE_PERSISTENCE_MODE = 0,
    GAUDI_FEATURE_PERFORMANCE_STATE = 1,
    GAUDI_FEATURE_PCIE_LINK = 2
};

/* Flags of a trajectory segment. The first two are HLML's throttle reasons. */
enum gaudi_segment_flag { GAUDI_THROTTLE_POWER = 1, GAUDI_THROTTLE_THERMAL = 2, GAUDI_THERMAL_SHUTDOWN = 4 };

/* What a gaudi_event is about; bits of its `kind`. The first six are HLML_EVENT_*. DERIVED marks the copy of a moment of
 * the published future that a writer folded away (events.h). */
enum gaudi_event_kind {
    GAUDI_EVENT_ECC_ERROR = 1,
    GAUDI_EVENT_CRITICAL_ERROR = 2,
    GAUDI_EVENT_CLOCK_RATE = 4,
    GAUDI_EVENT_DRAM_ERROR = 8,
    GAUDI_EVENT_ECC_CORRECTED = 16,
    GAUDI_EVENT_DRAM_CORRECTED = 32,
    GAUDI_EVENT_RESET = 256,
    GAUDI_EVENT_DERIVED = 32768
};

/* One temperature sensor: temp = ambient + offset_c + gain * (group - ambient). */
typedef struct gaudi_sensor {
    char name[24];
    uint32_t group;
    uint32_t reserved;
    double critical_c;
    double offset_c;
    double gain;
} gaudi_sensor;

/* One NIC port: where its cable goes. peer_card is a module id; -1 external, -2 not connected. */
typedef struct gaudi_port {
    int32_t peer_card;
    int32_t peer_port;
} gaudi_port;

/* Written once when the file is made, read by everybody. Strings end with NUL inside their field. */
typedef struct gaudi_identity {
    char family[16];
    char name[16];
    char serial[32];
    char uuid[64];
    char model[32];
    char pcb_version[32];
    char pcb_assembly_version[32];
    char bus_id[24];
    char cpld[64];
    char fw_fit[192];
    char fw_spi[128];
    char fw_uboot[128];
    char fw_os[128];
    uint32_t minor;
    uint32_t module_id;
    uint32_t board_id;
    int32_t hl_revision;
    uint32_t pci_domain;
    uint32_t pci_bus;
    uint32_t pci_device;
    uint32_t pci_device_id;
    uint32_t pci_subsystem_id;
    uint32_t pci_revision;
    uint32_t pcie_generation_max;
    uint32_t pcie_width_max;
    int32_t numa_node;
    uint32_t mac_count;
    uint64_t mac_base;
    uint64_t cpu_mask[GAUDI_CPU_WORDS];
    uint32_t sensor_count;
    uint32_t port_count;
    uint64_t memory_total_bytes;
    uint64_t memory_reserved_bytes;
    uint64_t sram_bytes;
    uint32_t clock_soc_max_mhz;
    uint32_t clock_soc_limit_mhz;
    uint32_t clock_tpc_limit_mhz;
    uint32_t clock_hbm_mhz;
    uint32_t reported_threshold_c[4];
    uint32_t lacks;
    uint32_t reset_ms; /* how long a hard reset takes, box time */
    uint32_t reserved[14];
    gaudi_sensor sensor[GAUDI_SENSOR_MAX];
    gaudi_port port[GAUDI_PORT_MAX];
} gaudi_identity;

/* Coefficients of the physics (trajectory.h says what each does). Immutable, from the TOML specs. */
typedef struct gaudi_physics {
    double idle_w;
    double leakage_w_per_k;
    double leakage_reference_c;
    double engine_w[GAUDI_ENGINE_COUNT];
    uint32_t follows_clock[8];
    double rail12_idle_w;
    double rail12_share;
    double rail12_limit_w;
    double utilization_dc_w;
    double tau_power_s;
    double tau_die_s;
    double tau_hbm_s;
    double tau_board_s;
    double r_die_k_per_w;
    double r_hbm_k_per_w;
    double r_hbm_own_k_per_w;
    double r_board_k_per_w;
    double slowdown_c;
    double shutdown_c;
    double hysteresis_k;
    double hysteresis_share;
    double clock_step;
    double clock_grain;
    double clock_floor;
    uint64_t control_period_ns;
    uint64_t lease_ns;
    uint64_t limit_default_mw;
    uint64_t limit_min_mw;
    uint64_t limit_max_mw;
    double ambient_c;
    double airflow;
} gaudi_physics;

/* What drives the trajectory from the outside: the activity that somebody published and for how long,
 * and the conditions that a command or a fault set. */
typedef struct gaudi_drive {
    double activity[GAUDI_ENGINE_COUNT];
    uint64_t lease_end_ns;
    double limit_w;
    double ambient_c;
    double airflow;
    double clock_ceiling;
    double mme_intensity; /* power of the busy MME relative to that with the operands of the spec; 0 counts as 1 */
    double brake; /* share of the power limit that an asserted power brake leaves; 0: it is not asserted */
} gaudi_drive;

/* One piece of the published future, valid from start_ns until the next piece begins. With t seconds
 * since start, d = exp(-t * inv_tau_die) and o = exp(-t / own time constant):
 *   die = die_c + die_a * d               instant power = power_c + power_a * d
 *   x   = x_c + x_a * o + x_b * d         for x in filtered power, hbm, board
 *   energy = energy_j + power_c * t + power_a * (1 - d) / inv_tau_die */
typedef struct gaudi_segment {
    uint64_t start_ns;
    double clock_ratio;
    uint32_t flags;
    uint32_t reserved;
    double inv_tau_die;
    double die_c;
    double die_a;
    double power_c;
    double power_a;
    double filtered_c;
    double filtered_a;
    double filtered_b;
    double hbm_c;
    double hbm_a;
    double hbm_b;
    double board_c;
    double board_a;
    double board_b;
    double energy_j;
    uint64_t violation_power_ns;
    uint64_t violation_thermal_ns;
    uint64_t power_reference_ns;
    uint64_t thermal_reference_ns;
    double activity_share;
} gaudi_segment;

/* Everything that must fit together in one read. */
typedef struct gaudi_core {
    uint64_t published_ns;
    uint64_t memory_used_bytes;
    uint64_t holder_token;
    uint64_t holder_lease_end_ns;
    uint64_t status_until_ns;
    uint32_t status;
    uint32_t status_after;
    uint32_t is_lost;
    uint32_t reset_count;
    uint64_t limit_mw;
    uint64_t pcie_rx_bytes;
    uint64_t pcie_tx_bytes;
    uint32_t pcie_rx_kbps;
    uint32_t pcie_tx_kbps;
    uint32_t pcie_replay;
    uint32_t pcie_generation;
    uint32_t pcie_width;
    uint32_t segment_count;
    double dilation;
    uint64_t launches;
    uint64_t pcie_from_ns; /* pcie_*_kbps were carried from here until pcie_*_until_ns (counters.c) */
    uint64_t pcie_rx_until_ns;
    uint64_t pcie_tx_until_ns;
    gaudi_drive drive;
    gaudi_segment segment[GAUDI_SEGMENT_MAX];
} gaudi_core;

/* A row of HBM that was or will be replaced; the fields of hlml_row_address_t. */
typedef struct gaudi_row {
    uint8_t hbm;
    uint8_t pseudo_channel;
    uint8_t stack_id;
    uint8_t bank;
    uint16_t row;
    uint8_t cause;
    uint8_t is_pending;
} gaudi_row;

/* ECC counters: [0] since reset or driver load, [1] of the card's life (they survive down and up, nvram.c). */
typedef struct gaudi_rows {
    uint64_t hbm_corrected[2];
    uint64_t hbm_uncorrected[2];
    uint64_t sram_corrected[2];
    uint64_t sram_uncorrected[2];
    uint64_t critical[2];
    uint32_t row_count;
    uint32_t reserved;
    gaudi_row row[GAUDI_ROW_MAX];
} gaudi_rows;

/* A process that holds the card. For display only: the lock on the file decides. */
typedef struct gaudi_process {
    uint32_t pid;
    uint32_t uid;
    uint64_t start_time;
    uint64_t memory_bytes;
    char comm[16];
} gaudi_process;

typedef struct gaudi_processes {
    uint32_t count;
    uint32_t reserved;
    gaudi_process process[GAUDI_PROCESS_MAX];
} gaudi_processes;

/* Counters of a port, in the order of hlml_nic_get_statistics; their names are in ports.c. PCS, FEC, perf, RX MAC, TX MAC,
 * transport. The SER pairs are N x 10^-E, bandwidth and latency those of the last message. */
enum gaudi_port_counter {
    GAUDI_PORT_PCS_LOCAL_FAULTS = 0,
    GAUDI_PORT_PCS_REMOTE_FAULTS = 1,
    GAUDI_PORT_PCS_REMOTE_FAULT_RECONFIG = 2,
    GAUDI_PORT_PCS_LINK_RESTORES = 3,
    GAUDI_PORT_PCS_LINK_TOGGLES = 4,
    GAUDI_PORT_CW_CORRECTED = 5,
    GAUDI_PORT_CW_UNCORRECTED = 6,
    GAUDI_PORT_SYMBOL_ERR_LANE_0 = 7,
    GAUDI_PORT_SYMBOL_ERR_LANE_1 = 8,
    GAUDI_PORT_PRE_FEC_SER_INT = 9,
    GAUDI_PORT_PRE_FEC_SER_EXP = 10,
    GAUDI_PORT_POST_FEC_SER_INT = 11,
    GAUDI_PORT_POST_FEC_SER_EXP = 12,
    GAUDI_PORT_BANDWIDTH_GBPS_INT = 13,
    GAUDI_PORT_BANDWIDTH_GBPS_FRAC = 14,
    GAUDI_PORT_LATENCY_US_INT = 15,
    GAUDI_PORT_LATENCY_US_FRAC = 16,
    GAUDI_PORT_RX_ETHER_OCTETS = 17,
    GAUDI_PORT_RX_OCTETS = 18,
    GAUDI_PORT_RX_FCS_ERRORS = 19,
    GAUDI_PORT_RX_FRAMES_OK = 20,
    GAUDI_PORT_RX_ERRORS = 21,
    GAUDI_PORT_RX_UNICAST = 22,
    GAUDI_PORT_RX_DROPS = 23,
    GAUDI_PORT_RX_ETHER_PACKETS = 24,
    GAUDI_PORT_RX_PACKETS_64 = 25,
    GAUDI_PORT_RX_PACKETS_127 = 26,
    GAUDI_PORT_RX_PACKETS_255 = 27,
    GAUDI_PORT_RX_PACKETS_511 = 28,
    GAUDI_PORT_RX_PACKETS_1023 = 29,
    GAUDI_PORT_RX_PACKETS_1518 = 30,
    GAUDI_PORT_RX_PACKETS_MAX = 31,
    GAUDI_PORT_TX_OCTETS = 32,
    GAUDI_PORT_TX_FRAMES_OK = 33,
    GAUDI_PORT_TX_ERRORS = 34,
    GAUDI_PORT_TX_UNICAST = 35,
    GAUDI_PORT_REQ_OUT_OF_RANGE = 36,
    GAUDI_PORT_RES_DUPLICATE = 37,
    GAUDI_PORT_RES_OUT_OF_SEQUENCE = 38,
    GAUDI_PORT_RETRANSMISSIONS = 39,
    GAUDI_PORT_TIMEOUT_RETRANSMISSIONS = 40
};

/* One port. What follows the counters has no name outside: the basis of the SER, and since when the link flaps. */
typedef struct gaudi_port_counters {
    uint64_t value[GAUDI_PORT_COUNTER_COUNT];
    uint64_t symbols;             /* that the FEC has seen */
    uint64_t symbol_errors;       /* before the FEC */
    uint64_t symbols_uncorrected; /* after it */
    uint64_t has_gauges;          /* of an increment: bandwidth and latency are new values */
    uint64_t flap_since_ns;       /* 0: the link does not flap */
    uint64_t reserved[2];
} gaudi_port_counters;

typedef struct gaudi_ports {
    gaudi_port_counters port[GAUDI_PORT_MAX];
} gaudi_ports;

/* An injected fault. `kind` is the number in the catalogue (device/specs/faults.toml), `address` what it says there.
 * flags: bit 0 the first hit heals it; bits 8 to 11 the quantity of its condition (enum gaudi_fault_quantity); bit 12 the
 * condition is "below" and not "above". injected_ns is the box time from which it acts. parameter[0] is the threshold of
 * the condition, parameter[1] N of "one in N" (0: always), both doubles bit for bit. */
enum gaudi_fault_quantity {
    GAUDI_FAULT_ALWAYS = 0,
    GAUDI_FAULT_DIE_C = 1,
    GAUDI_FAULT_HBM_C = 2,
    GAUDI_FAULT_POWER_W = 3,
    GAUDI_FAULT_CLOCK_MHZ = 4,
    GAUDI_FAULT_UTILIZATION = 5
};
typedef struct gaudi_fault {
    uint32_t kind;
    uint32_t flags;
    double degree;
    uint64_t seed;
    uint64_t address;
    uint64_t injected_ns;
    uint64_t hits;
    uint64_t parameter[2];
} gaudi_fault;

typedef struct gaudi_faults {
    uint32_t count;
    uint32_t reserved;
    gaudi_fault fault[GAUDI_FAULT_MAX];
} gaudi_faults;

/* One posted event. `sequence` is written last; a reader that finds another number lost it. */
typedef struct gaudi_event {
    uint64_t sequence;
    uint64_t box_ns;
    uint64_t kind;
    uint64_t argument;
} gaudi_event;

typedef struct gaudi_events {
    uint64_t head;
    uint64_t reserved[7];
    gaudi_event event[GAUDI_EVENT_MAX];
} gaudi_events;

#endif
