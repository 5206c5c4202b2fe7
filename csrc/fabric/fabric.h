/* The NIC of an emulated card: verbs over ports, links and packets.
 *
 * A link is a pair of rings in shared memory, one into each of its two ports; each card's NIC thread, in the process that
 * holds the card, serves its own ports. Transport is RC with send, write and read: packets with BTH, RETH and AETH headers
 * and a CRC, go-back-N retransmission, acknowledgements, timers. Names, states and statuses are those of the verbs.
 *
 * Times called device time are picoseconds on the time line of the card's ports: what the packets that were really sent
 * would have taken on the wire (gaudi_nic_config). Timeouts of the transport run in wall time.
 *
 * Errors: 0 or a negative errno with one line in gaudi_error. -EINVAL wrong argument or state, -ENOMEM, -ENOSPC a queue or
 * table is full, -ENOENT no such object, -EBUSY still in use, -EACCES, -EIO.
 * Threads: any thread may call anything but gaudi_nic_close, which must not overlap with other calls. */
#ifndef GAUDI_FABRIC_H
#define GAUDI_FABRIC_H

#include "card.h"

#define GAUDI_NIC_MTU_MIN 256
#define GAUDI_NIC_MTU_MAX 8192

typedef struct gaudi_nic gaudi_nic; /* the NIC of one held card */
typedef struct gaudi_cq gaudi_cq;   /* completion queue */
typedef struct gaudi_qp gaudi_qp;   /* queue pair, RC */

/* States of a queue pair, with the values of the verbs' enum ibv_qp_state. */
enum gaudi_qp_state {
    GAUDI_QP_RESET = 0,
    GAUDI_QP_INIT = 1,
    GAUDI_QP_RTR = 2,
    GAUDI_QP_RTS = 3,
    GAUDI_QP_SQD = 4,
    GAUDI_QP_SQE = 5, /* never entered: it belongs to unreliable transports */
    GAUDI_QP_ERR = 6
};

/* Access rights; the values of the verbs' enum ibv_access_flags. */
enum gaudi_access { GAUDI_ACCESS_LOCAL_WRITE = 1, GAUDI_ACCESS_REMOTE_WRITE = 2, GAUDI_ACCESS_REMOTE_READ = 4 };

/* What a work request does; the values of the verbs' enum ibv_wr_opcode. */
enum gaudi_wr_opcode {
    GAUDI_WR_RDMA_WRITE = 0,
    GAUDI_WR_RDMA_WRITE_WITH_IMM = 1,
    GAUDI_WR_SEND = 2,
    GAUDI_WR_SEND_WITH_IMM = 3,
    GAUDI_WR_RDMA_READ = 4
};

/* Completion statuses; the values of the verbs' enum ibv_wc_status. */
enum gaudi_wc_status {
    GAUDI_WC_SUCCESS = 0,
    GAUDI_WC_LOC_LEN_ERR = 1,
    GAUDI_WC_LOC_QP_OP_ERR = 2,
    GAUDI_WC_LOC_PROT_ERR = 4,
    GAUDI_WC_WR_FLUSH_ERR = 5,
    GAUDI_WC_BAD_RESP_ERR = 7,
    GAUDI_WC_LOC_ACCESS_ERR = 8,
    GAUDI_WC_REM_INV_REQ_ERR = 9,
    GAUDI_WC_REM_ACCESS_ERR = 10,
    GAUDI_WC_REM_OP_ERR = 11,
    GAUDI_WC_RETRY_EXC_ERR = 12,
    GAUDI_WC_RNR_RETRY_EXC_ERR = 13
};

/* What was completed; the values of the verbs' enum ibv_wc_opcode. */
enum gaudi_wc_opcode {
    GAUDI_WC_SEND = 0,
    GAUDI_WC_RDMA_WRITE = 1,
    GAUDI_WC_RDMA_READ = 2,
    GAUDI_WC_RECV = 128,
    GAUDI_WC_RECV_RDMA_WITH_IMM = 129
};

enum gaudi_wc_flag { GAUDI_WC_WITH_IMM = 2 };

/* How packets take time: picoseconds a byte on the wire, and from the end of sending to arrival at the other side. */
typedef struct gaudi_nic_config {
    double ps_per_byte;
    uint64_t latency_ps;
} gaudi_nic_config;

typedef struct gaudi_wc {
    uint64_t wr_id;
    uint32_t status;
    uint32_t opcode;
    uint32_t byte_len;
    uint32_t imm_data;
    uint32_t qp_num;
    uint32_t flags;
    uint64_t start_ps; /* device time from the first packet ... */
    uint64_t end_ps;   /* ... to the acknowledgement or the last byte; both 0 for receives */
} gaudi_wc;

typedef struct gaudi_send_wr {
    uint64_t wr_id;
    uint32_t opcode;
    uint32_t is_signaled; /* complete in the CQ also if it succeeds */
    uint64_t local_address;
    uint64_t remote_address;
    uint32_t length;
    uint32_t lkey;
    uint32_t rkey;
    uint32_t imm_data;
} gaudi_send_wr;

typedef struct gaudi_recv_wr {
    uint64_t wr_id;
    uint64_t local_address;
    uint32_t length;
    uint32_t lkey;
} gaudi_recv_wr;

/* The way to the other side, for INIT -> RTR. A packet reaches the port that the cable of `port` leads to, or, if that is
 * named, the same port by loopback, which turns round at the far end of the cable and so needs a link that is up. */
typedef struct gaudi_qp_path {
    uint32_t dest_module; /* module id and port of the destination */
    uint32_t dest_port;
    uint32_t dest_qp_num;
    uint32_t rq_psn;   /* the first PSN to expect, 24 bits */
    uint32_t path_mtu; /* 256, 512, ... 8192 bytes */
    uint32_t min_rnr_timer_us;
} gaudi_qp_path;

/* For RTR -> RTS. */
typedef struct gaudi_qp_timers {
    uint32_t sq_psn;    /* the first PSN to send, 24 bits */
    uint32_t timeout;   /* 4.096 us x 2^timeout until a packet without an answer is lost; 0 to 31, 0 waits forever */
    uint32_t retry_cnt; /* 0 to 7 */
    uint32_t rnr_retry; /* 0 to 7, 7 is without end */
} gaudi_qp_timers;

/* What a port has done since the NIC was opened. */
typedef struct gaudi_nic_port_usage {
    uint64_t tx_wire_bytes; /* with headers, preambles and gaps; retransmissions count again */
    uint64_t rx_wire_bytes;
    uint64_t tx_packets;
    uint64_t rx_packets;
    uint64_t retransmitted_packets;
    uint64_t timeouts;
    uint64_t crc_errors;
    uint64_t bit_errors; /* on the wire, before the FEC */
    uint64_t busy_ps;    /* device time in which it was sending ... */
    uint64_t stalled_ps; /* ... and in which it waited for answers that did not come */
} gaudi_nic_port_usage;

/* ---- nic.c ---- */

/* Open the NIC of a held card: its rings, and a thread that serves them. -EBUSY: it is open. The box must stay open. */
int gaudi_nic_open(gaudi_nic **nic, gaudi_box *box, gaudi_card *card, const gaudi_nic_config *config,
                   gaudi_error *error);

/* Destroys all that belongs to it; the memory regions' bytes are not touched any more when it returns. */
void gaudi_nic_close(gaudi_nic *nic);

/* A bit per port: the link is up, now. */
uint64_t gaudi_nic_links_up(gaudi_nic *nic);
int gaudi_nic_usage(gaudi_nic *nic, uint32_t port, gaudi_nic_port_usage *usage);

/* The latest device time that anything has reached. */
uint64_t gaudi_nic_device_ps(gaudi_nic *nic);

/* Wait until the set of ports that carry traffic is another one than `seen`; returns it. A port that has been quiet for
 * some 20 ms is out of it. At the timeout, or when the NIC is being closed, returns what it is. */
uint64_t gaudi_nic_wait_busy(gaudi_nic *nic, uint64_t seen, uint32_t timeout_ms);

/* From now on gaudi_nic_wait_busy does not wait. */
void gaudi_nic_stop_waiting(gaudi_nic *nic);

/* ---- memory.c ---- */

/* Register `size` bytes that peers and work requests know as device addresses from `address` on. Gives the key, local and
 * remote in one. The bytes stay valid until gaudi_mr_deregister returns. */
int gaudi_mr_register(gaudi_nic *nic, uint32_t pd, void *bytes, uint64_t address, uint64_t size, uint32_t access,
                      uint32_t *key, gaudi_error *error);
int gaudi_mr_deregister(gaudi_nic *nic, uint32_t key, gaudi_error *error);

/* ---- queue.c ---- */

int gaudi_cq_create(gaudi_cq **cq, gaudi_nic *nic, uint32_t depth, gaudi_error *error);
int gaudi_cq_destroy(gaudi_cq *cq, gaudi_error *error); /* -EBUSY: a queue pair uses it */

/* Up to `max` completions, oldest first; their number, or -EIO: completions were lost because the queue was full. The
 * counters of the ports include all that these completions stand for. */
int gaudi_cq_poll(gaudi_cq *cq, gaudi_wc *wc, uint32_t max);

/* Wait until there is one. 0, or -ETIMEDOUT. */
int gaudi_cq_wait(gaudi_cq *cq, uint32_t timeout_ms);

/* ---- qp.c ---- */

int gaudi_qp_create(gaudi_qp **qp, gaudi_nic *nic, uint32_t pd, uint32_t port, gaudi_cq *send_cq, gaudi_cq *recv_cq,
                    uint32_t max_send_wr, uint32_t max_recv_wr, gaudi_error *error);
void gaudi_qp_destroy(gaudi_qp *qp);
uint32_t gaudi_qp_number(const gaudi_qp *qp);
uint32_t gaudi_qp_state_of(gaudi_qp *qp);

/* RESET -> INIT; `access` is what peers may do through this queue pair. */
int gaudi_qp_to_init(gaudi_qp *qp, uint32_t access, gaudi_error *error);
/* INIT -> RTR. */
int gaudi_qp_to_rtr(gaudi_qp *qp, const gaudi_qp_path *path, gaudi_error *error);
/* RTR -> RTS. */
int gaudi_qp_to_rts(gaudi_qp *qp, const gaudi_qp_timers *timers, gaudi_error *error);
/* The transitions that need no attributes: RTS -> SQD -> RTS, any -> ERR (work is flushed), any -> RESET (work is gone). */
int gaudi_qp_to_state(gaudi_qp *qp, uint32_t state, gaudi_error *error);
/* SQD, and nothing of what was sent before is open any more. */
bool gaudi_qp_is_drained(gaudi_qp *qp);

/* -ENOSPC: the queue is full. In ERR a request completes with WR_FLUSH_ERR. */
int gaudi_qp_post_send(gaudi_qp *qp, const gaudi_send_wr *wr, gaudi_error *error); /* RTS, SQD, ERR */
int gaudi_qp_post_recv(gaudi_qp *qp, const gaudi_recv_wr *wr, gaudi_error *error); /* all but RESET */

#endif
