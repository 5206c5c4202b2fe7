/* One packet onto the wire: into the ring of whoever is at the other end, or nowhere. */
#include "internal.h"

#include <string.h>

#include "crc32c.h"

/* The other end takes packets: its process is there as far as we know. */
static bool is_served(const gaudi_nic *nic, const nic_port *port)
{
    uint64_t token = __atomic_load_n(&nic->peer[port->peer_index].file->serving, __ATOMIC_ACQUIRE);
    return token != 0 && token != port->dead_token;
}

static const link_ring *ring_of(const gaudi_qp *qp)
{
    const nic_port *port = &qp->nic->port[qp->port];
    if (!port->is_up || !qp->has_route)
        return NULL;
    if (qp->is_loopback)
        return &port->loop;
    return port->out.slot && is_served(qp->nic, port) ? &port->out : NULL;
}

/* The sender says that it waits before it looks the last time, so the receiver's wake cannot be missed. */
static bool has_room(link_control *ring, uint64_t tail)
{
    if (tail - __atomic_load_n(&ring->head, __ATOMIC_ACQUIRE) < RING_SLOTS)
        return true;
    __atomic_store_n(&ring->wants_room, 1, __ATOMIC_SEQ_CST);
    return tail - __atomic_load_n(&ring->head, __ATOMIC_SEQ_CST) < RING_SLOTS;
}

static void fill(link_slot *slot, const uint8_t *head, size_t head_size, const uint8_t *payload, uint32_t length)
{
    uint32_t crc = crc32c(0, head, head_size);
    memcpy(slot->packet, head, head_size);
    if (length > 0) {
        crc = crc32c(crc, payload, length); /* leaves the payload in the cache for the copy */
        memcpy(slot->packet + head_size, payload, length);
    }
    memcpy(slot->packet + head_size + length, &crc, sizeof crc);
    slot->length = (uint32_t)(head_size + length + sizeof crc);
}

bool nic_transmit(gaudi_qp *qp, const wire_header *header, const uint8_t *payload, uint32_t length,
                  uint64_t not_before_ps, bool is_retransmission, uint64_t *end_ps)
{
    gaudi_nic *nic = qp->nic;
    nic_port *port = &nic->port[qp->port];
    uint8_t head[WIRE_HEADER_MAX];
    const link_ring *ring = ring_of(qp);
    uint64_t *tail = qp->is_loopback ? &port->loop_tail : &port->out_tail;
    if (ring && !has_room(ring->control, *tail)) {
        qp->out_mark = *tail;
        return false;
    }
    size_t head_size = wire_encode(header, head);
    size_t size = head_size + length + WIRE_CRC;
    if (ring) {
        fill(&ring->slot[*tail % RING_SLOTS], head, head_size, payload, length);
        *tail += 1;
        __atomic_store_n(&ring->control->tail, *tail, __ATOMIC_SEQ_CST);
        qp->out_mark = *tail;
        if (!qp->is_loopback)
            link_ring_doorbell(nic->peer[port->peer_index].file);
    }
    uint64_t wire_ps = phy_wire_ps(nic, size);
    uint64_t start_ps = port->tx_free_ps > not_before_ps ? port->tx_free_ps : not_before_ps;
    port->tx_free_ps = start_ps + wire_ps;
    *end_ps = port->tx_free_ps;
    phy_count_tx(nic, qp->port, size, wire_ps, is_retransmission);
    return true;
}
