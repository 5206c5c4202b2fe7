/* The state of an emulated box: attach, read, publish. The only owner of the layout.
 *
 * Who uses it: libhlml.so (reader), the extension of `hlml` (reader of what HLML does not carry) and the
 * extension of `device` (the writer). It is linked statically and never exported.
 *
 * Errors: every function that can fail returns 0 or a negative errno; where a person must act, the
 * gaudi_error argument receives one clear line. Outputs are untouched on failure.
 *   -ENOENT no such box or card        -EACCES no permission          -EBUSY the lock is held
 *   -ESTALE the box was replaced       -EBADMSG foreign, truncated or corrupt file
 *   -EPROTO layout of another version  -ENODEV driver not loaded      -ETIMEDOUT a writer hangs
 *
 * Threads: gaudi_box and gaudi_card may be used by any number of threads at once; open and close of one
 * object must not overlap with its use. Readers take no lock, never block a writer and make no system
 * call but the clock. Writers hold an OFD lock on the card file plus a mutex of this process. */
#ifndef GAUDI_CARD_H
#define GAUDI_CARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "card_layout.h"

#define GAUDI_MAGIC UINT64_C(0x4452414349445541) /* "AUDICARD" in the file */
#define GAUDI_FAULT_BREAKDOWN 100 /* gaudi_fault.kind of a breakdown, plus its number; GAUDI_FAULT_HANG */
#define GAUDI_NAME_LENGTH 64
#define GAUDI_PATH_LENGTH 512

typedef struct gaudi_error {
    char text[768];
} gaudi_error;

typedef struct gaudi_box gaudi_box;   /* one attached box: its control file and its cards */
typedef struct gaudi_card gaudi_card; /* one attached card of a box */

/* ---- place.c: which box is meant ------------------------------------------------------------- */

enum gaudi_place_reason {
    GAUDI_PLACE_ENVIRONMENT_PATH, /* $GAUDI_BOX is an absolute path */
    GAUDI_PLACE_ENVIRONMENT_NAME, /* $GAUDI_BOX is a name */
    GAUDI_PLACE_SYSTEM,           /* /run/gaudi/default exists */
    GAUDI_PLACE_SUDO_USER,        /* root through sudo without a box: the box of the calling user */
    GAUDI_PLACE_USER              /* /dev/shm/gaudi-<euid>/default */
};

typedef struct gaudi_place {
    char path[GAUDI_PATH_LENGTH];
    char name[GAUDI_NAME_LENGTH + 1];
    enum gaudi_place_reason reason;
    bool is_implicit;     /* only the unnamed default box may be made by itself */
    bool exists;
    char other[GAUDI_PATH_LENGTH]; /* a second candidate that this one hides, or "" */
} gaudi_place;

/* Find the place of the box that the environment means. -EINVAL: $GAUDI_BOX is malformed. */
int gaudi_place_find(gaudi_place *place, gaudi_error *error);

/* ---- create.c, retire.c, nvram.c: make and retire boxes ---------------------------------------------- */

/* Make the files of a box from its image aside and publish them by one rename. An existing box is
 * replaced and its files are marked retired. mode_group: group that may write, or -1. */
int gaudi_box_create(const char *path, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                     size_t card_count, long group, gaudi_error *error);

/* Mark all files of a box retired (retired: 1 down, 2 driver unloaded) and remove them. What its cards never forget
 * (aggregate counters, rows, reset counts, faults of the next boot) stays in <path>.nvram for the next box there. */
int gaudi_box_retire(const char *path, uint32_t retired, gaudi_error *error);

/* Forget what the cards of a box at this path remember. 0 also if that is nothing. */
int gaudi_box_purge(const char *path, gaudi_error *error);

/* Cards that an injected fault kept out of the box at this path come back at its next boot. Returns their number. */
int gaudi_box_restore_absent(const char *path, gaudi_error *error);

/* ---- box.c: attach ------------------------------------------------------------------------------- */

/* Attach the box that the environment means; make the embedded default first if it is the unnamed one
 * and missing. Where no place is writable the default box is private to this process. */
int gaudi_box_open(gaudi_box **box, bool for_writing, gaudi_error *error);

/* Attach the box at a path; nothing is made. */
int gaudi_box_open_path(gaudi_box **box, const char *path, bool for_writing, gaudi_error *error);

/* The same, also if its driver is not loaded: for whoever loads it. */
int gaudi_box_open_unloaded(gaudi_box **box, const char *path, gaudi_error *error);

void gaudi_box_close(gaudi_box *box);

const gaudi_box_identity *gaudi_box_identity_of(const gaudi_box *box);
const char *gaudi_box_path(const gaudi_box *box); /* "" for a private box */
size_t gaudi_box_card_count(const gaudi_box *box);

/* The card with accel number `index`, or NULL. It lives as long as the box. */
gaudi_card *gaudi_box_card(gaudi_box *box, size_t index);

/* False: the box owns the real paths and this card has no node below /dev here, as in a container that was given others.
 * Libraries and tools leave it out. */
bool gaudi_card_is_visible(const gaudi_card *card);

const gaudi_identity *gaudi_card_identity(const gaudi_card *card);
const gaudi_physics *gaudi_card_physics(const gaudi_card *card);

/* Are the attached files still those at the path of the box? Asks the kernel; a private box always is. */
bool gaudi_box_is_current(const gaudi_box *box);

/* 0, -ENODEV (driver unloaded) or -ESTALE (this box was taken down or replaced). Two atomic loads. */
int gaudi_box_alive(const gaudi_box *box);

/* ---- boxclock.c, clock_control.c ---------------------------------------------------------------- */

uint64_t gaudi_box_now(const gaudi_box *box);    /* box time, ns */
double gaudi_box_clock_rate(const gaudi_box *box);
/* Change rate and/or step forward; box time stays continuous. rate < 0 keeps it. */
int gaudi_box_clock_set(gaudi_box *box, double rate, uint64_t step_ns, gaudi_error *error);

/* ---- snapshot.c: reading ------------------------------------------------------------------------ */

/* What a card shows at one moment; evaluated from the published future, see trajectory.h. */
typedef struct gaudi_reading {
    uint64_t box_ns;
    double clock_ratio;
    double clock_soc_mhz;
    double power_54v_w;   /* filtered with tau_power: what sensors and the driver see */
    double power_now_w;   /* instantaneous, the integrand of energy */
    double power_12v_w;
    double energy_j;
    double die_c;
    double hbm_c;
    double board_c;
    double utilization_percent; /* driver's formula on power_54v_w; 0..100 */
    uint64_t limit_mw;
    uint32_t flags; /* enum gaudi_segment_flag */
    uint64_t violation_power_ns;
    uint64_t violation_thermal_ns;
    uint64_t power_reference_ns;
    uint64_t thermal_reference_ns;
    double activity[GAUDI_ENGINE_COUNT]; /* zero after the lease */
    uint64_t memory_used_bytes;
    uint32_t status; /* enum gaudi_status, as of now */
    uint32_t is_lost;
    uint32_t reset_count;
    uint32_t pcie_rx_kbps;
    uint32_t pcie_tx_kbps;
    uint32_t pcie_replay;
    uint32_t pcie_generation;
    uint32_t pcie_width;
    double dilation;
    uint64_t launches;
} gaudi_reading;

/* The box time at which a card is evaluated now: that of the box, but never beyond the beginning of a future that is
 * about to be committed. */
uint64_t gaudi_card_moment(const gaudi_card *card);

/* All values of one moment. -ESTALE / -ENODEV as gaudi_box_alive; -EBADMSG if the section is impossible. */
int gaudi_card_read(const gaudi_card *card, gaudi_reading *reading);

int gaudi_card_read_status(const gaudi_card *card, uint32_t *status, uint32_t *is_lost);

/* ---- glance.c: cheap forms for getters; only the words that are needed are copied. -EBADMSG, -EAGAIN. ---- */

/* 0, -ESTALE or -ENODEV as gaudi_box_alive, or -EIO: the card fell off the bus. The others do not look for that. */
int gaudi_card_present(const gaudi_card *card);
/* Filtered power of the 54 V rail, W; with the limit of the same moment: what utilisation is made of. */
int gaudi_card_read_power(const gaudi_card *card, double *power_w);
int gaudi_card_read_load(const gaudi_card *card, double *power_w, uint64_t *limit_mw);
/* Clock as a share of the maximum, and enum gaudi_segment_flag. */
int gaudi_card_read_clock(const gaudi_card *card, double *clock_ratio, uint32_t *flags);
int gaudi_card_read_energy(const gaudi_card *card, double *energy_j);
int gaudi_card_read_limit(const gaudi_card *card, uint64_t *limit_mw);
int gaudi_card_read_memory(const gaudi_card *card, uint64_t *used_bytes);
/* The link as it is trained, and replays so far; the rates over the last 10 ms of box time. */
typedef struct gaudi_pcie_link {
    uint32_t generation;
    uint32_t width;
    uint32_t replay;
} gaudi_pcie_link;
int gaudi_card_read_pcie_link(const gaudi_card *card, gaudi_pcie_link *link);
int gaudi_card_read_pcie_rates(const gaudi_card *card, uint32_t *rx_kbps, uint32_t *tx_kbps);
/* How long a throttle reason held in all, and when it began last. */
int gaudi_card_read_violation(const gaudi_card *card, enum gaudi_segment_flag reason, uint64_t *violation_ns,
                              uint64_t *reference_ns);
/* The hottest sensor of a group, degrees Celsius. -ENOENT: the card has none. */
int gaudi_card_read_temperature(const gaudi_card *card, enum gaudi_sensor_group group, double *hottest_c);

/* ---- snapshot.c: the other sections ------------------------------------------------------------------- */

int gaudi_card_read_rows(const gaudi_card *card, gaudi_rows *rows);
int gaudi_card_read_faults(const gaudi_card *card, gaudi_faults *faults);
/* Processes that hold the card now; count 0 if none. Asks the kernel whether the holder's lock is held. */
int gaudi_card_read_processes(const gaudi_card *card, gaudi_processes *processes);

/* ---- ports.c: links and what ports have counted ---------------------------------------------------------- */

extern const char *const gaudi_port_counter_names[GAUDI_PORT_COUNTER_COUNT];

uint64_t gaudi_card_links_up(const gaudi_card *card);       /* a bit per port, now */
uint64_t gaudi_card_links_flapping(const gaudi_card *card); /* they go down and come back by themselves */
int gaudi_card_read_ports(const gaudi_card *card, gaudi_ports *ports);

/* Add increments; of bandwidth and latency the new values, where has_gauges is set. The SER follows by itself. */
int gaudi_card_count_ports(gaudi_card *card, const gaudi_ports *delta, gaudi_error *error);

/* Both ends of the cable. An external port that is up is one with a loopback plug. -EINVAL: the board leaves it open. */
int gaudi_box_set_link(gaudi_box *box, size_t card, unsigned int port, bool is_up, gaudi_error *error);
int gaudi_box_set_flapping(gaudi_box *box, size_t card, unsigned int port, bool is_flapping, gaudi_error *error);

/* Temperature of sensor `i` for a reading, degrees Celsius. */
double gaudi_sensor_temperature(const gaudi_card *card, size_t i, const gaudi_reading *reading);

/* ---- hold.c, publish.c, conditions.c, reset.c, counters.c, faults.c, events.c: writing. The box must be open for writing. ---- */

/* Hold the card for this process (exclusive until released or death). -EBUSY: error names the holder,
 * whose pid and comm are in *holder if it is not NULL. */
int gaudi_card_acquire(gaudi_card *card, gaudi_process *holder, gaudi_error *error);
void gaudi_card_release(gaudi_card *card);

/* Publish the activity (0..1 per engine class) for one lease from now on. Renewed by
 * gaudi_lease_start's thread while work is in flight. */
int gaudi_card_publish_activity(gaudi_card *card, const double activity[GAUDI_ENGINE_COUNT],
                                double dilation, gaudi_error *error);

/* The same for an MME whose operands toggle less than those of the spec: its power is multiplied by mme_intensity, above 0
 * and at most 1 (other values count as 1). */
int gaudi_card_publish_load(gaudi_card *card, const double activity[GAUDI_ENGINE_COUNT], double mme_intensity,
                            double dilation, gaudi_error *error);

int gaudi_card_publish_memory(gaudi_card *card, uint64_t used_bytes, gaudi_error *error);

/* Count bytes that the card received and sent over PCI Express. gaudi_reading shows the rate over the last 10 ms of box
 * time; bytes beyond what the trained link carries in that time are taken to travel after it, at its rate. */
int gaudi_card_count_pcie(gaudi_card *card, uint64_t rx_bytes, uint64_t tx_bytes, gaudi_error *error);

/* Count launches for display. About 3 us; who launches at a high rate counts many at once. */
int gaudi_card_count_launches(gaudi_card *card, uint64_t count, gaudi_error *error);
int gaudi_card_set_limit(gaudi_card *card, uint64_t limit_mw, gaudi_error *error); /* owner or root */

/* ---- reset.c ---------------------------------------------------------------------------------------------- */

#define GAUDI_RESET_USUAL 0xffffffffffffffff /* as long as the card takes: gaudi_identity.reset_ms */

/* Hard reset. Root may; else the user of whoever holds the card, and if nobody does the owner of the box: -EPERM says who
 * holds it. The card is in reset for `duration_ns` of box time and operational then. Whoever holds it has lost work and
 * memory. Volatile counters begin again, pending rows are replaced, breakdowns end, GAUDI_EVENT_RESET is posted.
 * -EIO: a card that fell off the bus is not reached. */
int gaudi_card_reset(gaudi_card *card, uint64_t duration_ns, gaudi_error *error);

/* Unload or load the driver of an open box: without it hlml_init and all readers get DRIVER_NOT_LOADED. Owner or root.
 * -EBUSY: a card is held, as rmmod says; the error names the holder. Loading begins volatile counters anew. */
int gaudi_box_driver(gaudi_box *box, bool is_loaded, gaudi_error *error);

/* ---- kernel_log.c: what the driver would have told the kernel ----------------------------------------------- */

typedef struct gaudi_log_line {
    uint64_t box_ns;
    int32_t card;   /* -1: the driver as a whole */
    uint32_t level; /* as the kernel's: 3 error, 4 warning, 6 information */
    char text[176];
} gaudi_log_line;

/* The box time at which the box was made, the zero of its log. */
uint64_t gaudi_box_boot_ns(const gaudi_box *box);

/* Append a line to the log of the box, dated now. Nothing happens where it cannot be written. */
void gaudi_card_log(gaudi_card *card, unsigned int level, const char *text);

/* Lines of what has come about by itself since the last publish (end of a reset, overheating), which nobody has written
 * yet. Returns their number. */
size_t gaudi_card_log_pending(const gaudi_card *card, gaudi_log_line *lines, size_t max);

/* Conditions that faults set; NaN keeps the present value. */
typedef struct gaudi_conditions {
    double ambient_c;
    double airflow;
    double clock_ceiling; /* 0..1 of the maximum clock */
    double brake;         /* share of the power limit that a power brake leaves; 0 and 1: none */
} gaudi_conditions;
int gaudi_card_set_conditions(gaudi_card *card, const gaudi_conditions *conditions, gaudi_error *error);
/* The present ones. */
int gaudi_card_read_conditions(const gaudi_card *card, gaudi_conditions *conditions);
int gaudi_card_set_lost(gaudi_card *card, bool is_lost, gaudi_error *error);
/* What the link to the host was trained to; 0 stands for the card's own. */
int gaudi_card_set_pcie(gaudi_card *card, unsigned int generation, unsigned int width, gaudi_error *error);
int gaudi_card_count_ecc(gaudi_card *card, const gaudi_rows *delta, gaudi_error *error);
/* `injected_ns` is the box time until it begins to act, 0: at once. */
int gaudi_card_add_fault(gaudi_card *card, const gaudi_fault *fault, gaudi_error *error);
int gaudi_card_remove_faults(gaudi_card *card, uint32_t kind, gaudi_error *error); /* 0: all */

/* One fault, as gaudi_card_read_faults gave it; its `hits` are not compared. -ENOENT: it is not there any more. */
int gaudi_card_remove_fault(gaudi_card *card, const gaudi_fault *fault, gaudi_error *error);
/* Note that it struck `hits` more times. */
int gaudi_card_hit_fault(gaudi_card *card, const gaudi_fault *fault, uint64_t hits, gaudi_error *error);

/* A breakdown of the card as a whole; the values are those of hlml_err_inject_t.
 *   endless command  the TPCs run and nothing else does; after 30 s of box time the driver gives up: needs reset
 *   non-fatal event  one corrected SRAM error is counted, ECC_CORRECTED posted
 *   fatal event      one uncorrected SRAM error; work ends, ECC_ERROR and CRITICAL_ERROR are posted, needs reset
 *   heartbeat lost   5 s later the driver takes the card out of service: disabled
 *   thermal event    the die is suddenly 2 K above its slowdown temperature; the controller does what it does then
 * The first, third and fourth stay in the list of faults until a reset. Giving up and taking out of service are derived
 * CRITICAL_ERROR events. -EBUSY: the card is not operational. */
enum gaudi_breakdown {
    GAUDI_BREAKDOWN_ENDLESS_COMMAND = 0,
    GAUDI_BREAKDOWN_NON_FATAL_EVENT = 1,
    GAUDI_BREAKDOWN_FATAL_EVENT = 2,
    GAUDI_BREAKDOWN_HEARTBEAT = 3,
    GAUDI_BREAKDOWN_THERMAL_EVENT = 4
};
int gaudi_card_break(gaudi_card *card, enum gaudi_breakdown what, gaudi_error *error);
/* Take breakdowns away again: what the driver has not given up on yet goes on. A card that needs a reset still does. */
int gaudi_card_mend(gaudi_card *card, gaudi_error *error);

int gaudi_card_post_event(gaudi_card *card, uint64_t kind, uint64_t argument);

/* Renew the present activity of a held card from a thread of its own, without any interpreter lock,
 * until stopped. One thread serves all cards of this process. */
int gaudi_lease_start(gaudi_card *card, gaudi_error *error);
void gaudi_lease_stop(gaudi_card *card);

#endif
