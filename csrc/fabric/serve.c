/* The thread of a NIC: packets in, packets out, deadlines, and rest when there is nothing to do. */
#include "internal.h"

#include <sched.h>
#include <string.h>

#include "crc32c.h"

/* Packets that are taken out of a ring before their answers go and its owner hears that there is room. */
enum { BURST = 4 };

/* Wall time between looks at links, faults and whether the card is still ours; between flushes of the counters while
 * packets flow; and the longest sleep. */
static const uint64_t LOOK_NS = 5000000;
static const uint64_t FLUSH_NS = 20000000;
static const uint64_t SLEEP_NS = 500000000;

/* A deadline that has passed waits for the peer's thread; so long this one lets it have the processor. */
static const uint64_t POLITE_NS = 100000;

/* Let others in: a mutex alone would go back to the thread that gives it away. */
static void breathe(gaudi_nic *nic)
{
    pthread_mutex_unlock(&nic->mutex);
    for (int i = 0; i < 100 && __atomic_load_n(&nic->waiters, __ATOMIC_ACQUIRE) > 0; i++)
        sched_yield();
    pthread_mutex_lock(&nic->mutex);
}

static gaudi_qp *find_qp(gaudi_nic *nic, uint32_t number, uint32_t port, bool is_loopback)
{
    gaudi_qp *qp = nic->qp[number % NIC_QP_MAX];
    bool fits = qp && qp->number == number && qp->port == port && qp->is_loopback == is_loopback &&
                qp->state >= GAUDI_QP_RTR && qp->state != GAUDI_QP_ERR;
    return fits ? qp : NULL;
}

static bool is_sound(const uint8_t *packet, size_t size)
{
    uint32_t crc;
    memcpy(&crc, packet + size - WIRE_CRC, sizeof crc);
    return crc32c(0, packet, size - WIRE_CRC) == crc;
}

/* A packet arrives at a port; returns the queue pair that it was for. */
static gaudi_qp *receive_packet(gaudi_nic *nic, uint32_t port, uint8_t *packet, size_t size, bool is_loopback)
{
    wire_header header;
    uint8_t head[WIRE_HEADER_MAX] = {0}; /* read once: the ring may change under our hands */
    if (!nic->port[port].is_up || size < WIRE_BTH + WIRE_CRC)
        return NULL;
    phy_receive(nic, port, packet, size);
    memcpy(head, packet, size < sizeof head ? size : sizeof head);
    size_t head_size = wire_decode(head, size, &header);
    bool is_good = is_sound(packet, size);
    phy_count_rx(nic, port, size, !is_good);
    if (!is_good || head_size == 0)
        return NULL;
    gaudi_qp *qp = find_qp(nic, header.qp_num, port, is_loopback);
    if (!qp) {
        nic->delta->port[port].value[GAUDI_PORT_RX_DROPS] += 1;
        return NULL;
    }
    uint32_t length = (uint32_t)(size - head_size - WIRE_CRC);
    if (header.opcode >= WIRE_READ_FIRST)
        requester_receive(qp, &header, packet + head_size, length);
    else
        responder_receive(qp, &header, packet + head_size, length);
    return qp;
}

/* Some packets out of one ring, and the answers to them. The sender learns of the room only then: whoever finds its
 * packets taken finds the answers as well. */
static bool drain(gaudi_nic *nic, uint32_t port, const link_ring *ring, uint64_t *head, bool is_loopback)
{
    gaudi_qp *touched[BURST];
    uint32_t n = 0;
    uint64_t waiting = __atomic_load_n(&ring->control->tail, __ATOMIC_ACQUIRE) - *head;
    if (waiting > RING_SLOTS || !ring->slot) { /* no sender of ours does that: begin anew where it says that it is */
        *head += waiting;
    } else {
        for (; n < BURST && n < waiting; n++) {
            link_slot *slot = &ring->slot[(*head + n) % RING_SLOTS];
            uint32_t size = __atomic_load_n(&slot->length, __ATOMIC_RELAXED);
            touched[n] = size <= sizeof slot->packet ? receive_packet(nic, port, slot->packet, size, is_loopback) : NULL;
        }
        for (uint32_t i = 0; i < n; i++) {
            while (touched[i] && responder_send(touched[i])) {}
        }
        *head += n;
    }
    __atomic_store_n(&ring->control->head, *head, __ATOMIC_SEQ_CST);
    if (!is_loopback && __atomic_load_n(&ring->control->wants_room, __ATOMIC_SEQ_CST) &&
        __atomic_exchange_n(&ring->control->wants_room, 0, __ATOMIC_SEQ_CST) && nic->port[port].peer_index >= 0)
        link_announce_room(nic->peer[nic->port[port].peer_index].file);
    return true;
}

static bool has_arrived(const link_control *ring, uint64_t head)
{
    return __atomic_load_n(&ring->tail, __ATOMIC_SEQ_CST) != head;
}

static bool drain_all(gaudi_nic *nic)
{
    bool has_moved = false;
    for (uint32_t p = 0; p < nic->port_count; p++) {
        nic_port *port = &nic->port[p];
        if (has_arrived(&nic->own.file->control[p], port->in_head)) {
            if (!port->in.slot && link_reserve(&nic->own, p, &port->in) != 0)
                port->in.control = &nic->own.file->control[p];
            has_moved = drain(nic, p, &port->in, &port->in_head, false) || has_moved;
        }
        if (port->loop.slot && has_arrived(port->loop.control, port->loop_head))
            has_moved = drain(nic, p, &port->loop, &port->loop_head, true) || has_moved;
    }
    return has_moved;
}

static bool send_all(gaudi_nic *nic)
{
    bool has_moved = false;
    for (uint32_t i = 0; i < nic->qp_count_max; i++) {
        gaudi_qp *qp = nic->qp[i];
        if (!qp || qp->state < GAUDI_QP_RTR)
            continue;
        for (int n = 0; n < BURST && responder_send(qp); n++)
            has_moved = true;
        for (int n = 0; n < BURST && requester_send(qp); n++)
            has_moved = true;
    }
    return has_moved;
}

/* Deadlines that have passed; returns the next one, or UINT64_MAX. */
static uint64_t expire_all(gaudi_nic *nic, uint64_t now_ns)
{
    uint64_t next_ns = UINT64_MAX;
    for (uint32_t i = 0; i < nic->qp_count_max; i++) {
        gaudi_qp *qp = nic->qp[i];
        if (!qp || (qp->deadline_ns == 0 && qp->resume_ns == 0))
            continue;
        requester_expire(qp, now_ns);
        if (qp->deadline_ns != 0 && qp->deadline_ns < next_ns)
            next_ns = qp->deadline_ns;
        if (qp->resume_ns != 0 && qp->resume_ns < next_ns)
            next_ns = qp->resume_ns;
    }
    return next_ns;
}

static void fail_all(gaudi_nic *nic)
{
    for (uint32_t i = 0; i < nic->qp_count_max; i++) {
        if (nic->qp[i] && nic->qp[i]->state >= GAUDI_QP_INIT)
            qp_fail(nic->qp[i]);
    }
}

/* The card may be lost or reset, the box taken down: then there is no NIC any more. */
static void look(gaudi_nic *nic, uint64_t now_ns)
{
    gaudi_reading reading;
    nic->looked_ns = now_ns;
    bool is_there = gaudi_card_read(nic->card, &reading) == 0 && !reading.is_lost;
    if (is_there && reading.reset_count != nic->reset_count)
        is_there = false;
    if (!is_there) {
        nic->is_dead = true;
        fail_all(nic);
        return;
    }
    phy_look(nic);
}

static void forget_quiet_ports(gaudi_nic *nic, uint64_t now_ns)
{
    uint64_t busy = nic->busy_ports;
    for (uint32_t p = 0; p < nic->port_count; p++) {
        if ((busy >> p & 1) && now_ns >= nic->port[p].busy_until_ns)
            busy &= ~(UINT64_C(1) << p);
    }
    if (busy != nic->busy_ports) {
        nic->busy_ports = busy;
        pthread_cond_broadcast(&nic->busy_changed);
    }
}

static bool has_input(const gaudi_nic *nic)
{
    for (uint32_t p = 0; p < nic->port_count; p++) {
        if (has_arrived(&nic->own.file->control[p], nic->port[p].in_head))
            return true;
    }
    return false;
}

/* Nothing to do until the doorbell or the next deadline. */
static void rest(gaudi_nic *nic, uint32_t seen, uint64_t next_ns)
{
    nic_flush_counters(nic);
    uint64_t now_ns = nic_now_ns();
    uint64_t until_ns = now_ns + (nic->busy_ports ? FLUSH_NS : SLEEP_NS);
    if (next_ns < until_ns)
        until_ns = next_ns;
    if (until_ns <= now_ns) /* somebody else has to get on first: not a busy loop beside it */
        until_ns = now_ns + POLITE_NS;
    __atomic_store_n(&nic->own.file->is_asleep, 1, __ATOMIC_SEQ_CST);
    pthread_mutex_unlock(&nic->mutex);
    if (!has_input(nic) && !__atomic_load_n(&nic->is_stopping, __ATOMIC_SEQ_CST))
        link_sleep(nic->own.file, seen, until_ns - now_ns);
    pthread_mutex_lock(&nic->mutex);
    __atomic_store_n(&nic->own.file->is_asleep, 0, __ATOMIC_SEQ_CST);
    nic->looked_ns = 0; /* whoever was idle knows nothing */
}

void *nic_serve(void *argument)
{
    gaudi_nic *nic = argument;
    pthread_mutex_lock(&nic->mutex);
    while (!__atomic_load_n(&nic->is_stopping, __ATOMIC_ACQUIRE)) {
        uint32_t seen = __atomic_load_n(&nic->own.file->doorbell, __ATOMIC_SEQ_CST);
        uint64_t now_ns = nic->pass_ns = nic_now_ns();
        if (now_ns - nic->looked_ns >= LOOK_NS)
            look(nic, now_ns);
        if (nic->is_dead) {
            fail_all(nic);
            rest(nic, seen, UINT64_MAX);
            continue;
        }
        bool has_moved = drain_all(nic);
        has_moved = send_all(nic) || has_moved;
        __atomic_fetch_add(&nic->own.file->passes, 1, __ATOMIC_RELEASE);
        uint64_t next_ns = expire_all(nic, now_ns);
        forget_quiet_ports(nic, now_ns);
        if (now_ns - nic->flushed_ns >= FLUSH_NS)
            nic_flush_counters(nic);
        if (!has_moved)
            rest(nic, seen, next_ns);
        else if (__atomic_load_n(&nic->waiters, __ATOMIC_ACQUIRE) > 0)
            breathe(nic);
    }
    pthread_mutex_unlock(&nic->mutex);
    return NULL;
}
