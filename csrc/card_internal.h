/* What the files of the card state share among themselves; nobody else includes this. */
#ifndef GAUDI_CARD_INTERNAL_H
#define GAUDI_CARD_INTERNAL_H

#include <math.h>
#include <pthread.h>
#include <sys/types.h>

#include "card.h"
#include "trajectory.h"

struct gaudi_future; /* events.h */

/* Byte ranges of the OFD locks on a card file: who writes now, and who holds the card. */
enum { GAUDI_LOCK_WRITER = 0, GAUDI_LOCK_HOLDER = 1 };

/* Box time over which the rate of PCI Express is measured. */
#define GAUDI_PCIE_WINDOW_NS UINT64_C(10000000)

enum { GAUDI_SENSOR_GROUPS = GAUDI_SENSOR_VRM + 1 };

/* The numbers of the sensors of one group. */
typedef struct gaudi_sensor_list {
    uint8_t count;
    uint8_t number[GAUDI_SENSOR_MAX];
} gaudi_sensor_list;

/* An attached card. Created and destroyed with its box; the mapping is read-only unless the box is open
 * for writing. `mutex` serialises the writers of this process, which share one open file. */
struct gaudi_card {
    gaudi_box *box;
    gaudi_card_file *file;
    gaudi_identity identity; /* copies of what never changes in the file, checked once while attaching */
    gaudi_physics physics;
    int fd;
    size_t index;
    gaudi_sensor_list sensors[GAUDI_SENSOR_GROUPS]; /* written while attaching, as are the inverse time constants, 1/s */
    double inv_tau_power;
    double inv_tau_hbm;
    double inv_tau_board;
    pthread_mutex_t mutex;
    bool is_held;
    /* What this process published last, and the reset count then: a reset by anybody ends it. Guarded by mutex. */
    double activity[GAUDI_ENGINE_COUNT];
    uint32_t reset_count;
    bool is_hidden; /* real_paths.c from here on */
    uint32_t is_asking; /* atomic: a thread looks at the file; no mutex, whose trylock is newer than glibc 2.28 */
    int told_fd;
    uint64_t told_open_ns;
    uint64_t told_next_ns; /* atomic, as the next one */
    uint64_t told_bytes;
};

struct gaudi_box {
    char path[GAUDI_PATH_LENGTH];
    gaudi_box_file *file;
    gaudi_box_identity identity; /* a copy, checked once while attaching */
    int fd;
    bool is_writable;
    bool is_owner; /* the caller owns the files or is root */
    bool is_real;  /* it owns the real paths */
    size_t card_count;
    pthread_mutex_t mutex;
    gaudi_box *next; /* in the list of hold.c */
    gaudi_card card[GAUDI_CARD_MAX];
};

/* error.c: note one line; the format is checked by the compiler. Returns `code` so that a caller can
 * write `return gaudi_fail(error, -EBUSY, ...)`. error may be NULL. */
int gaudi_fail(gaudi_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Words of shared memory, in the order that section.c explains. */
static inline uint64_t gaudi_load_u64(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void gaudi_store_u64(uint64_t *word, uint64_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline uint32_t gaudi_load_u32(const uint32_t *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static inline void gaudi_store_u32(uint32_t *word, uint32_t value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static inline double gaudi_load_double(const double *word)
{
    double value;
    __atomic_load(word, &value, __ATOMIC_ACQUIRE);
    return value;
}

/* False for NaN, infinities and everything that no quantity of a card can be, so that sums and products stay finite. */
static inline bool gaudi_is_sane(double value)
{
    return fabs(value) < 1e9;
}

/* A reader meets a moving sequence only if a publish ran during its copy of some hundred nanoseconds. */
enum { GAUDI_READ_ATTEMPTS = 10000 };

/* section.c: the two-copy protocol. `sequence` is the first word of the section, the slots follow at
 * its ninth. Sizes are in bytes and multiples of 8. */
void gaudi_words_load(void *to, const void *from, size_t size);
void gaudi_words_store(void *to, const void *from, size_t size);
int gaudi_section_read(const uint64_t *sequence, size_t slot_size, void *out);
void gaudi_section_write(uint64_t *sequence, size_t slot_size, const void *in);
/* The two halves of a write: fill the slot that nobody reads (as often as needed), then make it the one of now. */
void gaudi_section_fill(uint64_t *sequence, size_t slot_size, const void *in);
void gaudi_section_commit(uint64_t *sequence);
const void *gaudi_section_slot(const uint64_t *sequence, size_t slot_size, uint64_t value);

/* soundness.c: what a writer or reader finds in the part of the file that changes. */
bool gaudi_segment_is_sound(const gaudi_segment *segment);
bool gaudi_drive_is_sound(const gaudi_drive *drive);

/* create.c */
int gaudi_box_create_missing(const char *path, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                             size_t card_count, gaudi_error *error);
int gaudi_image_fill_box(gaudi_box_file *file, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                         size_t card_count, uint64_t generation);
void gaudi_image_fill_card(gaudi_card_file *file, const gaudi_card_image *image, uint32_t index, uint64_t generation,
                           uint64_t box_ns);

/* default_box.c, and the table that embed_boxes.py generates; it ends with a NULL type. */
typedef struct gaudi_embedded_box {
    const char *type;
    const unsigned char *identity;
    const unsigned char *cards;
    size_t card_count;
} gaudi_embedded_box;
extern const gaudi_embedded_box gaudi_embedded_boxes[];
int gaudi_default_box(const char *type, const gaudi_box_identity **identity, const gaudi_card_image **cards,
                      size_t *card_count, gaudi_error *error);

/* Faster than this, a lease of half a second would be renewed more often than a thread can promise. */
#define GAUDI_RATE_MAX 3600.0

/* boxclock.c */
uint64_t gaudi_clock_at(const gaudi_clock *clock, uint64_t mono_ns);
gaudi_clock gaudi_clock_of(const gaudi_box *box);
uint64_t gaudi_monotonic_ns(void);

/* real_paths.c: which cards have nodes here; once all cards are attached. */
void gaudi_real_paths_attach(gaudi_box *box);
/* Bytes in use that a framework told in /dev/shm, without the reserved ones. */
#define GAUDI_NOTHING_TOLD UINT64_MAX
uint64_t gaudi_memory_told(const gaudi_card *card);

/* lock.c: lock one byte of a file for this open file alone; fd -1 (a private box) always succeeds. -EAGAIN: it is locked. */
int gaudi_try_lock(int fd, short range);
void gaudi_unlock(int fd, short range);

/* The lock of whoever writes a file, which its header shows. -ETIMEDOUT: a writer hangs. */
int gaudi_writer_lock(int fd, gaudi_header *header);
void gaudi_writer_unlock(int fd, gaudi_header *header);

/* writer.c: take and give back the right to write a card. Begin fails with -EACCES, -ESTALE, -ENODEV or -ETIMEDOUT; the
 * other form does not ask for permission and for the box. */
int gaudi_write_begin(gaudi_card *card, gaudi_error *error);
int gaudi_write_begin_anyway(gaudi_card *card, gaudi_error *error);
void gaudi_write_end(gaudi_card *card);

/* publish.c: one change of the core. It is applied to the state at `box_ns`, where the new future begins, possibly more
 * than once, and must touch nothing else. */
typedef int (*gaudi_change)(gaudi_card *card, gaudi_core *core, gaudi_point *at, uint64_t box_ns, const void *with);
int gaudi_publish(gaudi_card *card, gaudi_change apply, const void *with, gaudi_error *error);
/* The same between gaudi_write_begin and gaudi_write_end; the caller rings if it says so. */
int gaudi_publish_locked(gaudi_card *card, gaudi_change apply, const void *with, bool *is_ringing);
int gaudi_card_renew(gaudi_card *card);
/* Between gaudi_write_begin and gaudi_write_end: what runs goes on until then. */
void gaudi_lease_extend_locked(gaudi_card *card, uint64_t until_ns);

/* events.c: what changes from a clock and flags to the segment after it, as bits of enum gaudi_event_kind; the derived
 * events of a core; append to the ring (the card is being written by the caller); wake whoever waits for the box. */
uint64_t gaudi_change_kinds(double clock_ratio, uint32_t flags, const gaudi_segment *after);
void gaudi_future_of(const gaudi_core *core, struct gaudi_future *future);
void gaudi_events_append(gaudi_card *card, uint64_t box_ns, uint64_t kind, uint64_t argument);
void gaudi_doorbell_ring(gaudi_box *box);

/* kernel_log.c: the files of the log, and what a core brings about by itself between its publish and a moment. */
#define GAUDI_LOG_NAME "kmsg"
#define GAUDI_LOG_OLD_NAME "kmsg.old"

enum { GAUDI_NOTE_MAX = 8 };

enum gaudi_note_kind {
    GAUDI_NOTE_RESET_DONE,
    GAUDI_NOTE_GIVEN_UP,
    GAUDI_NOTE_HEARTBEAT,
    GAUDI_NOTE_HOT,
    GAUDI_NOTE_COOL,
    GAUDI_NOTE_SHUTDOWN
};

typedef struct gaudi_note {
    uint64_t box_ns;
    enum gaudi_note_kind kind;
    double die_c;
} gaudi_note;

typedef struct gaudi_notes {
    uint32_t count;
    gaudi_note note[GAUDI_NOTE_MAX];
} gaudi_notes;

void gaudi_notes_of(const gaudi_core *core, uint64_t until_ns, gaudi_notes *notes);
void gaudi_notes_write(const gaudi_card *card, const gaudi_notes *notes, uint64_t launches);
void gaudi_log(const gaudi_card *card, unsigned int level, uint64_t box_ns, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
void gaudi_log_driver(const gaudi_box *box, unsigned int level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* What the driver says when it finds its cards. */
void gaudi_log_boot(const gaudi_box *box);
char *gaudi_log_boot_text(const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count,
                          uint64_t box_ns, size_t *size); /* for the file of a new box; the caller frees it */

/* nvram.c: what the cards at a path remember over power cycles. */
struct gaudi_nvram;
struct gaudi_nvram *gaudi_nvram_load(const char *path);            /* never NULL but out of memory */
int gaudi_nvram_save(const struct gaudi_nvram *nvram, const char *path, long group);
void gaudi_nvram_free(struct gaudi_nvram *nvram);
void gaudi_nvram_note(struct gaudi_nvram *nvram, const char *box_path);   /* take over what the box there knows */
bool gaudi_nvram_is_absent(const struct gaudi_nvram *nvram, const gaudi_identity *identity);
void gaudi_nvram_apply(const struct gaudi_nvram *nvram, gaudi_card_file *file);

/* counters.c: what a reset, or a load of the driver, does to everything that is counted and to rows that wait. */
void gaudi_counters_reset(gaudi_card *card);

/* ports.c: traffic begins at 0 again. Every link that was up goes down and comes back, so its toggles go on. */
void gaudi_ports_reset(gaudi_card *card);

/* hold.c: locks and mutexes of a box that is open for writing have to be made anew in a child after fork. */
void gaudi_locks_follow(gaudi_box *box);
void gaudi_locks_forget(gaudi_box *box);

/* conditions.c: -EPERM for everybody but owner and root. */
int gaudi_need_owner(const gaudi_box *box, const char *what, gaudi_error *error);

/* glance.c: sort the sensors by group and invert the time constants, once the facts of the card are known to be sound. */
void gaudi_glance_prepare(gaudi_card *card);

/* faults.c: forget the breakdowns; the card is being written by the caller. */
void gaudi_breakdowns_end(gaudi_card *card);

/* snapshot.c: what is in use, by the core words that say so. */
uint64_t gaudi_memory_used(const gaudi_card *card, uint64_t used_bytes, uint64_t holder_token, uint64_t lease_end_ns,
                           uint64_t box_ns);

/* snapshot.c: the rate over the window that ends at box_ns, of what is spread over [from_ns, until_ns]. */
uint32_t gaudi_pcie_kbps(uint32_t kbps, uint64_t from_ns, uint64_t until_ns, uint64_t box_ns);

/* snapshot.c: do readers still wait at a beginning that lies `late_ns` of box time back? */
bool gaudi_beginning_holds(const gaudi_card *card, uint64_t late_ns);

/* snapshot.c: is the lock of the holder still held? Asks the kernel. */
bool gaudi_holder_is_alive(const gaudi_card *card);

#endif
