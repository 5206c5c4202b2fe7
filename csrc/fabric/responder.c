/* The responder of a queue pair: packets into memory and receive queue, in the order of their sequence numbers; what it
 * owes (acknowledgements, read responses) is sent by responder_send. */
#include "internal.h"

#include <string.h>

static gaudi_recv_wr *oldest_recv(gaudi_qp *qp)
{
    return qp->rq_head == qp->rq_tail ? NULL : &qp->rq[qp->rq_head % qp->rq_depth];
}

static void complete_recv(gaudi_qp *qp, uint32_t status, uint32_t opcode, const uint32_t *imm)
{
    const gaudi_recv_wr *wr = oldest_recv(qp);
    gaudi_wc wc = {.wr_id = wr->wr_id, .status = status, .opcode = opcode, .byte_len = (uint32_t)qp->message_got,
                   .imm_data = imm ? *imm : 0, .qp_num = qp->number, .flags = imm ? GAUDI_WC_WITH_IMM : 0};
    qp->rq_head++;
    cq_push(qp->recv_cq, &wc);
}

void responder_flush(gaudi_qp *qp)
{
    qp->message_got = 0;
    while (oldest_recv(qp))
        complete_recv(qp, GAUDI_WC_WR_FLUSH_ERR, GAUDI_WC_RECV, NULL);
    qp->read_count = 0;
    qp->is_in_message = false;
}

static void owe(gaudi_qp *qp, uint8_t syndrome, uint32_t psn)
{
    qp->is_ack_due = true;
    qp->due_syndrome = syndrome;
    qp->due_psn = psn & 0xffffff;
}

/* An error that the peer hears of and that ends this queue pair. */
static void refuse(gaudi_qp *qp, uint8_t syndrome, uint32_t psn)
{
    owe(qp, syndrome, psn);
    qp_fail(qp);
}

static bool is_send(uint8_t opcode)
{
    return opcode <= WIRE_SEND_ONLY_IMM;
}

static bool is_first(uint8_t opcode)
{
    return opcode == WIRE_SEND_FIRST || opcode == WIRE_SEND_ONLY || opcode == WIRE_SEND_ONLY_IMM ||
           opcode == WIRE_WRITE_FIRST || opcode == WIRE_WRITE_ONLY || opcode == WIRE_WRITE_ONLY_IMM;
}

static bool is_last(uint8_t opcode)
{
    return opcode != WIRE_SEND_FIRST && opcode != WIRE_SEND_MIDDLE && opcode != WIRE_WRITE_FIRST &&
           opcode != WIRE_WRITE_MIDDLE;
}

static bool has_imm(uint8_t opcode)
{
    return opcode == WIRE_SEND_LAST_IMM || opcode == WIRE_SEND_ONLY_IMM || opcode == WIRE_WRITE_LAST_IMM ||
           opcode == WIRE_WRITE_ONLY_IMM;
}

/* The first packet of a send takes the oldest receive request. */
static bool begin_send(gaudi_qp *qp, const wire_header *h)
{
    const gaudi_recv_wr *wr = oldest_recv(qp);
    qp->message_bytes = NULL;
    qp->message_room = wr->length;
    qp->message_key = wr->lkey;
    if (wr->length > 0) {
        qp->message_bytes =
            nic_resolve(qp->nic, qp->pd, wr->lkey, wr->local_address, wr->length, GAUDI_ACCESS_LOCAL_WRITE);
        if (!qp->message_bytes) {
            complete_recv(qp, GAUDI_WC_LOC_PROT_ERR, GAUDI_WC_RECV, NULL);
            refuse(qp, WIRE_NAK_REMOTE_OPERATION, h->psn);
            return false;
        }
    }
    return true;
}

static uint8_t *remote_bytes(gaudi_qp *qp, const wire_header *h, uint32_t right)
{
    if (!(qp->access & right))
        return NULL;
    return nic_resolve(qp->nic, qp->pd, h->rkey, h->address, h->length, right);
}

static bool begin_write(gaudi_qp *qp, const wire_header *h)
{
    qp->message_bytes = NULL;
    qp->message_room = h->length;
    qp->message_key = h->rkey;
    if (h->length > 0) {
        qp->message_bytes = remote_bytes(qp, h, GAUDI_ACCESS_REMOTE_WRITE);
        if (!qp->message_bytes) {
            refuse(qp, WIRE_NAK_REMOTE_ACCESS, h->psn);
            return false;
        }
    }
    return true;
}

static bool begin(gaudi_qp *qp, const wire_header *h)
{
    qp->is_in_message = true;
    qp->is_message_send = is_send(h->opcode);
    qp->message_got = 0;
    return is_send(h->opcode) ? begin_send(qp, h) : begin_write(qp, h);
}

/* Packets of a message are full but for the last one. */
static bool has_right_length(const gaudi_qp *qp, const wire_header *h, uint32_t length)
{
    if (!is_last(h->opcode))
        return length == qp->path.path_mtu;
    return length <= qp->path.path_mtu && (length > 0 || is_first(h->opcode));
}

static bool needs_recv(const wire_header *h)
{
    return (is_send(h->opcode) && is_first(h->opcode)) || (!is_send(h->opcode) && has_imm(h->opcode));
}

static void finish(gaudi_qp *qp, const wire_header *h)
{
    qp->is_in_message = false;
    qp->msn = (qp->msn + 1) & 0xffffff;
    const uint32_t *imm = has_imm(h->opcode) ? &h->imm_data : NULL;
    if (qp->is_message_send)
        complete_recv(qp, GAUDI_WC_SUCCESS, GAUDI_WC_RECV, imm);
    else if (imm)
        complete_recv(qp, GAUDI_WC_SUCCESS, GAUDI_WC_RECV_RDMA_WITH_IMM, imm);
}

static void take_message(gaudi_qp *qp, const wire_header *h, const uint8_t *payload, uint32_t length)
{
    bool fits = is_first(h->opcode) ? !qp->is_in_message
                                    : qp->is_in_message && qp->is_message_send == is_send(h->opcode);
    if (!fits || !has_right_length(qp, h, length)) {
        refuse(qp, WIRE_NAK_INVALID_REQUEST, h->psn);
        return;
    }
    if (needs_recv(h) && !oldest_recv(qp)) {
        owe(qp, WIRE_RNR_NAK, h->psn);
        return;
    }
    if (is_first(h->opcode) && !begin(qp, h))
        return;
    bool is_short = is_last(h->opcode) && !qp->is_message_send && qp->message_got + length != qp->message_room;
    if (qp->message_got + length > qp->message_room || is_short) {
        if (qp->is_message_send)
            complete_recv(qp, GAUDI_WC_LOC_LEN_ERR, GAUDI_WC_RECV, NULL);
        refuse(qp, WIRE_NAK_INVALID_REQUEST, h->psn);
        return;
    }
    if (length > 0)
        memcpy(qp->message_bytes + qp->message_got, payload, length);
    qp->message_got += length;
    qp->expected_psn = (qp->expected_psn + 1) & 0xffffff;
    if (is_last(h->opcode))
        finish(qp, h);
    if (h->wants_ack)
        owe(qp, WIRE_ACK, h->psn);
}

/* A request of now, or one that is asked again because responses were lost; then those behind it are asked again too. */
static void take_read(gaudi_qp *qp, const wire_header *h, bool is_again)
{
    uint8_t *bytes = NULL;
    uint32_t mtu = qp->path.path_mtu;
    uint32_t packets = h->length == 0 ? 1 : (h->length - 1) / mtu + 1;
    if (is_again)
        qp->read_count = 0;
    if (qp->read_count == NIC_READS_MAX)
        return; /* more than a requester may have open */
    if (h->length > 0 && !(bytes = remote_bytes(qp, h, GAUDI_ACCESS_REMOTE_READ))) {
        refuse(qp, WIRE_NAK_REMOTE_ACCESS, h->psn);
        return;
    }
    if (packets >= 0x800000 || qp->is_in_message) {
        refuse(qp, WIRE_NAK_INVALID_REQUEST, h->psn);
        return;
    }
    qp->read[(qp->read_head + qp->read_count) % NIC_READS_MAX] =
        (read_job){.bytes = bytes, .key = h->rkey, .length = h->length, .psn = h->psn, .packets = packets};
    qp->read_count++;
    if (!is_again) {
        qp->expected_psn = (qp->expected_psn + packets) & 0xffffff;
        qp->msn = (qp->msn + 1) & 0xffffff;
    }
}

void responder_receive(gaudi_qp *qp, const wire_header *h, const uint8_t *payload, uint32_t length)
{
    uint64_t *count = qp->nic->delta->port[qp->port].value;
    int32_t ahead = wire_psn_distance(h->psn, qp->expected_psn);
    if (qp->state != GAUDI_QP_RTR && qp->state != GAUDI_QP_RTS && qp->state != GAUDI_QP_SQD)
        return;
    if (ahead > 0) {
        count[GAUDI_PORT_RES_OUT_OF_SEQUENCE] += 1;
        if (!qp->is_nak_sent)
            owe(qp, WIRE_NAK_SEQUENCE, qp->expected_psn);
        qp->is_nak_sent = true;
        return;
    }
    if (ahead < 0) {
        count[GAUDI_PORT_RES_DUPLICATE] += 1;
        if (h->opcode == WIRE_READ_REQUEST)
            take_read(qp, h, true);
        else
            owe(qp, WIRE_ACK, qp->expected_psn - 1);
        return;
    }
    qp->is_nak_sent = false;
    if (h->opcode == WIRE_READ_REQUEST)
        take_read(qp, h, false);
    else
        take_message(qp, h, payload, length);
}

static bool send_response(gaudi_qp *qp)
{
    read_job *job = &qp->read[qp->read_head];
    uint32_t mtu = qp->path.path_mtu;
    uint32_t offset = job->next * mtu;
    uint32_t length = job->length - offset < mtu ? job->length - offset : mtu;
    bool is_the_first = job->next == 0;
    bool is_the_last = job->next + 1 == job->packets;
    uint8_t opcode = is_the_first ? (is_the_last ? WIRE_READ_ONLY : WIRE_READ_FIRST)
                                  : (is_the_last ? WIRE_READ_LAST : WIRE_READ_MIDDLE);
    wire_header header = {.opcode = opcode, .qp_num = qp->path.dest_qp_num,
                          .psn = (job->psn + job->next) & 0xffffff, .msn = qp->msn};
    uint64_t end_ps = 0;
    if (!nic_transmit(qp, &header, job->bytes ? job->bytes + offset : NULL, length, 0, false, &end_ps))
        return false;
    if (++job->next == job->packets) {
        qp->read_head = (qp->read_head + 1) % NIC_READS_MAX;
        qp->read_count--;
    }
    return true;
}

/* One packet that is owed, if any: responses of reads first, so that an acknowledgement never overtakes them. */
bool responder_send(gaudi_qp *qp)
{
    if (qp->read_count > 0)
        return send_response(qp);
    if (!qp->is_ack_due)
        return false;
    wire_header header = {.opcode = WIRE_ACKNOWLEDGE, .qp_num = qp->path.dest_qp_num, .psn = qp->due_psn,
                          .syndrome = qp->due_syndrome, .msn = qp->msn};
    uint64_t end_ps = 0;
    if (!nic_transmit(qp, &header, NULL, 0, 0, false, &end_ps))
        return false;
    qp->is_ack_due = false;
    return true;
}
