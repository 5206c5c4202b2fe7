/* What cards never forget: aggregate ECC counters, replaced rows, reset counts, and faults that act when a server boots.
 * While a box is up that lies in its card files; when it is taken down or replaced it goes to the file <path>.nvram, by
 * serial number, and the next box at that path begins with it. */
#include "card_internal.h"

#include "fault_kinds.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static const uint64_t MAGIC = UINT64_C(0x314d415256475541); /* "AUGVRAM1" in the file */

enum { FLAG_ABSENT = 1, FLAG_FIRMWARE = 2, COUNTERS = 5 };

typedef struct record {
    char serial[32];
    uint64_t aggregate[COUNTERS];
    uint32_t reset_count;
    uint32_t flags;
    uint32_t row_count;
    uint32_t reserved;
    gaudi_row row[GAUDI_ROW_MAX];
} record;

typedef struct gaudi_nvram {
    uint64_t magic;
    uint64_t count;
    record card[GAUDI_CARD_MAX];
} gaudi_nvram;

static void path_of(char *out, size_t size, const char *path)
{
    snprintf(out, size, "%s.nvram", path);
}

static bool is_sound(const gaudi_nvram *n)
{
    bool sound = n->magic == MAGIC && n->count <= GAUDI_CARD_MAX;
    for (uint64_t i = 0; sound && i < n->count; i++)
        sound = memchr(n->card[i].serial, '\0', sizeof n->card[i].serial) && n->card[i].row_count <= GAUDI_ROW_MAX;
    return sound;
}

gaudi_nvram *gaudi_nvram_load(const char *path)
{
    char file[GAUDI_PATH_LENGTH + 16];
    struct stat st;
    gaudi_nvram *n = calloc(1, sizeof *n);
    path_of(file, sizeof file, path);
    int fd = n ? open(file, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC) : -1;
    bool is_ours = fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
                   (st.st_uid == geteuid() || st.st_uid == 0 || geteuid() == 0);
    if (n && (!is_ours || read(fd, n, sizeof *n) != (ssize_t)sizeof *n || !is_sound(n))) {
        memset(n, 0, sizeof *n); /* foreign or damaged: new cards remember nothing */
        n->magic = MAGIC;
    }
    if (fd >= 0)
        close(fd);
    return n;
}

void gaudi_nvram_free(gaudi_nvram *n)
{
    free(n);
}

static bool is_blank(const record *r)
{
    uint64_t sum = r->reset_count | r->flags | r->row_count;
    for (int i = 0; i < COUNTERS; i++)
        sum |= r->aggregate[i];
    return sum == 0;
}

static bool remembers_nothing(const gaudi_nvram *n)
{
    for (uint64_t i = 0; i < n->count; i++) {
        if (!is_blank(&n->card[i]))
            return false;
    }
    return true;
}

/* Aside and renamed, as everything that others may read. */
int gaudi_nvram_save(const gaudi_nvram *n, const char *path, long group)
{
    char file[GAUDI_PATH_LENGTH + 16];
    char aside[GAUDI_PATH_LENGTH + 32];
    struct stat st;
    path_of(file, sizeof file, path);
    if (remembers_nothing(n))
        return unlink(file) == 0 || errno == ENOENT ? 0 : -errno;
    snprintf(aside, sizeof aside, "%s.new", file); /* always the same, so that who dies here leaves no second one */
    int fd = open(aside, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600);
    if (fd < 0)
        return -errno;
    int rc = fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_uid == geteuid() ? 0 : -EPERM;
    if (rc == 0 && write(fd, n, sizeof *n) != (ssize_t)sizeof *n)
        rc = -ENOSPC;
    if (rc == 0 && fchmod(fd, group >= 0 ? 0664 : 0644) != 0)
        rc = -errno;
    if (rc == 0 && group >= 0 && fchown(fd, (uid_t)-1, (gid_t)group) != 0)
        rc = -errno;
    if (close(fd) != 0 && rc == 0)
        rc = -errno;
    if (rc == 0 && rename(aside, file) != 0)
        rc = -errno;
    if (rc != 0)
        unlink(aside);
    return rc;
}

static record *find(gaudi_nvram *n, const char *serial)
{
    for (uint64_t i = 0; i < n->count; i++) {
        if (strcmp(n->card[i].serial, serial) == 0)
            return &n->card[i];
    }
    if (n->count == GAUDI_CARD_MAX)
        return NULL;
    record *fresh = &n->card[n->count++];
    memset(fresh, 0, sizeof *fresh);
    snprintf(fresh->serial, sizeof fresh->serial, "%s", serial);
    return fresh;
}

static uint32_t boot_flags(const gaudi_faults *faults)
{
    uint32_t flags = 0;
    for (uint32_t i = 0; i < faults->count && i < GAUDI_FAULT_MAX; i++) {
        flags |= faults->fault[i].kind == GAUDI_FAULT_ABSENT_AT_BOOT ? FLAG_ABSENT : 0;
        flags |= faults->fault[i].kind == GAUDI_FAULT_FIRMWARE_MISMATCH ? FLAG_FIRMWARE : 0;
    }
    return flags;
}

static void note_card(gaudi_nvram *n, const gaudi_card_file *file)
{
    char serial[32];
    gaudi_core core;
    gaudi_rows rows;
    gaudi_faults faults;
    memcpy(serial, file->identity.serial, sizeof serial);
    serial[sizeof serial - 1] = '\0';
    if (gaudi_section_read(&file->core.sequence, sizeof core, &core) != 0 ||
        gaudi_section_read(&file->rows.sequence, sizeof rows, &rows) != 0 ||
        gaudi_section_read(&file->faults.sequence, sizeof faults, &faults) != 0)
        return;
    record *r = serial[0] ? find(n, serial) : NULL;
    if (!r)
        return;
    uint64_t now[COUNTERS] = {rows.hbm_corrected[1], rows.hbm_uncorrected[1], rows.sram_corrected[1],
                              rows.sram_uncorrected[1], rows.critical[1]};
    memcpy(r->aggregate, now, sizeof now);
    r->reset_count = core.reset_count;
    r->flags = boot_flags(&faults);
    r->row_count = rows.row_count <= GAUDI_ROW_MAX ? rows.row_count : 0;
    memcpy(r->row, rows.row, sizeof r->row);
    for (uint32_t i = 0; i < GAUDI_ROW_MAX; i++)
        r->row[i].is_pending = 0; /* to switch a server off and on is a reset too */
}

/* Returns false where there is no further card. */
static bool note_file(gaudi_nvram *n, int dir, size_t index)
{
    char name[32];
    struct stat st;
    snprintf(name, sizeof name, "accel%zu", index);
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return false;
    if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) && st.st_size >= (off_t)sizeof(gaudi_card_file)) {
        gaudi_card_file *file = mmap(NULL, sizeof *file, PROT_READ, MAP_SHARED, fd, 0);
        if (file != MAP_FAILED) {
            if (file->header.magic == GAUDI_MAGIC && file->header.kind == GAUDI_FILE_CARD &&
                file->header.major == GAUDI_LAYOUT_MAJOR && file->header.size_bytes == sizeof *file)
                note_card(n, file);
            munmap(file, sizeof *file);
        }
    }
    close(fd);
    return true;
}

void gaudi_nvram_note(gaudi_nvram *n, const char *box_path)
{
    int dir = open(box_path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    if (dir < 0)
        return;
    for (size_t i = 0; i < GAUDI_CARD_MAX && note_file(n, dir, i); i++)
        continue;
    close(dir);
}

static const record *recall(const gaudi_nvram *n, const char *serial)
{
    for (uint64_t i = 0; i < n->count; i++) {
        if (strcmp(n->card[i].serial, serial) == 0)
            return &n->card[i];
    }
    return NULL;
}

bool gaudi_nvram_is_absent(const gaudi_nvram *n, const gaudi_identity *identity)
{
    const record *r = recall(n, identity->serial);
    return r && (r->flags & FLAG_ABSENT);
}

/* "...-fw-62.1.0-..." becomes "...-fw-61.1.0-...": the card kept the firmware before this one. */
static void age_firmware(char *text, size_t size)
{
    char *digit = strstr(text, "-fw-");
    if (!digit)
        return;
    digit += strlen("-fw-");
    while (digit + 1 < text + size && isdigit((unsigned char)digit[0]) && isdigit((unsigned char)digit[1]))
        digit++;
    if (digit < text + size && digit[0] >= '1' && digit[0] <= '9')
        digit[0]--;
    else if (digit < text + size && digit[0] == '0')
        digit[0] = '9'; /* 60 reads 69: another version all the same */
}

static void keep_fault(gaudi_card_file *file, uint32_t kind)
{
    gaudi_faults *faults = &file->faults.slot[0];
    gaudi_fault *fault = &faults->fault[faults->count++];
    fault->kind = kind;
    fault->degree = 1.0;
    fault->injected_ns = file->core.slot[0].published_ns;
}

void gaudi_nvram_apply(const gaudi_nvram *n, gaudi_card_file *file)
{
    const record *r = recall(n, file->identity.serial);
    gaudi_rows *rows = &file->rows.slot[0];
    if (!r)
        return;
    rows->hbm_corrected[1] = r->aggregate[0];
    rows->hbm_uncorrected[1] = r->aggregate[1];
    rows->sram_corrected[1] = r->aggregate[2];
    rows->sram_uncorrected[1] = r->aggregate[3];
    rows->critical[1] = r->aggregate[4];
    rows->row_count = r->row_count;
    memcpy(rows->row, r->row, sizeof rows->row);
    file->core.slot[0].reset_count = r->reset_count;
    if (r->flags & FLAG_FIRMWARE) {
        age_firmware(file->identity.fw_fit, sizeof file->identity.fw_fit);
        age_firmware(file->identity.fw_spi, sizeof file->identity.fw_spi);
        age_firmware(file->identity.fw_uboot, sizeof file->identity.fw_uboot);
        age_firmware(file->identity.fw_os, sizeof file->identity.fw_os);
        keep_fault(file, GAUDI_FAULT_FIRMWARE_MISMATCH);
    }
}

int gaudi_box_purge(const char *path, gaudi_error *error)
{
    char file[GAUDI_PATH_LENGTH + 16];
    path_of(file, sizeof file, path);
    if (unlink(file) == 0 || errno == ENOENT)
        return 0;
    return gaudi_fail(error, -errno, "cannot remove %s: %s", file, strerror(errno));
}

/* Cards that stay out come back with the next boot. */
int gaudi_box_restore_absent(const char *path, gaudi_error *error)
{
    gaudi_nvram *n = gaudi_nvram_load(path);
    int count = 0;
    if (!n)
        return gaudi_fail(error, -ENOMEM, "out of memory");
    for (uint64_t i = 0; i < n->count; i++) {
        count += (n->card[i].flags & FLAG_ABSENT) ? 1 : 0;
        n->card[i].flags &= ~(uint32_t)FLAG_ABSENT;
    }
    int rc = count > 0 ? gaudi_nvram_save(n, path, -1) : 0;
    gaudi_nvram_free(n);
    return rc == 0 ? count : gaudi_fail(error, rc, "cannot write %s.nvram: %s", path, strerror(-rc));
}
