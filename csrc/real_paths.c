/* What belongs to the real paths of a server, and so to one box only, the one at /run/gaudi/default: which cards have
 * nodes here, and the memory that frameworks tell in /dev/shm/mem_usage_accelN. */
#include "card_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static const char REAL_BOX[] = "/run/gaudi/default";

/* How long what was told is believed without looking, and how often the file itself is looked for: getters make no system
 * call in between. */
static const uint64_t LOOK_NS = 10 * 1000 * 1000;
static const uint64_t OPEN_NS = 1000 * 1000 * 1000;
/* Twice the update period of the header (hlml_shm.h): what is older is not believed. */
static const uint64_t VALID_S = 20;
static const off_t LARGEST_BYTES = 4096;

/* The file as frameworks write it; later versions may append. */
typedef struct told {
    uint64_t version;
    uint64_t timestamp_s;
    uint64_t used_bytes;
} told;

static bool exists(const char *form, size_t index)
{
    char path[64];
    snprintf(path, sizeof path, form, index);
    return access(path, F_OK) == 0;
}

void gaudi_real_paths_attach(gaudi_box *box)
{
    bool has_nodes = access("/dev/accel", F_OK) == 0;
    const char *form = has_nodes ? "/dev/accel/accel%zu" : "/dev/hl%zu"; /* drivers up to 1.12 */
    box->is_real = strcmp(box->path, REAL_BOX) == 0;
    for (size_t i = 0; box->is_real && !has_nodes && i < box->card_count; i++)
        has_nodes = exists(form, i);
    for (size_t i = 0; i < box->card_count; i++)
        box->card[i].is_hidden = box->is_real && has_nodes && !exists(form, i);
}

bool gaudi_card_is_visible(const gaudi_card *card)
{
    return !card->is_hidden;
}

/* Only the caller, root and the holder of the card are believed; anybody may make files in /dev/shm. */
static bool is_believed(const gaudi_card *card, uid_t owner)
{
    gaudi_processes found;
    if (owner == 0 || owner == geteuid())
        return true;
    return gaudi_section_read(&card->file->processes.sequence, sizeof found, &found) == 0 && found.count > 0 &&
           found.process[0].uid == owner;
}

static void open_told(gaudi_card *card)
{
    char path[64];
    struct stat st;
    if (card->told_fd >= 0)
        close(card->told_fd);
    snprintf(path, sizeof path, "/dev/shm/mem_usage_accel%zu", card->index);
    card->told_fd = open(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (card->told_fd >= 0 && (fstat(card->told_fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size > LARGEST_BYTES ||
                               !is_believed(card, st.st_uid))) {
        close(card->told_fd);
        card->told_fd = -1;
    }
}

static uint64_t read_told(gaudi_card *card, uint64_t now_ns)
{
    told now;
    if (now_ns >= card->told_open_ns) {
        open_told(card);
        card->told_open_ns = now_ns + OPEN_NS;
    }
    if (card->told_fd < 0 || pread(card->told_fd, &now, sizeof now, 0) != (ssize_t)sizeof now || now.version < 1)
        return GAUDI_NOTHING_TOLD;
    uint64_t wall_s = (uint64_t)time(NULL);
    return wall_s > now.timestamp_s && wall_s - now.timestamp_s > VALID_S ? GAUDI_NOTHING_TOLD : now.used_bytes;
}

uint64_t gaudi_memory_told(const gaudi_card *constant)
{
    gaudi_card *card = (gaudi_card *)constant; /* what is kept here is no state of the card */
    if (!card->box->is_real)
        return GAUDI_NOTHING_TOLD;
    uint64_t now_ns = gaudi_monotonic_ns();
    if (now_ns >= gaudi_load_u64(&card->told_next_ns) && !__atomic_exchange_n(&card->is_asking, 1, __ATOMIC_ACQUIRE)) {
        gaudi_store_u64(&card->told_bytes, read_told(card, now_ns));
        gaudi_store_u64(&card->told_next_ns, now_ns + LOOK_NS);
        gaudi_store_u32(&card->is_asking, 0);
    }
    return gaudi_load_u64(&card->told_bytes);
}
