/* Queue pairs: made, brought from state to state, given work. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>

enum { WR_MAX = 1 << 16, PSN_MASK = 0xffffff };

/* A queue pair number is the place in the table and, above it, a number that changes, so that a late packet for one that
 * is gone does not reach its successor. */
enum { NUMBER_PLACE_BITS = 10, NUMBER_PLACE_MASK = NIC_QP_MAX - 1 };

static const char *const STATE_NAMES[] = {"RESET", "INIT", "RTR", "RTS", "SQD", "SQE", "ERR"};

static void free_qp(gaudi_qp *qp)
{
    free(qp->sq);
    free(qp->rq);
    free(qp);
}

static int insert(gaudi_nic *nic, gaudi_qp *qp)
{
    for (uint32_t i = 0; i < NIC_QP_MAX; i++) {
        if (nic->qp[i])
            continue;
        nic->qp_generation += 1;
        qp->number = (nic->qp_generation << NUMBER_PLACE_BITS | i) & PSN_MASK;
        if (qp->number < 2) { /* 0 and 1 belong to management */
            nic->qp_generation += 1;
            qp->number = (nic->qp_generation << NUMBER_PLACE_BITS | i) & PSN_MASK;
        }
        nic->qp[i] = qp;
        if (i >= nic->qp_count_max)
            nic->qp_count_max = i + 1;
        qp->send_cq->users++;
        qp->recv_cq->users++;
        return 0;
    }
    return -ENOSPC;
}

int gaudi_qp_create(gaudi_qp **out, gaudi_nic *nic, uint32_t pd, uint32_t port, gaudi_cq *send_cq, gaudi_cq *recv_cq,
                    uint32_t max_send_wr, uint32_t max_recv_wr, gaudi_error *error)
{
    if (port >= nic->port_count)
        return nic_fail(error, -EINVAL, "there is no port %u; the card has %u, from 0 on", port, nic->port_count);
    if (max_send_wr < 1 || max_send_wr > WR_MAX || max_recv_wr < 1 || max_recv_wr > WR_MAX)
        return nic_fail(error, -EINVAL, "queues of %u and %u requests; expected 1 to %d", max_send_wr, max_recv_wr,
                        WR_MAX);
    if (send_cq->nic != nic || recv_cq->nic != nic)
        return nic_fail(error, -EINVAL, "the completion queue belongs to another NIC");
    gaudi_qp *qp = calloc(1, sizeof *qp);
    if (!qp)
        return nic_fail(error, -ENOMEM, "no memory for a queue pair");
    qp->sq = calloc(max_send_wr, sizeof *qp->sq);
    qp->rq = calloc(max_recv_wr, sizeof *qp->rq);
    if (!qp->sq || !qp->rq) {
        free_qp(qp);
        return nic_fail(error, -ENOMEM, "no memory for queues of %u and %u requests", max_send_wr, max_recv_wr);
    }
    qp->nic = nic;
    qp->pd = pd;
    qp->port = port;
    qp->send_cq = send_cq;
    qp->recv_cq = recv_cq;
    qp->sq_depth = max_send_wr;
    qp->rq_depth = max_recv_wr;
    nic_lock(nic);
    int rc = insert(nic, qp);
    nic_unlock(nic);
    if (rc != 0) {
        free_qp(qp);
        return nic_fail(error, rc, "all %d queue pairs are in use; destroy some", NIC_QP_MAX);
    }
    *out = qp;
    return 0;
}

void gaudi_qp_destroy(gaudi_qp *qp)
{
    gaudi_nic *nic = qp->nic;
    nic_lock(nic);
    nic->qp[qp->number & NUMBER_PLACE_MASK] = NULL;
    qp->send_cq->users--;
    qp->recv_cq->users--;
    nic_unlock(nic);
    free_qp(qp);
}

uint32_t gaudi_qp_number(const gaudi_qp *qp)
{
    return qp->number;
}

uint32_t gaudi_qp_state_of(gaudi_qp *qp)
{
    nic_lock(qp->nic);
    uint32_t state = qp->state;
    nic_unlock(qp->nic);
    return state;
}

static int wrong_state(const gaudi_qp *qp, const char *wanted, gaudi_error *error)
{
    return nic_fail(error, -EINVAL, "queue pair %u is in %s, from where it cannot go to %s", qp->number,
                    STATE_NAMES[qp->state], wanted);
}

int gaudi_qp_to_init(gaudi_qp *qp, uint32_t access, gaudi_error *error)
{
    nic_lock(qp->nic);
    int rc = qp->state == GAUDI_QP_RESET ? 0 : wrong_state(qp, "INIT", error);
    if (rc == 0) {
        qp->access = access;
        qp->state = GAUDI_QP_INIT;
    }
    nic_unlock(qp->nic);
    return rc;
}

static int check_path(const gaudi_qp *qp, const gaudi_qp_path *path, gaudi_error *error)
{
    uint32_t mtu = path->path_mtu;
    if (mtu < GAUDI_NIC_MTU_MIN || mtu > GAUDI_NIC_MTU_MAX || (mtu & (mtu - 1)))
        return nic_fail(error, -EINVAL, "a path MTU of %u; expected a power of two from %d to %d", mtu,
                        GAUDI_NIC_MTU_MIN, GAUDI_NIC_MTU_MAX);
    if (path->rq_psn > PSN_MASK || path->dest_qp_num > PSN_MASK)
        return nic_fail(error, -EINVAL, "sequence number %u, queue pair number %u; both have 24 bits", path->rq_psn,
                        path->dest_qp_num);
    return qp->state == GAUDI_QP_INIT ? 0 : wrong_state(qp, "RTR", error);
}

/* A path that no cable makes is legal, as in a real network: its packets are lost. */
static int set_path(gaudi_qp *qp, const gaudi_qp_path *path, gaudi_error *error)
{
    gaudi_nic *nic = qp->nic;
    nic_port *port = &nic->port[qp->port];
    qp->path = *path;
    qp->is_loopback = path->dest_module == nic->module && path->dest_port == qp->port;
    qp->has_route = qp->is_loopback;
    if (qp->is_loopback) {
        if (!port->loop.slot && nic_make_loop(&port->loop) != 0)
            return nic_fail(error, -ENOMEM, "no memory for the loopback of port %u", qp->port);
        return 0;
    }
    const gaudi_port *cable = &gaudi_card_identity(nic->card)->port[qp->port];
    if (cable->peer_card >= 0 && (uint32_t)cable->peer_card == path->dest_module &&
        (uint32_t)cable->peer_port == path->dest_port)
        return nic_connect(nic, qp->port, &qp->has_route, error);
    return 0;
}

int gaudi_qp_to_rtr(gaudi_qp *qp, const gaudi_qp_path *path, gaudi_error *error)
{
    nic_lock(qp->nic);
    int rc = check_path(qp, path, error);
    if (rc == 0)
        rc = set_path(qp, path, error);
    if (rc == 0) {
        qp->expected_psn = path->rq_psn;
        qp->msn = 0;
        qp->state = GAUDI_QP_RTR;
    }
    nic_unlock(qp->nic);
    return rc;
}

int gaudi_qp_to_rts(gaudi_qp *qp, const gaudi_qp_timers *timers, gaudi_error *error)
{
    if (timers->sq_psn > PSN_MASK || timers->timeout > 31 || timers->retry_cnt > 7 || timers->rnr_retry > 7)
        return nic_fail(error, -EINVAL, "PSN %u, timeout %u, retries %u and %u; expected 24 bits, 0 to 31, 0 to 7",
                        timers->sq_psn, timers->timeout, timers->retry_cnt, timers->rnr_retry);
    nic_lock(qp->nic);
    int rc = qp->state == GAUDI_QP_RTR ? 0 : wrong_state(qp, "RTS", error);
    if (rc == 0) {
        qp->timers = *timers;
        qp->next_psn = qp->una_psn = qp->high_psn = timers->sq_psn;
        qp->retries_left = timers->retry_cnt;
        qp->rnr_left = timers->rnr_retry;
        qp->state = GAUDI_QP_RTS;
    }
    nic_unlock(qp->nic);
    return rc;
}

void qp_fail(gaudi_qp *qp)
{
    if (qp->state == GAUDI_QP_ERR)
        return;
    qp->state = GAUDI_QP_ERR;
    requester_flush(qp);
    responder_flush(qp);
}

/* Nothing that a peer or a request of before could still reach survives. */
static void reset(gaudi_qp *qp)
{
    qp->state = GAUDI_QP_RESET;
    qp->sq_head = qp->sq_at = qp->sq_tail = 0;
    qp->sq_packet = 0;
    qp->rq_head = qp->rq_tail = 0;
    qp->deadline_ns = qp->resume_ns = qp->stalled_since_ns = 0;
    qp->is_ack_due = qp->is_nak_sent = qp->is_in_message = qp->has_gone_back = false;
    qp->expiry_stage = 0;
    qp->read_head = qp->read_count = 0;
    qp->has_route = qp->is_loopback = false;
}

int gaudi_qp_to_state(gaudi_qp *qp, uint32_t state, gaudi_error *error)
{
    int rc = 0;
    if (state > GAUDI_QP_ERR)
        return nic_fail(error, -EINVAL, "there is no queue pair state %u", state);
    nic_lock(qp->nic);
    if (state == GAUDI_QP_RESET)
        reset(qp);
    else if (state == GAUDI_QP_ERR)
        qp_fail(qp);
    else if (state == GAUDI_QP_SQD && qp->state == GAUDI_QP_RTS)
        qp->state = GAUDI_QP_SQD;
    else if (state == GAUDI_QP_RTS && qp->state == GAUDI_QP_SQD)
        qp->state = GAUDI_QP_RTS;
    else
        rc = wrong_state(qp, STATE_NAMES[state], error);
    nic_unlock(qp->nic);
    nic_wake(qp->nic);
    return rc;
}

bool gaudi_qp_is_drained(gaudi_qp *qp)
{
    nic_lock(qp->nic);
    bool is_drained = qp->state == GAUDI_QP_SQD && qp->una_psn == qp->high_psn;
    nic_unlock(qp->nic);
    return is_drained;
}

int gaudi_qp_post_send(gaudi_qp *qp, const gaudi_send_wr *wr, gaudi_error *error)
{
    int rc = 0;
    if (wr->opcode > GAUDI_WR_RDMA_READ || wr->length > UINT32_C(1) << 31)
        return nic_fail(error, -EINVAL, "opcode %u, %u bytes; a message has at most 2^31", wr->opcode, wr->length);
    nic_lock(qp->nic);
    if (qp->state != GAUDI_QP_RTS && qp->state != GAUDI_QP_SQD && qp->state != GAUDI_QP_ERR)
        rc = nic_fail(error, -EINVAL, "queue pair %u is in %s; it sends in RTS", qp->number, STATE_NAMES[qp->state]);
    else if (qp->sq_tail - qp->sq_head == qp->sq_depth)
        rc = nic_fail(error, -ENOSPC, "the send queue of %u requests is full; poll its completions", qp->sq_depth);
    if (rc == 0) {
        qp->sq[qp->sq_tail % qp->sq_depth] = (send_wqe){.wr = *wr, .posted_ps = qp->nic->front_ps};
        qp->sq_tail++;
        if (qp->state == GAUDI_QP_ERR)
            requester_flush(qp);
    }
    nic_unlock(qp->nic);
    if (rc == 0)
        nic_wake(qp->nic);
    return rc;
}

int gaudi_qp_post_recv(gaudi_qp *qp, const gaudi_recv_wr *wr, gaudi_error *error)
{
    int rc = 0;
    nic_lock(qp->nic);
    if (qp->state == GAUDI_QP_RESET)
        rc = nic_fail(error, -EINVAL, "queue pair %u is in RESET; it receives from INIT on", qp->number);
    else if (qp->rq_tail - qp->rq_head == qp->rq_depth)
        rc = nic_fail(error, -ENOSPC, "the receive queue of %u requests is full; poll its completions", qp->rq_depth);
    if (rc == 0) {
        qp->rq[qp->rq_tail % qp->rq_depth] = *wr;
        qp->rq_tail++;
        if (qp->state == GAUDI_QP_ERR)
            responder_flush(qp);
    }
    nic_unlock(qp->nic);
    return rc;
}

void qp_forget_key(gaudi_qp *qp, uint32_t key)
{
    bool is_used = false;
    for (uint64_t i = qp->sq_head; i < qp->sq_tail; i++) {
        const send_wqe *wqe = &qp->sq[i % qp->sq_depth];
        is_used = is_used || (wqe->is_started && wqe->bytes && wqe->wr.lkey == key);
    }
    is_used = is_used || (qp->message_key == key && qp->is_in_message);
    for (uint32_t i = 0; i < qp->read_count; i++)
        is_used = is_used || qp->read[(qp->read_head + i) % NIC_READS_MAX].key == key;
    if (is_used)
        qp_fail(qp);
}
