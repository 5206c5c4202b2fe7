/* Holding a card: exclusive by a lock that the kernel frees at any death, renewed by one thread. */
#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>
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
    bool is_fork_handled;
} lease = {.mutex = PTHREAD_MUTEX_INITIALIZER, .wake = PTHREAD_COND_INITIALIZER};

/* Twice a lease: one renewal may come late by all of the other half. */
static const long RENEW_NS = 200 * 1000 * 1000L;

static uint64_t start_time_of_self(void)
{
    /* Field 22 of /proc/self/stat, ticks since boot; for display, 0 where there is no /proc. */
    char text[1024];
    unsigned long long ticks = 0;
    FILE *stat = fopen("/proc/self/stat", "re");
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
    p.process[0].start_time = start_time_of_self();
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
    return gaudi_fail(error, -EBUSY, "card %zu is held by %s (pid %u); wait for it or end it", card->index,
                      who.comm[0] ? who.comm : "another process", who.pid);
}

static void note_holder(gaudi_card *card, const gaudi_processes *who, uint64_t token)
{
    gaudi_core core;
    gaudi_section_write(&card->file->processes.sequence, sizeof *who, who);
    gaudi_kill_point("holder named, token not set");
    if (gaudi_section_read(&card->file->core.sequence, sizeof core, &core) != 0)
        return;
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

/* After fork the child shares the open file and with it the locks; the parent's death would not free
 * them. The child closes its copies: it holds nothing and writes nothing. */
static void forget_in_child(void)
{
    pthread_mutex_init(&lease.mutex, NULL);
    pthread_cond_init(&lease.wake, NULL);
    for (size_t i = 0; i < lease.count; i++) {
        lease.card[i]->is_held = false;
        lease.card[i]->box->is_writable = false;
        close(lease.card[i]->fd);
        lease.card[i]->fd = -1;
    }
    lease.count = 0;
    lease.is_running = false;
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
    if (!lease.is_fork_handled) {
        pthread_atfork(NULL, NULL, forget_in_child);
        lease.is_fork_handled = true;
    }
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
