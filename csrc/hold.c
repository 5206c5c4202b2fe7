/* Holding a card: exclusive by a lock that the kernel frees at any death, renewed by one thread. */
#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* The cards that the renewing thread of this process serves. Guarded by `mutex`. */
static struct {
    pthread_mutex_t mutex;
    pthread_cond_t wake;
    gaudi_card *card[GAUDI_CARD_MAX];
    size_t count;
    bool is_running;
} lease = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* The boxes that this process has open for writing, for the child of a fork. Guarded by `mutex`. */
static struct {
    pthread_mutex_t mutex;
    gaudi_box *first;
    bool is_fork_handled;
} followed = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Twice a lease: one renewal may come late by all of the other half. */
static const long RENEW_NS = 200 * 1000 * 1000L;

static uint64_t start_time_of(uint32_t pid)
{
    /* Field 22 of /proc/<pid>/stat, ticks since boot; 0 where there is no /proc or no such process. */
    char text[1024];
    unsigned long long ticks = 0;
    snprintf(text, sizeof text, "/proc/%u/stat", pid);
    FILE *stat = fopen(text, "re");
    if (!stat)
        return 0;
    size_t length = fread(text, 1, sizeof text - 1, stat);
    text[length] = '\0';
    const char *after = strrchr(text, ')');
    if (after)
        (void)sscanf(after + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %*u %*u %*d %*d %*d %*d %*d %*d %llu",
                     &ticks);
    fclose(stat);
    return ticks;
}

static gaudi_processes process_of_self(void)
{
    gaudi_processes p;
    memset(&p, 0, sizeof p);
    p.count = 1;
    p.process[0].pid = (uint32_t)getpid();
    p.process[0].uid = (uint32_t)geteuid();
    p.process[0].start_time = start_time_of(p.process[0].pid);
    FILE *comm = fopen("/proc/self/comm", "re");
    if (comm) {
        size_t length = fread(p.process[0].comm, 1, sizeof p.process[0].comm - 1, comm);
        p.process[0].comm[length] = '\0';
        p.process[0].comm[strcspn(p.process[0].comm, "\n")] = '\0';
        fclose(comm);
    }
    return p;
}

static int busy(const gaudi_card *card, gaudi_process *holder, gaudi_error *error)
{
    gaudi_processes found;
    gaudi_process who;
    memset(&who, 0, sizeof who);
    if (gaudi_section_read(&card->file->processes.sequence, sizeof found, &found) == 0 && found.count > 0)
        who = found.process[0];
    who.comm[sizeof who.comm - 1] = '\0';
    if (holder)
        *holder = who;
    /* A pid means something only in the PID namespace of its process; the start time tells whether that is ours. */
    bool is_local = who.start_time == 0 || start_time_of(who.pid) == who.start_time;
    return gaudi_fail(error, -EBUSY, "card %zu is held by %s (pid %u%s); wait for it or end it", card->index,
                      who.comm[0] ? who.comm : "another process", who.pid,
                      is_local ? "" : " of another container");
}

static void note_holder(gaudi_card *card, const gaudi_processes *who, uint64_t token)
{
    gaudi_core core;
    gaudi_section_write(&card->file->processes.sequence, sizeof *who, who);
    gaudi_kill_point("holder named, token not set");
    if (gaudi_section_read(&card->file->core.sequence, sizeof core, &core) != 0)
        return;
    if (token != 0)
        card->reset_count = core.reset_count;
    core.holder_token = token;
    core.holder_lease_end_ns = gaudi_box_now(card->box);
    core.memory_used_bytes = card->identity.memory_reserved_bytes;
    gaudi_section_write(&card->file->core.sequence, sizeof core, &core);
}

/* Also of a box that was taken down: its holder may go as it came. */
static int write_holder(gaudi_card *card, const gaudi_processes *who, uint64_t token, gaudi_error *error)
{
    int rc = gaudi_write_begin_anyway(card, error);
    if (rc != 0)
        return rc;
    note_holder(card, who, token);
    gaudi_write_end(card);
    return 0;
}

int gaudi_card_acquire(gaudi_card *card, gaudi_process *holder, gaudi_error *error)
{
    if (!card->box->is_writable)
        return gaudi_fail(error, -EACCES, "no permission to use card %zu of the box at %s", card->index,
                          card->box->path);
    if (gaudi_box_alive(card->box) != 0)
        return gaudi_fail(error, -ESTALE, "the box at %s was taken down", card->box->path);
    if (card->is_held || gaudi_try_lock(card->fd, GAUDI_LOCK_HOLDER) != 0)
        return busy(card, holder, error);
    gaudi_kill_point("holder locked");
    gaudi_processes self = process_of_self();
    int rc = write_holder(card, &self, gaudi_monotonic_ns() | 1, error);
    if (rc != 0) {
        gaudi_unlock(card->fd, GAUDI_LOCK_HOLDER);
        return rc;
    }
    card->is_held = true;
    return 0;
}

void gaudi_card_release(gaudi_card *card)
{
    static const double NONE[GAUDI_ENGINE_COUNT];
    gaudi_processes nobody;
    if (!card->is_held)
        return;
    gaudi_lease_stop(card);
    memset(&nobody, 0, sizeof nobody);
    (void)gaudi_card_publish_activity(card, NONE, 1.0, NULL);
    (void)write_holder(card, &nobody, 0, NULL);
    card->is_held = false;
    gaudi_kill_point("holder about to unlock");
    gaudi_unlock(card->fd, GAUDI_LOCK_HOLDER);
}

/* The same file anew: an open file that no other process has, so that its locks are ours alone. */
static int reopen(int fd)
{
    char path[32];
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    int fresh = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
    close(fd);
    return fresh;
}

static void renew_files(gaudi_box *box)
{
    pthread_mutex_init(&box->mutex, NULL);
    if (box->fd >= 0 && (box->fd = reopen(box->fd)) < 0)
        box->is_writable = false;
    for (size_t i = 0; i < box->card_count; i++) {
        gaudi_card *card = &box->card[i];
        pthread_mutex_init(&card->mutex, NULL);
        card->is_held = false;
        if (card->fd >= 0 && (card->fd = reopen(card->fd)) < 0)
            box->is_writable = false;
    }
}

/* Parent and child share open files and with them the locks: the parent's death would not free its cards, and both could
 * take the same one. So the child opens its files anew; it holds nothing. No thread but the forking one lives on in it. */
static void before_fork(void)
{
    pthread_mutex_lock(&lease.mutex);
    pthread_mutex_lock(&followed.mutex);
}

static void after_fork_in_parent(void)
{
    pthread_mutex_unlock(&followed.mutex);
    pthread_mutex_unlock(&lease.mutex);
}

static void after_fork_in_child(void)
{
    pthread_mutex_init(&followed.mutex, NULL);
    pthread_mutex_init(&lease.mutex, NULL);
    pthread_cond_init(&lease.wake, NULL);
    lease.count = 0;
    lease.is_running = false;
    for (gaudi_box *box = followed.first; box; box = box->next)
        renew_files(box);
}

void gaudi_locks_follow(gaudi_box *box)
{
    pthread_mutex_lock(&followed.mutex);
    if (!followed.is_fork_handled)
        pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child);
    followed.is_fork_handled = true;
    box->next = followed.first;
    followed.first = box;
    pthread_mutex_unlock(&followed.mutex);
}

void gaudi_locks_forget(gaudi_box *box)
{
    pthread_mutex_lock(&followed.mutex);
    for (gaudi_box **link = &followed.first; *link; link = &(*link)->next) {
        if (*link == box) {
            *link = box->next;
            break;
        }
    }
    pthread_mutex_unlock(&followed.mutex);
}

static void *renew_forever(void *unused)
{
    (void)unused;
    pthread_mutex_lock(&lease.mutex);
    while (lease.count > 0) {
        struct timespec until;
        for (size_t i = 0; i < lease.count; i++)
            (void)gaudi_card_renew(lease.card[i]);
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += RENEW_NS;
        until.tv_sec += until.tv_nsec / 1000000000L;
        until.tv_nsec %= 1000000000L;
        pthread_cond_timedwait(&lease.wake, &lease.mutex, &until);
    }
    lease.is_running = false;
    pthread_mutex_unlock(&lease.mutex);
    return NULL;
}

static int start_thread(void)
{
    pthread_t thread;
    pthread_attr_t attributes;
    int rc = pthread_attr_init(&attributes);
    if (rc != 0)
        return -rc;
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    rc = pthread_create(&thread, &attributes, renew_forever, NULL);
    pthread_attr_destroy(&attributes);
    return -rc;
}

int gaudi_lease_start(gaudi_card *card, gaudi_error *error)
{
    int rc = 0;
    pthread_mutex_lock(&lease.mutex);
    if (lease.count >= GAUDI_CARD_MAX) {
        rc = gaudi_fail(error, -ENOSPC, "a process renews at most %d cards", GAUDI_CARD_MAX);
    } else {
        lease.card[lease.count++] = card;
        if (!lease.is_running)
            rc = start_thread();
        if (rc == 0)
            lease.is_running = true;
        else
            lease.count--;
    }
    pthread_mutex_unlock(&lease.mutex);
    return rc;
}

void gaudi_lease_stop(gaudi_card *card)
{
    pthread_mutex_lock(&lease.mutex);
    for (size_t i = 0; i < lease.count; i++) {
        if (lease.card[i] == card) {
            lease.card[i] = lease.card[--lease.count];
            break;
        }
    }
    pthread_cond_signal(&lease.wake);
    pthread_mutex_unlock(&lease.mutex);
}
