/* Making and retiring the files of a box. Files are built aside and appear by one rename; a file that
 * readers may have mapped is never truncated, resized or rewritten, only marked retired and unlinked. */
#include "card_internal.h"
#include "trajectory.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
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

/* Links that the board has; an external port has no partner in an emulated rack unless one is plugged,
 * and a real port without a cable is down. */
static uint64_t links_of(const gaudi_identity *identity)
{
    uint64_t up = 0;
    for (uint32_t p = 0; p < identity->port_count && p < GAUDI_PORT_MAX; p++) {
        if (identity->port[p].peer_card >= 0)
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
    file->driver_loaded = 1;
    for (size_t i = 0; i < card_count; i++)
        file->link_up[i] = links_of(&cards[i].identity);
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

static int write_box(int dir, const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count,
                     long group)
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
        snprintf(name, sizeof name, "accel%zu", i);
        rc = write_file(dir, name, card, sizeof *card, group);
    }
    if (rc == 0)
        rc = write_file(dir, "box", box, sizeof *box, group);
out:
    free(card);
    free(box);
    return rc;
}

/* Remove the files of a box directory and the directory. Names that are not ours stay, and it with them. */
static void remove_box(const char *path)
{
    char name[32];
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0) {
        unlinkat(dir, "box", 0);
        for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
            snprintf(name, sizeof name, "accel%zu", i);
            unlinkat(dir, name, 0);
        }
        close(dir);
    }
    rmdir(path);
}

static int mark_file(int dir, const char *name, size_t size, uint32_t retired)
{
    int fd = openat(dir, name, O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    struct stat st;
    if (fd < 0)
        return -errno;
    int rc = 0;
    gaudi_header *header = MAP_FAILED;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)size) {
        rc = -EBADMSG;
        goto out;
    }
    header = mmap(NULL, sizeof *header, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (header == MAP_FAILED) {
        rc = -errno;
        goto out;
    }
    if (header->magic == GAUDI_MAGIC)
        gaudi_store_u32(&header->retired, retired);
out:
    if (header != MAP_FAILED)
        munmap(header, sizeof *header);
    close(fd);
    return rc;
}

/* Tell everybody who has these files mapped that they are history. */
static void mark_box(const char *path, uint32_t retired)
{
    char name[32];
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    mark_file(dir, "box", sizeof(gaudi_box_file), retired);
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
        snprintf(name, sizeof name, "accel%zu", i);
        if (mark_file(dir, name, sizeof(gaudi_card_file), retired) == -ENOENT)
            break;
    }
    close(dir);
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

static int build_aside(const char *parent, const char *name, char aside[GAUDI_PATH_LENGTH],
                       const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count, long group,
                       gaudi_error *error)
{
    int length = snprintf(aside, GAUDI_PATH_LENGTH, "%s/.%s.XXXXXX", parent, name);
    if (length < 0 || length >= GAUDI_PATH_LENGTH)
        return gaudi_fail(error, -ENAMETOOLONG, "the path %s/%s is too long", parent, name);
    if (!mkdtemp(aside))
        return gaudi_fail(error, -errno, "cannot write in %s: %s", parent, strerror(errno));
    int dir = open(aside, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int rc = dir < 0 ? -errno : write_box(dir, identity, cards, card_count, group);
    if (rc == 0 && fchmod(dir, group >= 0 ? 0775 : 0755) != 0)
        rc = -errno;
    if (rc == 0 && group >= 0 && fchown(dir, (uid_t)-1, (gid_t)group) != 0)
        rc = -errno;
    if (dir >= 0)
        close(dir);
    if (rc != 0) {
        remove_box(aside);
        return gaudi_fail(error, rc, "cannot write the box in %s: %s", parent, strerror(-rc));
    }
    return 0;
}

/* rename(2) onto a directory works only if that is empty, so a box that exists is exchanged in one step. */
static int publish_box(const char *aside, const char *path, bool may_replace, gaudi_error *error)
{
    int rc = rename(aside, path) == 0 ? 0 : -errno;
    if (rc == -ENOTEMPTY || rc == -EEXIST) {
        if (!may_replace) {
            remove_box(aside);
            return -EEXIST;
        }
        enum { EXCHANGE = 2 }; /* RENAME_EXCHANGE of linux/fs.h */
        rc = syscall(SYS_renameat2, AT_FDCWD, aside, AT_FDCWD, path, EXCHANGE) == 0 ? 0 : -errno;
        if (rc == 0)
            mark_box(aside, 1);
    }
    if (rc != 0)
        gaudi_fail(error, rc, "cannot publish the box at %s: %s", path, strerror(-rc));
    remove_box(aside);
    return rc;
}

static int create(const char *path, const gaudi_box_identity *identity, const gaudi_card_image *cards,
                  size_t card_count, long group, bool may_replace, gaudi_error *error)
{
    char parent[GAUDI_PATH_LENGTH];
    char aside[GAUDI_PATH_LENGTH];
    if (card_count > GAUDI_CARD_MAX)
        return gaudi_fail(error, -EINVAL, "a box has at most %d cards", GAUDI_CARD_MAX);
    int rc = make_parent(path, parent, error);
    if (rc == 0)
        rc = build_aside(parent, strrchr(path, '/') + 1, aside, identity, cards, card_count, group, error);
    if (rc == 0)
        rc = publish_box(aside, path, may_replace, error);
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

int gaudi_box_retire(const char *path, uint32_t retired, gaudi_error *error)
{
    char aside[GAUDI_PATH_LENGTH];
    int length = snprintf(aside, sizeof aside, "%s.retired-%ld", path, (long)getpid());
    if (length < 0 || (size_t)length >= sizeof aside)
        return gaudi_fail(error, -ENAMETOOLONG, "the path %s is too long", path);
    if (rename(path, aside) != 0)
        return gaudi_fail(error, -errno, "cannot take down the box at %s: %s", path, strerror(errno));
    mark_box(aside, retired);
    remove_box(aside);
    return 0;
}

int gaudi_box_set_driver(const char *path, bool is_loaded, gaudi_error *error)
{
    struct stat st;
    int rc = 0;
    gaudi_box_file *box = MAP_FAILED;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = dir < 0 ? -1 : openat(dir, "box", O_RDWR | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0) {
        rc = gaudi_fail(error, -errno, "cannot open %s/box: %s", path, strerror(errno));
        goto out;
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_size < (off_t)sizeof *box) {
        rc = gaudi_fail(error, -EBADMSG, "%s/box is not a file of an emulated box", path);
        goto out;
    }
    box = mmap(NULL, sizeof *box, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (box == MAP_FAILED)
        rc = gaudi_fail(error, -errno, "cannot map %s/box: %s", path, strerror(errno));
    else if (box->header.magic != GAUDI_MAGIC || box->header.kind != GAUDI_FILE_BOX)
        rc = gaudi_fail(error, -EBADMSG, "%s/box is not a file of an emulated box", path);
    else
        gaudi_store_u32(&box->driver_loaded, is_loaded ? 1 : 0);
out:
    if (box != MAP_FAILED)
        munmap(box, sizeof *box);
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return rc;
}
