/* Attaching the files of a box. Everything in them is untrusted: links, other file types and foreign
 * owners are refused, sizes and counts are checked once here, texts end inside their fields. */
#include "card_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

_Static_assert(sizeof(void *) == 8, "64-bit hosts only");
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian hosts only");
_Static_assert(sizeof(gaudi_header) == 64, "layout");
_Static_assert(sizeof(gaudi_identity) == 3192, "layout");
_Static_assert(sizeof(gaudi_physics) == 312, "layout");
_Static_assert(sizeof(gaudi_segment) == 184, "layout");
_Static_assert(sizeof(gaudi_core) == 7608, "layout");
_Static_assert(sizeof(gaudi_card_file) == 31472, "layout");
_Static_assert(sizeof(gaudi_box_file) == 1104, "layout");
_Static_assert(offsetof(gaudi_card_file, core) == 3568, "layout");
_Static_assert(offsetof(gaudi_card_file, events) == 31472 - 4160, "layout");
_Static_assert(offsetof(gaudi_core_section, slot) == 64, "slots follow at the ninth word");
_Static_assert(offsetof(gaudi_box_file, doorbell) % 4 == 0, "futex word");

static bool ends(const char *text, size_t size)
{
    return memchr(text, '\0', size) != NULL;
}

/* False for NaN, infinities and everything that no quantity of a card can be, so that sums and products stay finite. */
static bool is_sane(double value)
{
    return fabs(value) < 1e9;
}

static bool sensors_are_sound(const gaudi_identity *i)
{
    for (uint32_t k = 0; k < i->sensor_count; k++) {
        const gaudi_sensor *s = &i->sensor[k];
        if (!ends(s->name, sizeof s->name) || s->group > GAUDI_SENSOR_VRM || !is_sane(s->critical_c) ||
            !is_sane(s->offset_c) || !is_sane(s->gain))
            return false;
    }
    return true;
}

static bool ports_are_sound(const gaudi_identity *i)
{
    for (uint32_t k = 0; k < i->port_count; k++) {
        if (i->port[k].peer_card < -2 || i->port[k].peer_card >= GAUDI_CARD_MAX)
            return false;
    }
    return i->mac_count <= GAUDI_MAC_MAX && i->mac_base <= (UINT64_C(1) << 48) - GAUDI_MAC_MAX;
}

static bool identity_is_sound(const gaudi_identity *i)
{
    return i->sensor_count <= GAUDI_SENSOR_MAX && i->port_count <= GAUDI_PORT_MAX &&
           i->memory_reserved_bytes <= i->memory_total_bytes && ends(i->family, sizeof i->family) &&
           ends(i->name, sizeof i->name) && ends(i->serial, sizeof i->serial) && ends(i->uuid, sizeof i->uuid) &&
           ends(i->model, sizeof i->model) && ends(i->pcb_version, sizeof i->pcb_version) &&
           ends(i->pcb_assembly_version, sizeof i->pcb_assembly_version) && ends(i->bus_id, sizeof i->bus_id) &&
           ends(i->cpld, sizeof i->cpld) && ends(i->fw_fit, sizeof i->fw_fit) && ends(i->fw_spi, sizeof i->fw_spi) &&
           ends(i->fw_uboot, sizeof i->fw_uboot) && ends(i->fw_os, sizeof i->fw_os) && sensors_are_sound(i) &&
           ports_are_sound(i);
}

static bool physics_is_sound(const gaudi_physics *p)
{
    return p->tau_power_s > 0.0 && p->tau_die_s > 0.0 && p->tau_hbm_s > 0.0 && p->tau_board_s > 0.0 &&
           p->control_period_ns > 0 && p->lease_ns > 0 && p->clock_grain > 0.0 && p->clock_step > 0.0 &&
           is_sane(p->ambient_c) && p->airflow > 0.0 && is_sane(p->idle_w) && is_sane(p->rail12_idle_w) &&
           is_sane(p->rail12_share) && is_sane(p->rail12_limit_w) && is_sane(p->utilization_dc_w);
}

static bool box_identity_is_sound(const gaudi_box_identity *b)
{
    return b->card_count <= GAUDI_CARD_MAX && ends(b->name, sizeof b->name) && ends(b->box_type, sizeof b->box_type) &&
           ends(b->release, sizeof b->release) && ends(b->hlml_version, sizeof b->hlml_version) &&
           ends(b->driver_version, sizeof b->driver_version) &&
           ends(b->nic_driver_version, sizeof b->nic_driver_version);
}

static int check_header(const gaudi_header *header, uint32_t kind, size_t size, const char *path, const char *name,
                        gaudi_error *error)
{
    if (header->magic != GAUDI_MAGIC || header->kind != kind)
        return gaudi_fail(error, -EBADMSG,
                          "%s/%s is not a file of an emulated box; remove it or take the box up again with 'gaudi-box up'",
                          path, name);
    if (header->major != GAUDI_LAYOUT_MAJOR || header->size_bytes != size)
        return gaudi_fail(error, -EPROTO,
                          "%s/%s has layout version %u, this program reads version %d; take the box up again with the "
                          "version that you use now",
                          path, name, (unsigned int)header->major, GAUDI_LAYOUT_MAJOR);
    return 0;
}

/* Owners whose files are taken at their word: the caller, root, and whoever owns the box directory once
 * that directory was accepted. */
static bool is_trusted_owner(uid_t owner, uid_t box_owner)
{
    return owner == geteuid() || owner == 0 || owner == box_owner;
}

static int open_file(int dir, const char *path, const char *name, size_t size, uid_t box_owner, bool *is_writable,
                     int *fd, gaudi_error *error)
{
    struct stat st;
    *fd = openat(dir, name, (*is_writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (*fd < 0 && *is_writable && (errno == EACCES || errno == EROFS || errno == EPERM)) {
        *is_writable = false;
        *fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    }
    if (*fd < 0)
        return gaudi_fail(error, -errno, "cannot open %s/%s: %s", path, name,
                          errno == ELOOP ? "it is a link, and links are refused" : strerror(errno));
    if (fstat(*fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)size)
        return gaudi_fail(error, -EBADMSG,
                          "%s/%s is truncated or no regular file; take the box up again with 'gaudi-box up'", path,
                          name);
    if (!is_trusted_owner(st.st_uid, box_owner))
        return gaudi_fail(error, -EACCES, "%s/%s belongs to uid %lu, who does not own the box; it is refused", path,
                          name, (unsigned long)st.st_uid);
    return 0;
}

static int map_file(int fd, size_t size, bool is_writable, void **base)
{
    void *p = mmap(NULL, size, is_writable ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, 0);
    if (p == MAP_FAILED)
        return -errno;
    *base = p;
    return 0;
}

/* A mapping keeps its open file alive, and with it the locks on that; a child of a holder inherits the mapping and would
 * so keep the card after the holder's death. Locks therefore get an open file of their own, which hold.c closes in a
 * child. Whoever put another file in its place meanwhile is found out. */
static int reopen_for_locks(int dir, const char *path, const char *name, bool is_writable, int *fd,
                            gaudi_error *error)
{
    struct stat before;
    struct stat now;
    int fresh = openat(dir, name, (is_writable ? O_RDWR : O_RDONLY) | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fresh < 0)
        return gaudi_fail(error, -errno, "cannot open %s/%s: %s", path, name, strerror(errno));
    if (fstat(*fd, &before) != 0 || fstat(fresh, &now) != 0 || before.st_ino != now.st_ino ||
        before.st_dev != now.st_dev) {
        close(fresh);
        return gaudi_fail(error, -ESTALE, "the box at %s was replaced just now; try again", path);
    }
    close(*fd);
    *fd = fresh;
    return 0;
}

static int attach_card(gaudi_box *box, int dir, size_t index, uid_t box_owner, gaudi_error *error)
{
    gaudi_card *card = &box->card[index];
    char name[32];
    void *base = NULL;
    bool is_writable = box->is_writable;
    snprintf(name, sizeof name, "accel%zu", index);
    card->box = box;
    card->index = index;
    int rc = open_file(dir, box->path, name, sizeof(gaudi_card_file), box_owner, &is_writable, &card->fd, error);
    if (rc == 0 && (rc = map_file(card->fd, sizeof(gaudi_card_file), is_writable, &base)) != 0)
        gaudi_fail(error, rc, "cannot map %s/%s: %s", box->path, name, strerror(-rc));
    if (rc != 0)
        return rc;
    card->file = base;
    rc = reopen_for_locks(dir, box->path, name, is_writable, &card->fd, error);
    if (rc != 0)
        return rc;
    rc = check_header(&card->file->header, GAUDI_FILE_CARD, sizeof(gaudi_card_file), box->path, name, error);
    if (rc == 0 && (card->file->header.generation != box->file->header.generation ||
                    !identity_is_sound(&card->file->identity) || !physics_is_sound(&card->file->physics)))
        rc = gaudi_fail(error, -EBADMSG, "%s/%s is corrupt; take the box up again with 'gaudi-box up'", box->path,
                        name);
    if (rc != 0)
        return rc;
    gaudi_sensors_list(card);
    box->is_writable = box->is_writable && is_writable;
    return 0;
}

static gaudi_box *new_box(const char *path, bool for_writing)
{
    gaudi_box *box = calloc(1, sizeof *box);
    if (!box)
        return NULL;
    snprintf(box->path, sizeof box->path, "%s", path);
    box->fd = -1;
    box->is_writable = for_writing;
    pthread_mutex_init(&box->mutex, NULL);
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
        box->card[i].fd = -1;
        pthread_mutex_init(&box->card[i].mutex, NULL);
    }
    return box;
}

static int attach_files(gaudi_box *box, int dir, uid_t box_owner, gaudi_error *error)
{
    void *base = NULL;
    int rc = open_file(dir, box->path, "box", sizeof(gaudi_box_file), box_owner, &box->is_writable, &box->fd, error);
    if (rc == 0 && (rc = map_file(box->fd, sizeof(gaudi_box_file), box->is_writable, &base)) != 0)
        gaudi_fail(error, rc, "cannot map %s/box: %s", box->path, strerror(-rc));
    if (rc != 0)
        return rc;
    box->file = base;
    rc = check_header(&box->file->header, GAUDI_FILE_BOX, sizeof(gaudi_box_file), box->path, "box", error);
    if (rc == 0 && !box_identity_is_sound(&box->file->identity))
        rc = gaudi_fail(error, -EBADMSG, "%s/box is corrupt; take the box up again with 'gaudi-box up'", box->path);
    size_t count = rc == 0 ? box->file->identity.card_count : 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = attach_card(box, dir, i, box_owner, error);
        box->card_count = i + 1;
    }
    return rc;
}

static int open_directory(const char *path, bool is_explicit, uid_t *owner, int *dir, gaudi_error *error)
{
    struct stat st;
    *dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (*dir < 0) {
        int code = -errno;
        if (errno == ENOENT)
            return gaudi_fail(error, code, "there is no box at %s; make one with 'gaudi-box up'", path);
        return gaudi_fail(error, code, "cannot open the box at %s: %s", path,
                          errno == ENOTDIR || errno == ELOOP ? "it is no directory (links are refused)"
                                                             : strerror(errno));
    }
    if (fstat(*dir, &st) != 0)
        return gaudi_fail(error, -errno, "cannot look at %s: %s", path, strerror(errno));
    if (!is_explicit && st.st_uid != geteuid() && st.st_uid != 0)
        return gaudi_fail(error, -EACCES, "the box at %s belongs to uid %lu; name it with GAUDI_BOX=%s if you trust it",
                          path, (unsigned long)st.st_uid, path);
    *owner = st.st_uid;
    return 0;
}

static int attach(gaudi_box **out, const char *path, bool for_writing, bool is_explicit, gaudi_error *error)
{
    uid_t owner = 0;
    int dir = -1;
    gaudi_box *box = new_box(path, for_writing);
    int rc = box ? 0 : gaudi_fail(error, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = open_directory(path, is_explicit, &owner, &dir, error);
    if (rc == 0)
        rc = attach_files(box, dir, owner, error);
    if (rc == 0 && (rc = gaudi_box_alive(box)) == -ENODEV)
        gaudi_fail(error, rc, "the driver of box %s is not loaded; load it with 'gaudi-box up'", path);
    if (rc == -ESTALE)
        gaudi_fail(error, rc, "the box at %s was taken down just now; try again", path);
    if (dir >= 0)
        close(dir);
    if (rc != 0) {
        gaudi_box_close(box);
        return rc;
    }
    box->is_owner = geteuid() == 0 || owner == geteuid();
    *out = box;
    return 0;
}

/* A box that nobody else can see, where no file can be made: the same layout in memory. */
static int open_private(gaudi_box **out, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                        size_t card_count, gaudi_error *error)
{
    gaudi_box *box = new_box("", true);
    int rc = box ? 0 : gaudi_fail(error, -ENOMEM, "out of memory");
    if (rc != 0)
        return rc;
    enum { FLAGS = MAP_PRIVATE | MAP_ANONYMOUS };
    void *base = mmap(NULL, sizeof(gaudi_box_file), PROT_READ | PROT_WRITE, FLAGS, -1, 0);
    if (base == MAP_FAILED) {
        rc = gaudi_fail(error, -errno, "out of memory");
        goto out;
    }
    box->file = base;
    gaudi_image_fill_box(box->file, identity, cards, card_count, 1);
    for (size_t i = 0; i < card_count; i++) {
        base = mmap(NULL, sizeof(gaudi_card_file), PROT_READ | PROT_WRITE, FLAGS, -1, 0);
        if (base == MAP_FAILED) {
            rc = gaudi_fail(error, -errno, "out of memory");
            goto out;
        }
        box->card[i].box = box;
        box->card[i].index = i;
        box->card[i].file = base;
        box->card_count = i + 1;
        gaudi_image_fill_card(base, &cards[i], (uint32_t)i, 1, box->file->clock.slot[0].box0_ns);
        gaudi_sensors_list(&box->card[i]);
    }
    box->is_owner = true;
    *out = box;
out:
    if (rc != 0)
        gaudi_box_close(box);
    return rc;
}

static int open_default(gaudi_box **out, const char *path, bool for_writing, gaudi_error *error)
{
    const gaudi_box_identity *identity = NULL;
    const gaudi_card_image *cards = NULL;
    size_t card_count = 0;
    const char *type = getauxval(AT_SECURE) ? NULL : getenv("GAUDI_BOX_TYPE");
    int rc = gaudi_default_box(type, &identity, &cards, &card_count, error);
    if (rc == 0)
        rc = gaudi_box_create_missing(path, identity, cards, card_count, error);
    if (rc == -EACCES || rc == -EROFS || rc == -EPERM || rc == -ENOENT)
        return open_private(out, identity, cards, card_count, error);
    return rc != 0 ? rc : attach(out, path, for_writing, false, error);
}

int gaudi_box_open(gaudi_box **box, bool for_writing, gaudi_error *error)
{
    gaudi_place place;
    int rc = gaudi_place_find(&place, error);
    if (rc != 0)
        return rc;
    if (place.is_implicit && !place.exists)
        return open_default(box, place.path, for_writing, error);
    bool is_explicit = place.reason == GAUDI_PLACE_ENVIRONMENT_PATH || place.reason == GAUDI_PLACE_SUDO_USER;
    return attach(box, place.path, for_writing, is_explicit, error);
}

int gaudi_box_open_path(gaudi_box **box, const char *path, bool for_writing, gaudi_error *error)
{
    return attach(box, path, for_writing, true, error);
}

void gaudi_box_close(gaudi_box *box)
{
    if (!box)
        return;
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
        gaudi_card *card = &box->card[i];
        if (card->is_held)
            gaudi_card_release(card);
        if (card->file)
            munmap(card->file, sizeof *card->file);
        if (card->fd >= 0)
            close(card->fd);
        pthread_mutex_destroy(&card->mutex);
    }
    if (box->file)
        munmap(box->file, sizeof *box->file);
    if (box->fd >= 0)
        close(box->fd);
    pthread_mutex_destroy(&box->mutex);
    free(box);
}

const gaudi_box_identity *gaudi_box_identity_of(const gaudi_box *box)
{
    return &box->file->identity;
}

const char *gaudi_box_path(const gaudi_box *box)
{
    return box->path;
}

size_t gaudi_box_card_count(const gaudi_box *box)
{
    return box->card_count;
}

gaudi_card *gaudi_box_card(gaudi_box *box, size_t index)
{
    return index < box->card_count ? &box->card[index] : NULL;
}

const gaudi_identity *gaudi_card_identity(const gaudi_card *card)
{
    return &card->file->identity;
}

const gaudi_physics *gaudi_card_physics(const gaudi_card *card)
{
    return &card->file->physics;
}

int gaudi_box_alive(const gaudi_box *box)
{
    uint32_t retired = gaudi_load_u32(&box->file->header.retired);
    if (retired != 0)
        return retired == 2 ? -ENODEV : -ESTALE;
    return gaudi_load_u32(&box->file->driver_loaded) ? 0 : -ENODEV;
}
