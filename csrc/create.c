/* Making the files of a box. They are built aside and appear by one rename. */
#include "box_files.h"
#include "kill_point.h"
#include "trajectory.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

/* Box time begins at the date of now, so that it can be shown as one. */
static uint64_t realtime_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static gaudi_header header_of(uint32_t kind, size_t size, uint32_t index, uint64_t generation)
{
    gaudi_header header = {.magic = GAUDI_MAGIC,
                           .kind = kind,
                           .major = GAUDI_LAYOUT_MAJOR,
                           .minor = GAUDI_LAYOUT_MINOR,
                           .size_bytes = size,
                           .generation = generation,
                           .index = index};
    return header;
}

void gaudi_image_fill_card(gaudi_card_file *file, const gaudi_card_image *image, uint32_t index, uint64_t generation,
                           uint64_t box_ns)
{
    memset(file, 0, sizeof *file);
    file->header = header_of(GAUDI_FILE_CARD, sizeof *file, index, generation);
    file->identity = image->identity;
    file->physics = image->physics;
    gaudi_core *core = &file->core.slot[0];
    core->published_ns = box_ns;
    core->memory_used_bytes = image->identity.memory_reserved_bytes;
    core->status = GAUDI_STATUS_OPERATIONAL;
    core->limit_mw = image->physics.limit_default_mw;
    core->pcie_generation = image->identity.pcie_generation_max;
    core->pcie_width = image->identity.pcie_width_max;
    core->dilation = 1.0;
    core->drive.limit_w = (double)core->limit_mw / 1000.0;
    core->drive.ambient_c = image->physics.ambient_c;
    core->drive.airflow = image->physics.airflow;
    core->drive.clock_ceiling = 1.0;
    gaudi_point idle = gaudi_trajectory_idle(&file->physics, &core->drive);
    core->segment_count = gaudi_trajectory_plan(&file->physics, &core->drive, &idle, box_ns, core->segment);
}

static bool has_module(const gaudi_card_image *cards, size_t card_count, int32_t module_id)
{
    for (size_t i = 0; i < card_count; i++) {
        if ((int64_t)cards[i].identity.module_id == module_id)
            return true;
    }
    return false;
}

/* Links that the board has and whose other end answers: that of a card that is absent is down. An external port has no
 * partner in an emulated rack unless one is plugged, and a real port without a cable is down. */
static uint64_t links_of(const gaudi_identity *identity, const gaudi_card_image *cards, size_t card_count)
{
    uint64_t up = 0;
    for (uint32_t p = 0; p < identity->port_count && p < GAUDI_PORT_MAX; p++) {
        if (identity->port[p].peer_card >= 0 && has_module(cards, card_count, identity->port[p].peer_card))
            up |= UINT64_C(1) << p;
    }
    return up;
}

int gaudi_image_fill_box(gaudi_box_file *file, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                         size_t card_count, uint64_t generation)
{
    memset(file, 0, sizeof *file);
    file->header = header_of(GAUDI_FILE_BOX, sizeof *file, 0, generation);
    file->identity = *identity;
    file->identity.card_count = (uint32_t)card_count;
    file->clock.slot[0].box0_ns = realtime_ns();
    file->clock.slot[0].mono0_ns = gaudi_monotonic_ns();
    file->clock.slot[0].rate = 1.0;
    file->clock.slot[0].rate_before = 1.0;
    file->boot_ns = file->clock.slot[0].box0_ns;
    file->driver_loaded = 1;
    for (size_t i = 0; i < card_count; i++)
        file->link_up[i] = links_of(&cards[i].identity, cards, card_count);
    return 0;
}

static int write_all(int fd, const void *data, size_t size)
{
    const char *from = data;
    while (size > 0) {
        ssize_t done = write(fd, from, size);
        if (done < 0 && errno == EINTR)
            continue;
        if (done <= 0)
            return done < 0 ? -errno : -EIO;
        from += done;
        size -= (size_t)done;
    }
    return 0;
}

static int write_file(int dir, const char *name, const void *data, size_t size, long group)
{
    mode_t mode = group >= 0 ? 0664 : 0644;
    int rc = 0;
    int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, mode);
    if (fd < 0)
        return -errno;
    if (fchmod(fd, mode) != 0 || (group >= 0 && fchown(fd, (uid_t)-1, (gid_t)group) != 0))
        rc = -errno;
    else
        rc = write_all(fd, data, size);
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    return rc;
}

/* The log begins with what the driver says when it finds its cards. */
static int write_log(int dir, const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count,
                     uint64_t box_ns, long group)
{
    size_t size = 0;
    char *text = gaudi_log_boot_text(identity, cards, card_count, box_ns, &size);
    int rc = text ? write_file(dir, GAUDI_LOG_NAME, text, size, group) : -ENOMEM;
    free(text);
    return rc;
}

static int write_box(int dir, const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count,
                     const struct gaudi_nvram *nvram, long group)
{
    uint64_t generation = 0;
    char name[32];
    int rc = 0;
    gaudi_box_file *box = calloc(1, sizeof *box);
    gaudi_card_file *card = calloc(1, sizeof *card);
    if (!box || !card) {
        rc = -ENOMEM;
        goto out;
    }
    if (getrandom(&generation, sizeof generation, 0) != sizeof generation)
        generation = gaudi_monotonic_ns();
    gaudi_image_fill_box(box, identity, cards, card_count, generation);
    for (size_t i = 0; rc == 0 && i < card_count; i++) {
        gaudi_image_fill_card(card, &cards[i], (uint32_t)i, generation, box->clock.slot[0].box0_ns);
        gaudi_nvram_apply(nvram, card);
        snprintf(name, sizeof name, "accel%zu", i);
        rc = write_file(dir, name, card, sizeof *card, group);
        gaudi_kill_point("card file written");
        snprintf(name, sizeof name, "nic%zu", i); /* the rings of its ports, see fabric/link.c; empty until used */
        if (rc == 0)
            rc = write_file(dir, name, card, 0, group);
    }
    if (rc == 0)
        rc = write_log(dir, identity, cards, card_count, box->boot_ns, group);
    if (rc == 0)
        rc = write_file(dir, "box", box, sizeof *box, group);
out:
    free(card);
    free(box);
    return rc;
}

/* The directory above the box: made if it is the caller's own place, and then it must be the caller's. */
static int make_parent(const char *path, char parent[GAUDI_PATH_LENGTH], gaudi_error *error)
{
    struct stat st;
    snprintf(parent, GAUDI_PATH_LENGTH, "%s", path);
    char *slash = strrchr(parent, '/');
    if (!slash || slash == parent)
        return gaudi_fail(error, -EINVAL, "%s is no place for a box; name a directory below another one", path);
    *slash = '\0';
    if (mkdir(parent, 0755) != 0 && errno != EEXIST)
        return gaudi_fail(error, -errno, "cannot make %s: %s", parent, strerror(errno));
    if (lstat(parent, &st) != 0)
        return gaudi_fail(error, -errno, "cannot look at %s: %s", parent, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return gaudi_fail(error, -ENOTDIR, "%s is not a directory (links are refused); remove it or set GAUDI_BOX",
                          parent);
    return 0;
}

/* A box under construction: its directory, locked so that nobody takes it for a leftover. */
typedef struct site {
    char path[GAUDI_PATH_LENGTH];
    int dir;
} site;

static int try_site(site *s, const char *parent, const char *name, gaudi_error *error)
{
    struct stat st;
    int length = snprintf(s->path, sizeof s->path, "%s/.%s.XXXXXX", parent, name);
    if (length < 0 || (size_t)length >= sizeof s->path)
        return gaudi_fail(error, -ENAMETOOLONG, "the path %s/%s is too long", parent, name);
    if (!mkdtemp(s->path))
        return gaudi_fail(error, -errno, "cannot write in %s: %s", parent, strerror(errno));
    gaudi_kill_point("directory aside made");
    s->dir = open(s->path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (s->dir < 0 || flock(s->dir, LOCK_EX | LOCK_NB) != 0 || fstat(s->dir, &st) != 0)
        return gaudi_fail(error, -errno, "cannot write in %s: %s", s->path, strerror(errno));
    return st.st_nlink > 0 ? 0 : -EAGAIN;
}

/* Before the lock, another maker may take the directory for a leftover. */
static int open_site(site *s, const char *parent, const char *name, gaudi_error *error)
{
    enum { ATTEMPTS = 10 };
    int rc = -EAGAIN;
    s->dir = -1;
    for (int attempt = 0; attempt < ATTEMPTS && (rc == -EAGAIN || rc == -ENOENT); attempt++) {
        if (s->dir >= 0)
            close(s->dir);
        rc = try_site(s, parent, name, error);
    }
    return rc;
}

static int build(const site *s, const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count,
                 const struct gaudi_nvram *nvram, long group)
{
    int rc = write_box(s->dir, identity, cards, card_count, nvram, group);
    if (rc == 0 && fchmod(s->dir, group >= 0 ? 0775 : 0755) != 0)
        rc = -errno;
    if (rc == 0 && group >= 0 && fchown(s->dir, (uid_t)-1, (gid_t)group) != 0)
        rc = -errno;
    return rc;
}

/* rename(2) onto a directory works only if that is empty, so a box that exists is exchanged in one step. It is marked
 * retired before: whoever dies in between leaves readers that know, and no box that looks healthy for ever. */
static int publish_box(const char *aside, const char *path, bool may_replace, gaudi_error *error)
{
    int rc = rename(aside, path) == 0 ? 0 : -errno;
    if ((rc == -ENOTEMPTY || rc == -EEXIST) && !may_replace)
        return -EEXIST;
    if (rc == -ENOTEMPTY || rc == -EEXIST) {
        enum { EXCHANGE = 2 }; /* RENAME_EXCHANGE of linux/fs.h */
        gaudi_box_mark(path, 1);
        gaudi_kill_point("old box marked");
        rc = syscall(SYS_renameat2, AT_FDCWD, aside, AT_FDCWD, path, EXCHANGE) == 0 ? 0 : -errno;
    }
    gaudi_kill_point("new box in place");
    return rc == 0 ? 0 : gaudi_fail(error, rc, "cannot publish the box at %s: %s", path, strerror(-rc));
}

/* The cards that come up: all but those that an injected fault keeps away, numbered anew. NULL: out of memory. */
static gaudi_card_image *present(const struct gaudi_nvram *nvram, const gaudi_card_image *cards, size_t *card_count)
{
    gaudi_card_image *kept = calloc(*card_count ? *card_count : 1, sizeof *kept);
    size_t count = 0;
    for (size_t i = 0; kept && i < *card_count; i++) {
        if (gaudi_nvram_is_absent(nvram, &cards[i].identity))
            continue;
        kept[count] = cards[i];
        kept[count].identity.minor = (uint32_t)count;
        count++;
    }
    *card_count = count;
    return kept;
}

static int create(const char *path, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                  size_t card_count, long group, bool may_replace, gaudi_error *error)
{
    char parent[GAUDI_PATH_LENGTH];
    site s = {.path = "", .dir = -1};
    if (card_count > GAUDI_CARD_MAX)
        return gaudi_fail(error, -EINVAL, "a box has at most %d cards", GAUDI_CARD_MAX);
    int rc = make_parent(path, parent, error);
    if (rc != 0)
        return rc;
    struct gaudi_nvram *nvram = gaudi_nvram_load(path);
    if (nvram && may_replace) /* the box that is replaced is switched off */
        gaudi_nvram_note(nvram, path);
    gaudi_card_image *kept = nvram ? present(nvram, cards, &card_count) : NULL;
    if (!kept) {
        gaudi_nvram_free(nvram);
        return gaudi_fail(error, -ENOMEM, "out of memory");
    }
    const char *name = strrchr(path, '/') + 1;
    gaudi_leftovers_sweep(parent, name);
    rc = open_site(&s, parent, name, error);
    if (rc == 0 && (rc = build(&s, identity, kept, card_count, nvram, group)) != 0)
        gaudi_fail(error, rc, "cannot write the box in %s: %s", parent, strerror(-rc));
    if (rc == 0)
        rc = publish_box(s.path, path, may_replace, error);
    if (s.path[0] != '\0')
        gaudi_box_remove(s.path); /* what was replaced, or what failed; nothing if all went well */
    if (s.dir >= 0)
        close(s.dir);
    if (rc == 0 && may_replace)
        (void)gaudi_nvram_save(nvram, path, group); /* the box knows it all too */
    free(kept);
    gaudi_nvram_free(nvram);
    return rc;
}

int gaudi_box_create(const char *path, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                     size_t card_count, long group, gaudi_error *error)
{
    return create(path, identity, cards, card_count, group, true, error);
}

int gaudi_box_create_missing(const char *path, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                             size_t card_count, gaudi_error *error)
{
    int rc = create(path, identity, cards, card_count, -1, false, error);
    return rc == -EEXIST ? 0 : rc; /* somebody else was faster: theirs is as good */
}
