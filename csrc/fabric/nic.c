/* The NIC of a card as a whole: opening, closing, and the thread that serves it. */
#include "internal.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* Open NICs of this process, for fork. */
static struct {
    pthread_mutex_t mutex;
    gaudi_nic *first;
    bool is_fork_handled;
} open_nics = {.mutex = PTHREAD_MUTEX_INITIALIZER};

int nic_fail(gaudi_error *error, int code, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(error->text, sizeof error->text, format, arguments);
        va_end(arguments);
    }
    return code;
}

uint64_t nic_now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

void nic_lock(gaudi_nic *nic)
{
    __atomic_fetch_add(&nic->waiters, 1, __ATOMIC_ACQ_REL);
    pthread_mutex_lock(&nic->mutex);
    __atomic_fetch_sub(&nic->waiters, 1, __ATOMIC_ACQ_REL);
}

void nic_unlock(gaudi_nic *nic)
{
    pthread_mutex_unlock(&nic->mutex);
}

void nic_wake(gaudi_nic *nic)
{
    link_ring_doorbell(nic->own.file);
}

static int card_of_module(gaudi_box *box, int32_t module)
{
    for (size_t i = 0; i < gaudi_box_card_count(box); i++) {
        if ((int32_t)gaudi_card_identity(gaudi_box_card(box, i))->module_id == module)
            return (int)i;
    }
    return -1;
}

int nic_make_loop(link_ring *ring)
{
    ring->control = calloc(1, sizeof *ring->control);
    ring->slot = calloc(RING_SLOTS, sizeof *ring->slot);
    if (ring->control && ring->slot)
        return 0;
    free(ring->control);
    free(ring->slot);
    *ring = (link_ring){0};
    return -ENOMEM;
}

int nic_connect(gaudi_nic *nic, uint32_t port, bool *has_route, gaudi_error *error)
{
    const gaudi_port *cable = &gaudi_card_identity(nic->card)->port[port];
    nic_port *p = &nic->port[port];
    int card = p->out.slot ? p->peer_index : card_of_module(nic->box, cable->peer_card);
    if (card < 0 || cable->peer_port < 0 || cable->peer_port >= GAUDI_PORT_MAX)
        return 0;
    if (!p->out.slot) {
        link_map *peer = &nic->peer[card];
        if (!peer->file && link_open_peer(peer, gaudi_box_path(nic->box), (size_t)card) != 0)
            return 0;
        int rc = link_reserve(peer, (uint32_t)cable->peer_port, &p->out);
        if (rc != 0)
            return nic_fail(error, rc, "no room for the packets of port %u in %s: %s", port, gaudi_box_path(nic->box),
                            strerror(-rc));
        p->peer_index = card;
        p->out_tail = __atomic_load_n(&p->out.control->tail, __ATOMIC_ACQUIRE);
    }
    *has_route = true;
    return 0;
}

/* A child of fork shares the open file whose lock says "alive"; it closes its copy, or the parent's death would not show. */
static void forget_in_child(void)
{
    for (gaudi_nic *nic = open_nics.first; nic; nic = nic->next_open) {
        if (nic->own.lock_fd >= 0)
            close(nic->own.lock_fd);
        nic->own.lock_fd = -1;
        nic->is_thread_running = false;
        pthread_mutex_init(&nic->mutex, NULL);
    }
    open_nics.first = NULL;
    pthread_mutex_init(&open_nics.mutex, NULL);
}

static void list_open(gaudi_nic *nic)
{
    pthread_mutex_lock(&open_nics.mutex);
    if (!open_nics.is_fork_handled) {
        pthread_atfork(NULL, NULL, forget_in_child);
        open_nics.is_fork_handled = true;
    }
    nic->next_open = open_nics.first;
    open_nics.first = nic;
    pthread_mutex_unlock(&open_nics.mutex);
}

static void unlist_open(gaudi_nic *nic)
{
    pthread_mutex_lock(&open_nics.mutex);
    for (gaudi_nic **at = &open_nics.first; *at; at = &(*at)->next_open) {
        if (*at == nic) {
            *at = nic->next_open;
            break;
        }
    }
    pthread_mutex_unlock(&open_nics.mutex);
}

/* Signals stay with the threads of the program. */
static int start_thread(gaudi_nic *nic)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&nic->thread, NULL, nic_serve, nic);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    nic->is_thread_running = rc == 0;
    return -rc;
}

/* Packets that came in while nobody was here are gone, as on a port whose NIC was off. */
static int open_rings(gaudi_nic *nic, gaudi_error *error)
{
    const gaudi_identity *identity = gaudi_card_identity(nic->card);
    int rc = link_open_own(&nic->own, gaudi_box_path(nic->box), identity->minor, error);
    for (uint32_t p = 0; rc == 0 && p < nic->port_count; p++) {
        link_control *ring = &nic->own.file->control[p];
        nic->port[p].in_head = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
        __atomic_store_n(&ring->head, nic->port[p].in_head, __ATOMIC_RELEASE);
    }
    return rc;
}

static void destroy(gaudi_nic *nic)
{
    for (uint32_t i = 0; i < nic->qp_count_max; i++) {
        if (nic->qp[i])
            gaudi_qp_destroy(nic->qp[i]);
    }
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++)
        link_close(&nic->peer[i]);
    for (uint32_t p = 0; p < GAUDI_PORT_MAX; p++) {
        free(nic->port[p].loop.control);
        free(nic->port[p].loop.slot);
    }
    link_close(&nic->own);
    pthread_cond_destroy(&nic->busy_changed);
    pthread_mutex_destroy(&nic->mutex);
    free(nic->delta);
    free(nic);
}

static gaudi_nic *make(gaudi_box *box, gaudi_card *card, const gaudi_nic_config *config)
{
    pthread_condattr_t monotonic;
    gaudi_nic *nic = calloc(1, sizeof *nic);
    gaudi_ports *delta = calloc(1, sizeof *delta);
    if (!nic || !delta) {
        free(nic);
        free(delta);
        return NULL;
    }
    const gaudi_identity *identity = gaudi_card_identity(card);
    nic->box = box;
    nic->card = card;
    nic->config = *config;
    nic->delta = delta;
    nic->module = identity->module_id;
    nic->port_count = identity->port_count < GAUDI_PORT_MAX ? identity->port_count : GAUDI_PORT_MAX;
    nic->qp_generation = (uint32_t)nic_now_ns(); /* numbers of before do not come again soon */
    nic->mr_generation = nic->qp_generation;
    nic->own = (link_map){.fd = -1, .lock_fd = -1};
    for (size_t i = 0; i < GAUDI_CARD_MAX; i++)
        nic->peer[i] = (link_map){.fd = -1, .lock_fd = -1};
    for (uint32_t p = 0; p < GAUDI_PORT_MAX; p++)
        nic->port[p].peer_index = -1;
    pthread_mutex_init(&nic->mutex, NULL);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&nic->busy_changed, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return nic;
}

int gaudi_nic_open(gaudi_nic **out, gaudi_box *box, gaudi_card *card, const gaudi_nic_config *config,
                   gaudi_error *error)
{
    gaudi_reading reading;
    if (!(config->ps_per_byte > 0.0))
        return nic_fail(error, -EINVAL, "a byte takes more than no time");
    gaudi_nic *nic = make(box, card, config);
    if (!nic)
        return nic_fail(error, -ENOMEM, "no memory for a NIC");
    int rc = gaudi_card_read(card, &reading);
    if (rc != 0) {
        nic_fail(error, rc, "the card cannot be read: %s", strerror(-rc));
        goto out;
    }
    nic->reset_count = reading.reset_count;
    rc = open_rings(nic, error);
    if (rc != 0)
        goto out;
    phy_look(nic);
    __atomic_store_n(&nic->own.file->is_asleep, 0, __ATOMIC_SEQ_CST);
    __atomic_store_n(&nic->own.file->serving, nic_now_ns() | 1, __ATOMIC_SEQ_CST);
    rc = start_thread(nic);
    if (rc != 0) {
        nic_fail(error, rc, "cannot start the thread of the NIC: %s", strerror(-rc));
        goto out;
    }
    list_open(nic);
    *out = nic;
out:
    if (rc != 0)
        destroy(nic);
    return rc;
}

void gaudi_nic_close(gaudi_nic *nic)
{
    unlist_open(nic);
    __atomic_store_n(&nic->is_stopping, 1, __ATOMIC_SEQ_CST);
    __atomic_fetch_add(&nic->own.file->doorbell, 1, __ATOMIC_SEQ_CST);
    nic_wake(nic);
    if (nic->is_thread_running)
        pthread_join(nic->thread, NULL);
    __atomic_store_n(&nic->own.file->serving, 0, __ATOMIC_SEQ_CST);
    nic_lock(nic);
    nic_flush_counters(nic);
    nic_unlock(nic);
    destroy(nic);
}

uint64_t gaudi_nic_links_up(gaudi_nic *nic)
{
    return gaudi_card_links_up(nic->card);
}

int gaudi_nic_usage(gaudi_nic *nic, uint32_t port, gaudi_nic_port_usage *usage)
{
    if (port >= nic->port_count)
        return -EINVAL;
    nic_lock(nic);
    *usage = nic->port[port].usage;
    nic_unlock(nic);
    return 0;
}

uint64_t gaudi_nic_device_ps(gaudi_nic *nic)
{
    nic_lock(nic);
    uint64_t front_ps = nic->front_ps;
    nic_unlock(nic);
    return front_ps;
}

uint64_t gaudi_nic_wait_busy(gaudi_nic *nic, uint64_t seen, uint32_t timeout_ms)
{
    uint64_t until_ns = nic_now_ns() + timeout_ms * UINT64_C(1000000);
    struct timespec until = {.tv_sec = (time_t)(until_ns / 1000000000), .tv_nsec = (long)(until_ns % 1000000000)};
    int rc = 0;
    nic_lock(nic);
    while (rc == 0 && nic->busy_ports == seen && !nic->is_wait_over)
        rc = pthread_cond_timedwait(&nic->busy_changed, &nic->mutex, &until);
    uint64_t busy = nic->busy_ports;
    nic_unlock(nic);
    return busy;
}

void gaudi_nic_stop_waiting(gaudi_nic *nic)
{
    nic_lock(nic);
    nic->is_wait_over = true;
    pthread_cond_broadcast(&nic->busy_changed);
    nic_unlock(nic);
}
