/* A box as an object: open the one that is meant, at a path, or a private one; close; what it is. */
#include "attach.h"
#include "box_files.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
        box->card[i].told_fd = -1;
        box->card[i].told_bytes = GAUDI_NOTHING_TOLD;
        pthread_mutex_init(&box->card[i].mutex, NULL);
    }
    return box;
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

static int attach(gaudi_box **out, const char *path, bool for_writing, bool is_explicit, bool is_unloaded_fine,
                  gaudi_error *error)
{
    uid_t owner = 0;
    int dir = -1;
    gaudi_box *box = new_box(path, for_writing);
    int rc = box ? 0 : gaudi_fail(error, -ENOMEM, "out of memory");
    if (rc == 0)
        rc = open_directory(path, is_explicit, &owner, &dir, error);
    if (rc == 0)
        rc = gaudi_attach_files(box, dir, owner, error);
    if (rc == 0)
        gaudi_real_paths_attach(box);
    if (rc == 0 && (rc = gaudi_box_alive(box)) == -ENODEV && is_unloaded_fine)
        rc = 0;
    if (rc == -ENODEV)
        gaudi_fail(error, rc, "the driver of box %s is not loaded; load it with 'gaudi-box driver load'", path);
    if (rc == -ESTALE)
        gaudi_fail(error, rc, "the box at %s was taken down just now; try again", path);
    if (dir >= 0)
        close(dir);
    if (rc != 0) {
        gaudi_box_close(box);
        return rc;
    }
    box->is_owner = geteuid() == 0 || owner == geteuid();
    if (for_writing)
        gaudi_locks_follow(box);
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
    box->identity = box->file->identity;
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
        box->card[i].identity = box->card[i].file->identity;
        box->card[i].physics = box->card[i].file->physics;
        gaudi_glance_prepare(&box->card[i]);
    }
    box->is_owner = true;
    gaudi_locks_follow(box);
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
    return rc != 0 ? rc : attach(out, path, for_writing, false, false, error);
}

/* The place of the box that is meant; a box there may be replaced while we attach it, and then there is another one. */
static int open_once(gaudi_box **box, bool for_writing, gaudi_error *error)
{
    gaudi_place place;
    int rc = gaudi_place_find(&place, error);
    if (rc != 0)
        return rc;
    if (place.is_implicit && !place.exists)
        return open_default(box, place.path, for_writing, error);
    bool is_explicit = place.reason == GAUDI_PLACE_ENVIRONMENT_PATH || place.reason == GAUDI_PLACE_SUDO_USER;
    rc = attach(box, place.path, for_writing, is_explicit, false, error);
    if (rc == -ESTALE && place.is_implicit && place.reason == GAUDI_PLACE_USER)
        gaudi_retired_clear(place.path); /* the next attempt makes another one */
    return rc;
}

/* Somebody replaces the box just now, or died while doing so. */
enum { OPEN_ATTEMPTS = 5 };

int gaudi_box_open(gaudi_box **box, bool for_writing, gaudi_error *error)
{
    int rc = -ESTALE;
    for (int attempt = 0; rc == -ESTALE && attempt < OPEN_ATTEMPTS; attempt++)
        rc = open_once(box, for_writing, error);
    return rc;
}

int gaudi_box_open_path(gaudi_box **box, const char *path, bool for_writing, gaudi_error *error)
{
    return attach(box, path, for_writing, true, false, error);
}

int gaudi_box_open_unloaded(gaudi_box **box, const char *path, gaudi_error *error)
{
    return attach(box, path, true, true, true, error);
}

static void unmap(void *base, size_t size)
{
    if (!base)
        return;
    gaudi_unguard(base);
    munmap(base, size);
}

void gaudi_box_close(gaudi_box *box)
{
    if (!box)
        return;
    gaudi_locks_forget(box);
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
        gaudi_card *card = &box->card[i];
        if (card->is_held)
            gaudi_card_release(card);
        unmap(card->file, sizeof *card->file);
        if (card->fd >= 0)
            close(card->fd);
        if (card->told_fd >= 0)
            close(card->told_fd);
        pthread_mutex_destroy(&card->mutex);
    }
    unmap(box->file, sizeof *box->file);
    if (box->fd >= 0)
        close(box->fd);
    pthread_mutex_destroy(&box->mutex);
    free(box);
}

const gaudi_box_identity *gaudi_box_identity_of(const gaudi_box *box)
{
    return &box->identity;
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
    return &card->identity;
}

const gaudi_physics *gaudi_card_physics(const gaudi_card *card)
{
    return &card->physics;
}

int gaudi_box_alive(const gaudi_box *box)
{
    uint32_t retired = gaudi_load_u32(&box->file->header.retired);
    if (retired != 0)
        return retired == 2 ? -ENODEV : -ESTALE;
    return gaudi_load_u32(&box->file->driver_loaded) ? 0 : -ENODEV;
}

bool gaudi_box_is_current(const gaudi_box *box)
{
    char name[GAUDI_PATH_LENGTH + 8];
    struct stat ours;
    struct stat now;
    if (box->fd < 0)
        return true;
    snprintf(name, sizeof name, "%s/box", box->path);
    return fstat(box->fd, &ours) == 0 && lstat(name, &now) == 0 && ours.st_ino == now.st_ino && ours.st_dev == now.st_dev;
}
