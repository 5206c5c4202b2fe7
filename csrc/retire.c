/* Taking the files of a box away. A file that readers may have mapped is never truncated, resized or rewritten: it is first
 * marked retired, then renamed aside, then unlinked. Whoever dies on the way leaves a box that everybody knows to be gone,
 * and leftovers that the next one who makes or takes down a box of that name removes. */
#include "box_files.h"
#include "kill_point.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Remove the files of a box directory and the directory. Names that are not ours stay, and it with them. */
void gaudi_box_remove(const char *path)
{
    char name[32];
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir >= 0) {
        unlinkat(dir, "box", 0);
        gaudi_kill_point("box file removed");
        unlinkat(dir, GAUDI_LOG_NAME, 0);
        unlinkat(dir, GAUDI_LOG_OLD_NAME, 0);
        for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
            snprintf(name, sizeof name, "accel%zu", i);
            unlinkat(dir, name, 0);
            snprintf(name, sizeof name, "nic%zu", i);
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
void gaudi_box_mark(const char *path, uint32_t retired)
{
    char name[32];
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    mark_file(dir, "box", sizeof(gaudi_box_file), retired);
    gaudi_kill_point("box file marked");
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++) {
        snprintf(name, sizeof name, "accel%zu", i);
        if (mark_file(dir, name, sizeof(gaudi_card_file), retired) == -ENOENT)
            break;
    }
    close(dir);
}

/* Is this the name of a directory aside of box `name`: ".NAME." and six letters or digits? */
static bool is_aside(const char *entry, const char *name)
{
    size_t length = strlen(name);
    return entry[0] == '.' && strncmp(entry + 1, name, length) == 0 && entry[length + 1] == '.' &&
           strlen(entry + length + 2) == 6 &&
           strspn(entry + length + 2, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789") == 6;
}

/* A living maker of boxes holds a lock on its directory, and finds out if we were faster. */
static void remove_if_left(const char *path)
{
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    if (flock(dir, LOCK_EX | LOCK_NB) == 0)
        gaudi_box_remove(path);
    close(dir);
}

void gaudi_leftovers_sweep(const char *parent, const char *name)
{
    char path[GAUDI_PATH_LENGTH];
    DIR *dir = opendir(parent);
    const struct dirent *entry = NULL;
    while (dir && (entry = readdir(dir)) != NULL) {
        if (!is_aside(entry->d_name, name))
            continue;
        int length = snprintf(path, sizeof path, "%s/%s", parent, entry->d_name);
        if (length > 0 && (size_t)length < sizeof path)
            remove_if_left(path);
    }
    if (dir)
        closedir(dir);
}

/* Rename a box to an empty directory aside. */
static int move_aside(const char *path, char aside[GAUDI_PATH_LENGTH])
{
    const char *slash = strrchr(path, '/');
    if (!slash)
        return -EINVAL;
    int length = snprintf(aside, GAUDI_PATH_LENGTH, "%.*s/.%s.XXXXXX", (int)(slash - path), path, slash + 1);
    if (length < 0 || length >= GAUDI_PATH_LENGTH)
        return -ENAMETOOLONG;
    if (!mkdtemp(aside))
        return -errno;
    gaudi_kill_point("place aside made");
    if (rename(path, aside) == 0)
        return 0;
    int rc = -errno;
    rmdir(aside);
    return rc;
}

/* What the cards never forget, for the next box at this path. */
static void remember(const char *path, long group)
{
    struct gaudi_nvram *nvram = gaudi_nvram_load(path);
    if (!nvram)
        return;
    gaudi_nvram_note(nvram, path);
    (void)gaudi_nvram_save(nvram, path, group);
    gaudi_nvram_free(nvram);
}

int gaudi_box_retire(const char *path, uint32_t retired, gaudi_error *error)
{
    char aside[GAUDI_PATH_LENGTH];
    struct stat st;
    if (lstat(path, &st) != 0)
        return gaudi_fail(error, -errno, "cannot take down the box at %s: %s", path, strerror(errno));
    if (!S_ISDIR(st.st_mode))
        return gaudi_fail(error, -ENOTDIR, "%s is no box: it is not a directory (links are refused)", path);
    gaudi_box_mark(path, retired);
    gaudi_kill_point("box marked");
    remember(path, (st.st_mode & 0020) ? (long)st.st_gid : -1);
    gaudi_kill_point("cards remembered");
    int rc = move_aside(path, aside);
    if (rc != 0)
        return gaudi_fail(error, rc, "cannot take down the box at %s: %s", path, strerror(-rc));
    gaudi_kill_point("box aside");
    gaudi_box_remove(aside);
    return 0;
}

/* The retired word of the box file in a directory; 0 if there is none to be read. */
static uint32_t retired_of(const char *path)
{
    gaudi_header header;
    uint32_t retired = 0;
    int dir = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    int fd = dir < 0 ? -1 : openat(dir, "box", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd >= 0 && pread(fd, &header, sizeof header, 0) == sizeof header && header.magic == GAUDI_MAGIC)
        retired = header.retired;
    if (fd >= 0)
        close(fd);
    if (dir >= 0)
        close(dir);
    return retired;
}

void gaudi_retired_clear(const char *path)
{
    char aside[GAUDI_PATH_LENGTH];
    enum { NOREPLACE = 1 }; /* RENAME_NOREPLACE of linux/fs.h */
    if (retired_of(path) == 0 || move_aside(path, aside) != 0)
        return;
    /* Somebody may have put a new box there just before the rename: give it back. */
    if (retired_of(aside) == 0 && syscall(SYS_renameat2, AT_FDCWD, aside, AT_FDCWD, path, NOREPLACE) == 0)
        return;
    gaudi_box_remove(aside);
}
