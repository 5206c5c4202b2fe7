/* When a packet counts as lost. Timeouts run in wall time, but a peer whose process the host starves is no fault of the
 * link: first it is made sure that no answer is on any way any more. */
#include "internal.h"

/* How long packets may lie in the ring of a process that lives but does not run (stopped, or starved by the host) until
 * they count as lost. Until then the fault would be the host's and not the link's. */
static const uint64_t STALL_LIMIT_NS = UINT64_C(10000000000);

/* What is_answer_possible has come to. */
enum { EXPIRY_NONE, EXPIRY_PEER, EXPIRY_RINGS };

/* The packets still lie in the ring of a process that lives. */
static bool is_stalled(gaudi_qp *qp, uint64_t now_ns)
{
    gaudi_nic *nic = qp->nic;
    nic_port *port = &nic->port[qp->port];
    if (qp->is_loopback || !port->is_up || !qp->has_route || !port->out.slot)
        return false;
    link_map *peer = &nic->peer[port->peer_index];
    uint64_t token = __atomic_load_n(&peer->file->serving, __ATOMIC_ACQUIRE);
    if (token == 0 || token == port->dead_token)
        return false;
    if (!link_is_served(peer)) {
        port->dead_token = token;
        return false;
    }
    if ((int64_t)(__atomic_load_n(&port->out.control->head, __ATOMIC_ACQUIRE) - qp->out_mark) >= 0)
        return false;
    if (qp->stalled_since_ns == 0)
        qp->stalled_since_ns = now_ns;
    return now_ns - qp->stalled_since_ns < STALL_LIMIT_NS;
}

/* A packet is lost only if its answer is on no way any more. The peer has taken it out of the ring (is_stalled); then its
 * thread, which the host may starve, has to come round twice, or be asleep because it owes nothing; then everything that
 * has arrived here until now has to be looked at. */
static bool has_come_round(const gaudi_qp *qp)
{
    const nic_port *port = &qp->nic->port[qp->port];
    if (qp->is_loopback || !port->out.slot)
        return true;
    const link_file *peer = qp->nic->peer[port->peer_index].file;
    return __atomic_load_n(&peer->is_asleep, __ATOMIC_ACQUIRE) ||
           __atomic_load_n(&peer->passes, __ATOMIC_ACQUIRE) - qp->expiry_mark >= 2 ||
           __atomic_load_n(&peer->serving, __ATOMIC_ACQUIRE) == port->dead_token ||
           __atomic_load_n(&peer->serving, __ATOMIC_ACQUIRE) == 0;
}

static bool is_answer_possible(gaudi_qp *qp, uint64_t now_ns)
{
    nic_port *port = &qp->nic->port[qp->port];
    const link_control *ring = qp->is_loopback ? port->loop.control : &qp->nic->own.file->control[qp->port];
    uint64_t head = qp->is_loopback ? port->loop_head : port->in_head;
    if (qp->is_loopback && (int64_t)(head - qp->out_mark) < 0)
        return true;
    if (qp->expiry_stage == EXPIRY_NONE) {
        qp->expiry_stage = EXPIRY_PEER;
        qp->expiry_mark = port->out.slot
                              ? __atomic_load_n(&qp->nic->peer[port->peer_index].file->passes, __ATOMIC_ACQUIRE)
                              : 0;
        qp->stalled_since_ns = now_ns;
        return true;
    }
    if (qp->expiry_stage == EXPIRY_PEER) {
        if (!has_come_round(qp) && now_ns - qp->stalled_since_ns < STALL_LIMIT_NS)
            return true;
        qp->expiry_stage = EXPIRY_RINGS;
        qp->expiry_mark = __atomic_load_n(&ring->tail, __ATOMIC_ACQUIRE);
        return true;
    }
    return (int64_t)(head - qp->expiry_mark) < 0;
}

void requester_expire(gaudi_qp *qp, uint64_t now_ns)
{
    if (qp->resume_ns != 0 && now_ns >= qp->resume_ns)
        qp->resume_ns = 0;
    if (qp->deadline_ns == 0 || now_ns < qp->deadline_ns)
        return;
    if (is_stalled(qp, now_ns)) {
        qp->deadline_ns = now_ns + requester_timeout_ns(qp);
        return;
    }
    if (is_answer_possible(qp, now_ns))
        return;
    nic_port *port = &qp->nic->port[qp->port];
    qp->nic->delta->port[qp->port].value[GAUDI_PORT_TIMEOUT_RETRANSMISSIONS] += 1;
    qp->nic->is_delta_dirty = true;
    port->usage.timeouts += 1;
    port->tx_free_ps += requester_timeout_ns(qp) * 1000; /* nothing was sent on this port meanwhile */
    port->usage.stalled_ps += requester_timeout_ns(qp) * 1000;
    qp->expiry_stage = EXPIRY_NONE;
    requester_retry(qp);
}
