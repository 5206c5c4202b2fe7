/* The requester of a queue pair: work requests into packets, answers into completions, go-back-N when one is missing. */
#include "internal.h"

#include <errno.h>
#include <string.h>

static send_wqe *place(gaudi_qp *qp, uint64_t number)
{
    return &qp->sq[number % qp->sq_depth];
}

static bool is_read(const send_wqe *wqe)
{
    return wqe->wr.opcode == GAUDI_WR_RDMA_READ;
}

static uint32_t psn_add(uint32_t psn, uint32_t count)
{
    return (psn + count) & 0xffffff;
}

uint64_t requester_timeout_ns(const gaudi_qp *qp)
{
    return UINT64_C(4096) << qp->timers.timeout;
}

static void arm(gaudi_qp *qp)
{
    bool is_open = qp->una_psn != qp->high_psn;
    qp->deadline_ns = is_open && qp->timers.timeout != 0 ? nic_now_ns() + requester_timeout_ns(qp) : 0;
    qp->stalled_since_ns = 0;
    qp->expiry_stage = 0;
}

/* What the driver shows of the last message: its latency, and its bandwidth in device time. */
static void note_message(gaudi_qp *qp, const send_wqe *wqe)
{
    gaudi_port_counters *port = &qp->nic->delta->port[qp->port];
    uint64_t ps = wqe->end_ps - wqe->start_ps;
    if (ps == 0)
        return;
    uint64_t nanoseconds = ps / 1000;
    uint64_t mbps = (uint64_t)((double)wqe->wr.length * 8e6 / (double)ps);
    port->value[GAUDI_PORT_LATENCY_US_INT] = nanoseconds / 1000;
    port->value[GAUDI_PORT_LATENCY_US_FRAC] = nanoseconds % 1000;
    port->value[GAUDI_PORT_BANDWIDTH_GBPS_INT] = mbps / 1000;
    port->value[GAUDI_PORT_BANDWIDTH_GBPS_FRAC] = mbps % 1000;
    port->has_gauges = 1;
}

/* The oldest request is done, well or not. */
static void complete(gaudi_qp *qp, uint32_t status)
{
    static const uint32_t OPCODE[] = {GAUDI_WC_RDMA_WRITE, GAUDI_WC_RDMA_WRITE, GAUDI_WC_SEND, GAUDI_WC_SEND,
                                      GAUDI_WC_RDMA_READ};
    send_wqe *wqe = place(qp, qp->sq_head);
    if (status == GAUDI_WC_SUCCESS) {
        note_message(qp, wqe);
        if (wqe->end_ps > qp->nic->front_ps)
            qp->nic->front_ps = wqe->end_ps;
    }
    if (status != GAUDI_WC_SUCCESS || wqe->wr.is_signaled) {
        gaudi_wc wc = {.wr_id = wqe->wr.wr_id, .status = status, .opcode = OPCODE[wqe->wr.opcode],
                       .byte_len = wqe->wr.length, .qp_num = qp->number, .start_ps = wqe->start_ps,
                       .end_ps = wqe->end_ps};
        cq_push(qp->send_cq, &wc);
    }
    qp->sq_head++;
    if (qp->sq_at < qp->sq_head) {
        qp->sq_at = qp->sq_head;
        qp->sq_packet = 0;
    }
}

/* The oldest request has failed, and with it the queue pair. */
static void fail(gaudi_qp *qp, uint32_t status)
{
    if (qp->sq_head < qp->sq_tail)
        complete(qp, status);
    qp_fail(qp);
}

void requester_flush(gaudi_qp *qp)
{
    while (qp->sq_head < qp->sq_tail)
        complete(qp, GAUDI_WC_WR_FLUSH_ERR);
    qp->una_psn = qp->high_psn = qp->next_psn;
    qp->deadline_ns = qp->resume_ns = 0;
}

/* Send again from the oldest packet without an answer. */
static void go_back(gaudi_qp *qp)
{
    const send_wqe *head = place(qp, qp->sq_head);
    qp->sq_at = qp->sq_head;
    qp->sq_packet = 0;
    if (qp->sq_head < qp->sq_tail && head->is_started && !is_read(head))
        qp->sq_packet = (uint32_t)wire_psn_distance(qp->una_psn, head->first_psn);
    qp->next_psn = qp->una_psn;
    qp->deadline_ns = 0;
}

/* Every packet before `psn` has been answered. A read is answered by its responses only. */
static void advance(gaudi_qp *qp, uint32_t psn)
{
    uint32_t before = qp->una_psn;
    while (qp->sq_head < qp->sq_tail) {
        send_wqe *wqe = place(qp, qp->sq_head);
        if (!wqe->is_started || is_read(wqe))
            break;
        uint32_t behind = psn_add(wqe->first_psn, wqe->packets);
        if (wire_psn_distance(psn, behind) < 0) {
            if (wire_psn_distance(psn, qp->una_psn) > 0)
                qp->una_psn = psn;
            break;
        }
        qp->una_psn = behind;
        wqe->end_ps = wqe->sent_ps + 2 * qp->nic->config.latency_ps +
                      phy_wire_ps(qp->nic, WIRE_BTH + WIRE_AETH + WIRE_CRC);
        complete(qp, GAUDI_WC_SUCCESS);
    }
    if (qp->una_psn != before) {
        qp->retries_left = qp->timers.retry_cnt;
        qp->rnr_left = qp->timers.rnr_retry;
        qp->has_gone_back = false;
        if (wire_psn_distance(qp->next_psn, qp->una_psn) < 0)
            go_back(qp); /* the answer overtook what was about to be sent again */
        arm(qp);
    }
}

static bool start(gaudi_qp *qp, send_wqe *wqe)
{
    const gaudi_send_wr *wr = &wqe->wr;
    uint32_t needed = is_read(wqe) ? GAUDI_ACCESS_LOCAL_WRITE : 0;
    wqe->bytes = NULL;
    if (wr->length > 0) {
        wqe->bytes = nic_resolve(qp->nic, qp->pd, wr->lkey, wr->local_address, wr->length, needed);
        if (!wqe->bytes)
            return false;
    }
    uint32_t mtu = qp->path.path_mtu;
    wqe->packets = wr->length == 0 ? 1 : (wr->length + mtu - 1) / mtu;
    wqe->first_psn = qp->next_psn;
    wqe->received = 0;
    wqe->is_started = true;
    return true;
}

static uint32_t reads_open(gaudi_qp *qp)
{
    uint32_t count = 0;
    for (uint64_t i = qp->sq_head; i < qp->sq_at; i++)
        count += is_read(place(qp, i));
    return count;
}

static uint8_t opcode_of(const send_wqe *wqe, uint32_t packet)
{
    bool is_first = packet == 0;
    bool is_last = packet + 1 == wqe->packets;
    bool is_send = wqe->wr.opcode == GAUDI_WR_SEND || wqe->wr.opcode == GAUDI_WR_SEND_WITH_IMM;
    bool has_imm = wqe->wr.opcode == GAUDI_WR_SEND_WITH_IMM || wqe->wr.opcode == GAUDI_WR_RDMA_WRITE_WITH_IMM;
    uint8_t base = is_send ? WIRE_SEND_FIRST : WIRE_WRITE_FIRST; /* the same order follows both */
    if (is_first && is_last)
        return (uint8_t)(base + (has_imm ? 5 : 4));
    if (is_last)
        return (uint8_t)(base + (has_imm ? 3 : 2));
    return (uint8_t)(base + (is_first ? 0 : 1));
}

static bool send_read(gaudi_qp *qp, send_wqe *wqe, uint64_t *end_ps, bool is_again)
{
    uint32_t offset = wqe->received * qp->path.path_mtu;
    wire_header header = {.opcode = WIRE_READ_REQUEST,
                          .wants_ack = true,
                          .qp_num = qp->path.dest_qp_num,
                          .psn = psn_add(wqe->first_psn, wqe->received),
                          .address = wqe->wr.remote_address + offset,
                          .rkey = wqe->wr.rkey,
                          .length = wqe->wr.length - offset};
    return nic_transmit(qp, &header, NULL, 0, wqe->posted_ps, is_again, end_ps);
}

static bool send_part(gaudi_qp *qp, send_wqe *wqe, uint64_t *end_ps, bool is_again)
{
    uint32_t mtu = qp->path.path_mtu;
    uint32_t offset = qp->sq_packet * mtu;
    uint32_t length = wqe->wr.length - offset < mtu ? wqe->wr.length - offset : mtu;
    bool is_last = qp->sq_packet + 1 == wqe->packets;
    wire_header header = {.opcode = opcode_of(wqe, qp->sq_packet),
                          .wants_ack = is_last || qp->next_psn % QP_ACK_EVERY == 0,
                          .qp_num = qp->path.dest_qp_num,
                          .psn = qp->next_psn,
                          .address = wqe->wr.remote_address,
                          .rkey = wqe->wr.rkey,
                          .length = wqe->wr.length,
                          .imm_data = wqe->wr.imm_data};
    return nic_transmit(qp, &header, wqe->bytes ? wqe->bytes + offset : NULL, length, wqe->posted_ps, is_again, end_ps);
}

static bool may_send(gaudi_qp *qp, send_wqe *wqe)
{
    if (qp->resume_ns != 0 || wire_psn_distance(qp->next_psn, qp->una_psn) >= QP_WINDOW)
        return false;
    if (is_read(wqe) && reads_open(qp) >= NIC_READS_MAX / 2)
        return false;
    return wqe->is_started || qp->state == GAUDI_QP_RTS;
}

/* One packet, if there is one that may go. */
bool requester_send(gaudi_qp *qp)
{
    uint64_t end_ps = 0;
    if ((qp->state != GAUDI_QP_RTS && qp->state != GAUDI_QP_SQD) || qp->sq_at == qp->sq_tail)
        return false;
    send_wqe *wqe = place(qp, qp->sq_at);
    if (!may_send(qp, wqe))
        return false;
    if (!wqe->is_started && !start(qp, wqe)) {
        if (qp->sq_at != qp->sq_head)
            return false; /* those before it come first */
        fail(qp, GAUDI_WC_LOC_PROT_ERR);
        return true;
    }
    bool is_again = wire_psn_distance(qp->next_psn, qp->high_psn) < 0;
    bool is_sent = is_read(wqe) ? send_read(qp, wqe, &end_ps, is_again) : send_part(qp, wqe, &end_ps, is_again);
    if (!is_sent) {
        if (qp->deadline_ns == 0 && qp->timers.timeout != 0) /* nor may waiting for room last for ever */
            qp->deadline_ns = nic_now_ns() + requester_timeout_ns(qp);
        return false;
    }
    if (wqe->start_ps == 0) {
        size_t head = wire_header_size(is_read(wqe) ? WIRE_READ_REQUEST : opcode_of(wqe, 0));
        uint32_t mtu = qp->path.path_mtu;
        uint32_t length = is_read(wqe) ? 0 : wqe->wr.length < mtu ? wqe->wr.length : mtu;
        wqe->start_ps = end_ps - phy_wire_ps(qp->nic, head + length + WIRE_CRC);
    }
    wqe->sent_ps = end_ps;
    qp->sq_packet++;
    qp->next_psn = psn_add(qp->next_psn, 1);
    if (is_read(wqe))
        qp->next_psn = psn_add(wqe->first_psn, wqe->packets);
    if (is_read(wqe) || qp->sq_packet == wqe->packets) {
        qp->sq_at++;
        qp->sq_packet = 0;
    }
    if (wire_psn_distance(qp->next_psn, qp->high_psn) > 0)
        qp->high_psn = qp->next_psn;
    if (qp->deadline_ns == 0)
        arm(qp);
    return true;
}

/* A loss that costs one of the retries. */
void requester_retry(gaudi_qp *qp)
{
    if (qp->retries_left == 0) {
        fail(qp, GAUDI_WC_RETRY_EXC_ERR);
        return;
    }
    qp->retries_left--;
    go_back(qp);
}

/* A response of a read, or something that pretends to be one. */
static void take_response(gaudi_qp *qp, const wire_header *h, const uint8_t *payload, uint32_t length)
{
    advance(qp, h->psn);
    send_wqe *wqe = place(qp, qp->sq_head);
    if (qp->sq_head == qp->sq_tail || !wqe->is_started || !is_read(wqe))
        return;
    int32_t ahead = wire_psn_distance(h->psn, psn_add(wqe->first_psn, wqe->received));
    if (ahead < 0)
        return;
    if (ahead > 0) {
        if (!qp->has_gone_back)
            go_back(qp); /* one is missing: ask for the rest again */
        qp->has_gone_back = true;
        return;
    }
    uint32_t mtu = qp->path.path_mtu;
    uint32_t offset = wqe->received * mtu;
    uint32_t expected = wqe->wr.length - offset < mtu ? wqe->wr.length - offset : mtu;
    if (length != expected) {
        fail(qp, GAUDI_WC_BAD_RESP_ERR);
        return;
    }
    if (length > 0)
        memcpy(wqe->bytes + offset, payload, length);
    nic_port *port = &qp->nic->port[qp->port];
    uint64_t at_ps = wqe->sent_ps + 2 * qp->nic->config.latency_ps;
    if (port->rx_free_ps > at_ps)
        at_ps = port->rx_free_ps;
    at_ps += phy_wire_ps(qp->nic, wire_header_size(h->opcode) + length + WIRE_CRC);
    port->rx_free_ps = at_ps;
    wqe->received++;
    qp->una_psn = psn_add(h->psn, 1);
    qp->retries_left = qp->timers.retry_cnt;
    qp->has_gone_back = false;
    if (wire_psn_distance(qp->next_psn, qp->una_psn) < 0)
        qp->next_psn = qp->una_psn;
    if (wqe->received == wqe->packets) {
        wqe->end_ps = at_ps;
        complete(qp, GAUDI_WC_SUCCESS);
    }
    arm(qp);
}

static void wait_for_receiver(gaudi_qp *qp, uint32_t psn)
{
    advance(qp, psn);
    if (qp->rnr_left == 0) {
        fail(qp, GAUDI_WC_RNR_RETRY_EXC_ERR);
        return;
    }
    if (qp->rnr_left != 7)
        qp->rnr_left--;
    go_back(qp);
    qp->resume_ns = nic_now_ns() + qp->path.min_rnr_timer_us * UINT64_C(1000);
}

static void take_acknowledgement(gaudi_qp *qp, const wire_header *h)
{
    switch (h->syndrome) {
    case WIRE_NAK_SEQUENCE:
        advance(qp, h->psn);
        requester_retry(qp);
        break;
    case WIRE_NAK_INVALID_REQUEST:
        advance(qp, h->psn);
        fail(qp, GAUDI_WC_REM_INV_REQ_ERR);
        break;
    case WIRE_NAK_REMOTE_ACCESS:
        advance(qp, h->psn);
        fail(qp, GAUDI_WC_REM_ACCESS_ERR);
        break;
    case WIRE_NAK_REMOTE_OPERATION:
        advance(qp, h->psn);
        fail(qp, GAUDI_WC_REM_OP_ERR);
        break;
    default:
        if ((h->syndrome & 0xe0) == WIRE_RNR_NAK)
            wait_for_receiver(qp, h->psn);
        else if ((h->syndrome & 0xe0) == WIRE_ACK)
            advance(qp, psn_add(h->psn, 1));
    }
}

void requester_receive(gaudi_qp *qp, const wire_header *h, const uint8_t *payload, uint32_t length)
{
    if (qp->state != GAUDI_QP_RTS && qp->state != GAUDI_QP_SQD)
        return;
    /* Only what was sent and is not answered yet can be answered. */
    if (wire_psn_distance(h->psn, qp->una_psn) < 0 || wire_psn_distance(h->psn, qp->high_psn) >= 0) {
        qp->nic->delta->port[qp->port].value[GAUDI_PORT_REQ_OUT_OF_RANGE] += 1;
        return;
    }
    if (h->opcode == WIRE_ACKNOWLEDGE)
        take_acknowledgement(qp, h);
    else
        take_response(qp, h, payload, length);
}
