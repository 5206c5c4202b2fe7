/* The layout of the shared state of an emulated box: one `box` file and one `accelN` file per card.
 *
 * This file and card_records.h are plain C declarations on purpose: the compiler reads them through card.h, and the image
 * builder (device/box.py) reads the very same text with cffi, less the directives. Fixed-width fields, explicit padding,
 * every struct a multiple of 8 bytes; sizes and offsets are asserted in soundness.c.
 * Units are part of the names. Little-endian 64-bit hosts only (asserted in soundness.c).
 *
 * Compatibility: GAUDI_LAYOUT_MAJOR changes when an old reader would misread a new file, and such a
 * reader refuses the file; GAUDI_LAYOUT_MINOR changes when only reserved fields gained a meaning.
 */

#ifndef GAUDI_CARD_LAYOUT_H
#define GAUDI_CARD_LAYOUT_H

#include "card_records.h"

#define GAUDI_LAYOUT_MAJOR 2
#define GAUDI_LAYOUT_MINOR 1

/* What a file of a box is; the second word of its header. */
enum gaudi_file_kind { GAUDI_FILE_BOX = 1, GAUDI_FILE_CARD = 2 };

/* First bytes of every file. `retired` is the one word that a replaced file still tells its readers:
 * 0 alive, 1 replaced or taken down, 2 driver unloaded. `writer_pid` is for messages only;
 * `writer_turn` moves with every writer, so that whoever waits knows whether one hangs. */
typedef struct gaudi_header {
    uint64_t magic;
    uint32_t kind;
    uint16_t major;
    uint16_t minor;
    uint64_t size_bytes;
    uint64_t generation;
    uint32_t index;
    uint32_t retired;
    uint32_t writer_pid;
    uint32_t writer_turn;
    uint32_t reserved[4];
} gaudi_header;

/* A section is two copies and a counter. The copy of now is slot[sequence & 1]; a writer fills the
 * other one and then adds one. So a reader never waits, and a writer that dies leaves the last copy. */
/* beginning_ns: where the future that is about to be committed begins, 0 if none is; see publish.c. */
typedef struct gaudi_core_section {
    uint64_t sequence;
    uint64_t beginning_ns;
    uint64_t reserved[6];
    gaudi_core slot[2];
} gaudi_core_section;

typedef struct gaudi_rows_section {
    uint64_t sequence;
    uint64_t reserved[7];
    gaudi_rows slot[2];
} gaudi_rows_section;

typedef struct gaudi_processes_section {
    uint64_t sequence;
    uint64_t reserved[7];
    gaudi_processes slot[2];
} gaudi_processes_section;

typedef struct gaudi_ports_section {
    uint64_t sequence;
    uint64_t reserved[7];
    gaudi_ports slot[2];
} gaudi_ports_section;

typedef struct gaudi_faults_section {
    uint64_t sequence;
    uint64_t reserved[7];
    gaudi_faults slot[2];
} gaudi_faults_section;

/* The file accelN. */
typedef struct gaudi_card_file {
    gaudi_header header;
    gaudi_identity identity;
    gaudi_physics physics;
    gaudi_core_section core;
    gaudi_rows_section rows;
    gaudi_processes_section processes;
    gaudi_ports_section ports;
    gaudi_faults_section faults;
    gaudi_events events;
} gaudi_card_file;

/* The clock of the box: box = box0 + rate * (CLOCK_MONOTONIC - mono0), and with rate_before instead of rate before mono0:
 * a change of the rate is announced ahead of the moment at which it begins. Rate 0 is frozen. */
typedef struct gaudi_clock {
    uint64_t box0_ns;
    uint64_t mono0_ns;
    double rate;
    double rate_before;
} gaudi_clock;

typedef struct gaudi_clock_section {
    uint64_t sequence;
    uint64_t reserved[7];
    gaudi_clock slot[2];
} gaudi_clock_section;

/* What the box calls itself. abi_level is the release's: 106, 112, 118 or 119. */
typedef struct gaudi_box_identity {
    char name[64];
    char box_type[32];
    char release[16];
    char hlml_version[96];
    char driver_version[48];
    char nic_driver_version[48];
    uint32_t abi_level;
    uint32_t card_count;
    uint32_t server_type;
    uint32_t reserved[5];
} gaudi_box_identity;

/* The file `box`. link_up[card]: bit p, port p is up; bit 32 + p, its link flaps. The state of a link lives only here, with
 * equal bits for both ends of a cable.
 * doorbell is the futex word that every posted event increments. */
typedef struct gaudi_box_file {
    gaudi_header header;
    gaudi_box_identity identity;
    gaudi_clock_section clock;
    uint32_t driver_loaded;
    uint32_t doorbell;
    uint64_t boot_ns; /* box time at which the box was made: the zero of its kernel log */
    uint64_t reserved[6];
    uint64_t link_up[GAUDI_CARD_MAX];
} gaudi_box_file;

/* What box.py makes of a TOML and create.c turns into files; the build embeds one of these. */
typedef struct gaudi_card_image {
    gaudi_identity identity;
    gaudi_physics physics;
} gaudi_card_image;

#endif
