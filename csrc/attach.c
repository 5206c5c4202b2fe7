/* Attaching the files of a box. Everything in them is untrusted: links, other file types and foreign
 * owners are refused, sizes and counts are checked once here, texts end inside their fields. */
#include "attach.h"
#include "guard.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

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
    gaudi_guard(p, size);
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
    gaudi_words_load(&card->identity, &card->file->identity, sizeof card->identity);
    gaudi_words_load(&card->physics, &card->file->physics, sizeof card->physics);
    rc = gaudi_header_check(&card->file->header, GAUDI_FILE_CARD, sizeof(gaudi_card_file), box->path, name, error);
    if (rc == 0 && (card->file->header.generation != box->file->header.generation ||
                    !gaudi_identity_is_sound(&card->identity) || !gaudi_physics_is_sound(&card->physics)))
        rc = gaudi_fail(error, -EBADMSG, "%s/%s is corrupt; take the box up again with 'gaudi-box up'", box->path,
                        name);
    if (rc != 0)
        return rc;
    gaudi_glance_prepare(card);
    box->is_writable = box->is_writable && is_writable;
    return 0;
}

int gaudi_attach_files(gaudi_box *box, int dir, uid_t box_owner, gaudi_error *error)
{
    void *base = NULL;
    int rc = open_file(dir, box->path, "box", sizeof(gaudi_box_file), box_owner, &box->is_writable, &box->fd, error);
    if (rc == 0 && (rc = map_file(box->fd, sizeof(gaudi_box_file), box->is_writable, &base)) != 0)
        gaudi_fail(error, rc, "cannot map %s/box: %s", box->path, strerror(-rc));
    if (rc != 0)
        return rc;
    box->file = base;
    gaudi_words_load(&box->identity, &box->file->identity, sizeof box->identity);
    rc = gaudi_header_check(&box->file->header, GAUDI_FILE_BOX, sizeof(gaudi_box_file), box->path, "box", error);
    if (rc == 0 && !gaudi_box_identity_is_sound(&box->identity))
        rc = gaudi_fail(error, -EBADMSG, "%s/box is corrupt; take the box up again with 'gaudi-box up'", box->path);
    size_t count = rc == 0 ? box->identity.card_count : 0;
    for (size_t i = 0; rc == 0 && i < count; i++) {
        rc = attach_card(box, dir, i, box_owner, error);
        box->card_count = i + 1;
    }
    return rc;
}
