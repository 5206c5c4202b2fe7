/* The kernel log of a box: a line for whatever the habanalabs driver would have reported, appended to the file `kmsg` of
 * the box by whoever acts. One line is one write: "level,box_ns,card;text", card "-" for the driver as a whole. What comes
 * about by itself (the published future) is written by the publish that folds it away; until then a reader asks
 * gaudi_card_log_pending. Key words and prefixes are those of the driver (drivers/accel/habanalabs), so that rules that
 * watch a kernel log find them. */
#include "card_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { LEVEL_ERROR = 3, LEVEL_WARNING = 4, LEVEL_INFORMATION = 6 };

/* Beyond this the log goes on in a new file, and only one old one is kept: a ring, as the kernel's. */
enum { LOG_BYTES_MAX = 256 * 1024, LINE_BYTES_MAX = 256 };

static int open_log(const char *path)
{
    char old[GAUDI_PATH_LENGTH + 16];
    char now[GAUDI_PATH_LENGTH + 16];
    enum { FLAGS = O_WRONLY | O_APPEND | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC };
    struct stat st;
    snprintf(now, sizeof now, "%s/" GAUDI_LOG_NAME, path);
    int fd = open(now, FLAGS);
    if (fd >= 0 && (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode))) {
        close(fd);
        return -1;
    }
    if (fd < 0 || st.st_size < LOG_BYTES_MAX)
        return fd;
    snprintf(old, sizeof old, "%s/" GAUDI_LOG_OLD_NAME, path);
    int fresh = rename(now, old) == 0 ? open(now, FLAGS | O_CREAT | O_EXCL, st.st_mode & 0777) : -1;
    if (fresh < 0)
        return fd;
    if (fchmod(fresh, st.st_mode & 0777) != 0 || fchown(fresh, (uid_t)-1, st.st_gid) != 0)
        errno = 0; /* its own rights will have to do */
    close(fd);
    return fresh;
}

/* The line as it stands in the file; 0 if it does not fit. */
static size_t format_line(char *out, size_t size, const gaudi_log_line *line)
{
    char card[16] = "-";
    if (line->card >= 0)
        snprintf(card, sizeof card, "%d", line->card);
    int length =
        snprintf(out, size, "%u,%llu,%s;%s\n", line->level, (unsigned long long)line->box_ns, card, line->text);
    return length > 0 && (size_t)length < size ? (size_t)length : 0;
}

static void append(const gaudi_box *box, const gaudi_log_line *line)
{
    char text[LINE_BYTES_MAX];
    int fd = box->path[0] && box->is_writable ? open_log(box->path) : -1;
    if (fd < 0)
        return; /* private to this process, or not ours to write */
    size_t length = format_line(text, sizeof text, line);
    if (write(fd, text, length) < 0)
        errno = 0; /* a full /dev/shm must not stop the card */
    close(fd);
}

static void compose(gaudi_log_line *line, int32_t card, unsigned int level, uint64_t box_ns, const char *format,
                    va_list values)
{
    line->box_ns = box_ns;
    line->card = card;
    line->level = level;
    vsnprintf(line->text, sizeof line->text, format, values);
    for (char *c = line->text; *c; c++) {
        if ((unsigned char)*c < ' ')
            *c = ' ';
    }
}

void gaudi_log(const gaudi_card *card, unsigned int level, uint64_t box_ns, const char *format, ...)
{
    gaudi_log_line line;
    va_list values;
    va_start(values, format);
    compose(&line, (int32_t)card->index, level, box_ns, format, values);
    va_end(values);
    append(card->box, &line);
}

void gaudi_log_driver(const gaudi_box *box, unsigned int level, const char *format, ...)
{
    gaudi_log_line line;
    va_list values;
    va_start(values, format);
    compose(&line, -1, level, gaudi_box_now(box), format, values);
    va_end(values);
    append(box, &line);
}

static void write_out(gaudi_log_line *line, int32_t card, unsigned int level, uint64_t box_ns, const char *format, ...)
    __attribute__((format(printf, 5, 6)));

static void write_out(gaudi_log_line *line, int32_t card, unsigned int level, uint64_t box_ns, const char *format, ...)
{
    va_list values;
    va_start(values, format);
    compose(line, card, level, box_ns, format, values);
    va_end(values);
}

/* What the driver says when it finds its cards: a line about itself, two a card. */
enum { BOOT_LINES_A_CARD = 2 };

static void boot_line(gaudi_log_line *line, const gaudi_identity *identity, int32_t card, int which, uint64_t box_ns)
{
    if (which == 0)
        write_out(line, -1, LEVEL_INFORMATION, box_ns, "habanalabs %s: habanalabs device found [%04x:%04x] (rev %u)",
                  identity->bus_id, identity->pci_device_id >> 16, identity->pci_device_id & 0xffff,
                  identity->pci_revision);
    else
        write_out(line, card, LEVEL_INFORMATION, box_ns, "Successfully added device %s to habanalabs driver",
                  identity->bus_id);
}

char *gaudi_log_boot_text(const gaudi_box_identity *identity, const gaudi_card_image *cards, size_t card_count,
                          uint64_t box_ns, size_t *size)
{
    size_t room = LINE_BYTES_MAX * (1 + BOOT_LINES_A_CARD * card_count);
    char *text = malloc(room);
    gaudi_log_line line;
    if (!text)
        return NULL;
    write_out(&line, -1, LEVEL_INFORMATION, box_ns, "habanalabs: loading driver, version: %s", identity->driver_version);
    *size = format_line(text, room, &line);
    for (size_t i = 0; i < BOOT_LINES_A_CARD * card_count; i++) {
        size_t card = i / BOOT_LINES_A_CARD;
        boot_line(&line, &cards[card].identity, (int32_t)card, (int)(i % BOOT_LINES_A_CARD), box_ns);
        *size += format_line(text + *size, room - *size, &line);
    }
    return text;
}

void gaudi_log_boot(const gaudi_box *box)
{
    gaudi_log_line line;
    gaudi_log_driver(box, LEVEL_INFORMATION, "habanalabs: loading driver, version: %s",
                     box->identity.driver_version);
    for (size_t i = 0; i < BOOT_LINES_A_CARD * box->card_count; i++) {
        size_t card = i / BOOT_LINES_A_CARD;
        boot_line(&line, &box->card[card].identity, (int32_t)card, (int)(i % BOOT_LINES_A_CARD),
                  gaudi_box_now(box));
        append(box, &line);
    }
}

uint64_t gaudi_box_boot_ns(const gaudi_box *box)
{
    return gaudi_load_u64(&box->file->boot_ns);
}

void gaudi_card_log(gaudi_card *card, unsigned int level, const char *text)
{
    gaudi_log(card, level <= 7 ? level : LEVEL_INFORMATION, gaudi_box_now(card->box), "%s", text);
}

static void note(gaudi_notes *notes, uint64_t box_ns, enum gaudi_note_kind kind, double die_c)
{
    if (notes->count < GAUDI_NOTE_MAX)
        notes->note[notes->count++] = (gaudi_note){.box_ns = box_ns, .kind = kind, .die_c = die_c};
}

static void note_countdown(gaudi_notes *notes, const gaudi_core *core, uint64_t until_ns)
{
    if (core->status_until_ns <= core->published_ns || core->status_until_ns > until_ns)
        return;
    if (core->status_after == GAUDI_STATUS_OPERATIONAL)
        note(notes, core->status_until_ns, GAUDI_NOTE_RESET_DONE, 0.0);
    else if (core->status_after == GAUDI_STATUS_NEEDS_RESET)
        note(notes, core->status_until_ns, GAUDI_NOTE_GIVEN_UP, 0.0);
    else
        note(notes, core->status_until_ns, GAUDI_NOTE_HEARTBEAT, 0.0);
}

void gaudi_notes_of(const gaudi_core *core, uint64_t until_ns, gaudi_notes *notes)
{
    notes->count = 0;
    note_countdown(notes, core, until_ns);
    for (uint32_t i = 1; i < core->segment_count && i < GAUDI_SEGMENT_MAX; i++) {
        const gaudi_segment *s = &core->segment[i];
        uint32_t before = core->segment[i - 1].flags;
        if (s->start_ns <= core->published_ns || s->start_ns > until_ns)
            continue;
        if (s->flags & ~before & GAUDI_THROTTLE_THERMAL)
            note(notes, s->start_ns, GAUDI_NOTE_HOT, s->die_c + s->die_a);
        if (before & ~s->flags & GAUDI_THROTTLE_THERMAL)
            note(notes, s->start_ns, GAUDI_NOTE_COOL, s->die_c + s->die_a);
        if (s->flags & ~before & GAUDI_THERMAL_SHUTDOWN)
            note(notes, s->start_ns, GAUDI_NOTE_SHUTDOWN, s->die_c + s->die_a);
    }
}

static void line_of(const gaudi_card *card, const gaudi_note *n, uint64_t launches, gaudi_log_line *line)
{
    int32_t index = (int32_t)card->index;
    switch (n->kind) {
    case GAUDI_NOTE_RESET_DONE:
        write_out(line, index, LEVEL_INFORMATION, n->box_ns, "Successfully finished resetting the %s device",
                  card->identity.bus_id);
        break;
    case GAUDI_NOTE_GIVEN_UP:
        write_out(line, index, LEVEL_ERROR, n->box_ns,
                  "Command submission %llu has not finished in 30 seconds! The device needs a reset",
                  (unsigned long long)launches + 1);
        break;
    case GAUDI_NOTE_HEARTBEAT:
        write_out(line, index, LEVEL_ERROR, n->box_ns, "Device heartbeat failed! PCI link is healthy");
        break;
    case GAUDI_NOTE_HOT:
        write_out(line, index, LEVEL_WARNING, n->box_ns, "Clock throttling due to overheating, die at %.1f C", n->die_c);
        break;
    case GAUDI_NOTE_COOL:
        write_out(line, index, LEVEL_INFORMATION, n->box_ns, "Thermal envelop is safe, back to optimal clock");
        break;
    case GAUDI_NOTE_SHUTDOWN:
        write_out(line, index, LEVEL_ERROR, n->box_ns, "Critical temperature, die at %.1f C: engines are shut down",
                  n->die_c);
        break;
    }
}

void gaudi_notes_write(const gaudi_card *card, const gaudi_notes *notes, uint64_t launches)
{
    gaudi_log_line line;
    for (uint32_t i = 0; i < notes->count; i++) {
        line_of(card, &notes->note[i], launches, &line);
        append(card->box, &line);
    }
}

size_t gaudi_card_log_pending(const gaudi_card *card, gaudi_log_line *lines, size_t max)
{
    gaudi_core core;
    gaudi_notes notes;
    size_t count = 0;
    if (gaudi_section_read(&card->file->core.sequence, sizeof core, &core) != 0)
        return 0;
    gaudi_notes_of(&core, gaudi_card_moment(card), &notes);
    for (; count < notes.count && count < max; count++)
        line_of(card, &notes.note[count], core.launches, &lines[count]);
    return count;
}
