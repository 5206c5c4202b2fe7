/* What the files of csrc/fabric share; nobody else includes this. Everything below gaudi_nic is guarded by its mutex. */
#ifndef GAUDI_FABRIC_INTERNAL_H
#define GAUDI_FABRIC_INTERNAL_H

#include <pthread.h>

#include "fabric.h"
#include "wire.h"

enum { NIC_QP_MAX = 1024, NIC_MR_MAX = 1024, NIC_READS_MAX = 16 };

/* A ring has room for this many packets of any size. The in-flight window of a queue pair is larger: what the peer has
 * taken out of the ring waits for its acknowledgement. */
enum { RING_SLOTS = 16, QP_WINDOW = 64, QP_ACK_EVERY = 8 };

/* ---- link.c: shared rings ---------------------------------------------------------------------- */

typedef struct link_slot {
    uint32_t length; /* bytes of the packet */
    uint32_t reserved[15];
    uint8_t packet[8256]; /* headers, up to GAUDI_NIC_MTU_MAX of payload, CRC */
} link_slot;

/* How far the packets into one port have come. `tail` belongs to the sender, `head` to the receiver; both only grow. */
typedef struct link_control {
    uint64_t tail;
    uint64_t reserved0[7];
    uint64_t head;
    uint32_t wants_room; /* the sender sleeps until there is room */
    uint32_t reserved1[13];
} link_control;

/* The file nicN of a box: what comes in at card N. All zero is a NIC that nobody serves. The slots of a port have no
 * memory behind them before somebody reserves it. */
typedef struct link_file {
    uint64_t serving;  /* not 0: a NIC thread is there, or was and died without a word */
    uint32_t doorbell; /* futex */
    uint32_t is_asleep;
    uint64_t passes; /* how often the thread has looked at everything */
    uint64_t reserved[5];
    link_control control[GAUDI_PORT_MAX];
    uint64_t padding[120]; /* to a multiple of 4096 bytes */
    link_slot slot[GAUDI_PORT_MAX][RING_SLOTS];
} link_file;

/* One ring as its two ends see it; slot is NULL where there is none. */
typedef struct link_ring {
    link_control *control;
    link_slot *slot;
} link_ring;

/* A mapped file. `lock_fd` is an open file of its own, which holds the lock that says "alive", or -1. */
typedef struct link_map {
    link_file *file;
    int fd;
    int lock_fd;
} link_map;

int link_open_own(link_map *map, const char *box_path, size_t card, gaudi_error *error);
int link_open_peer(link_map *map, const char *box_path, size_t card);
void link_close(link_map *map);
bool link_is_served(const link_map *map); /* asks the kernel */
/* Back the slots of a port with memory, so that touching them cannot fail, and give the ring. -ENOSPC: /dev/shm is full. */
int link_reserve(const link_map *map, uint32_t port, link_ring *ring);
void link_ring_doorbell(link_file *file);   /* there is a packet, or other work */
void link_announce_room(link_file *file);   /* there is room again for what it sends */
/* Sleep until the doorbell moves away from `seen`. */
void link_sleep(link_file *file, uint32_t seen, uint64_t timeout_ns);

/* ---- phy.c: ports ------------------------------------------------------------------------------ */

typedef struct nic_port {
    /* `out` leads into the peer's port; peer_index says whose NIC serves it. */
    int peer_index; /* card, or -1 */
    uint32_t peer_port;
    link_ring out;
    link_ring in;
    link_ring loop; /* packets that turn round; private to this process */
    uint64_t in_head, out_tail;
    uint64_t dead_token; /* the peer's `serving` word that was found without a process behind it */
    uint64_t loop_head, loop_tail;
    bool is_up;
    uint64_t tx_free_ps; /* the port's time line */
    uint64_t rx_free_ps;
    double ber;          /* bit error rate of what it receives */
    uint64_t seed;       /* state of the generator */
    uint64_t next_error; /* bits until the next one */
    uint64_t busy_until_ns;
    gaudi_nic_port_usage usage;
} nic_port;

/* Link state and faults of now. */
void phy_look(gaudi_nic *nic);
/* Flip bits as the port's error rate says, after what the FEC repairs. Returns whether the packet is damaged. */
void phy_receive(gaudi_nic *nic, uint32_t port, uint8_t *packet, size_t size);
/* Count a packet that was sent or received. */
void phy_count_tx(gaudi_nic *nic, uint32_t port, size_t size, uint64_t from_ps, bool is_retransmission);
void phy_count_rx(gaudi_nic *nic, uint32_t port, size_t size, bool is_damaged);
uint64_t phy_wire_ps(const gaudi_nic *nic, size_t size);

/* ---- queues ------------------------------------------------------------------------------------- */

struct gaudi_cq {
    gaudi_nic *nic;
    gaudi_wc *wc;
    uint32_t depth, head, count, users;
    bool is_overrun;
    pthread_cond_t filled;
};

typedef struct nic_mr {
    uint8_t *bytes; /* NULL: free */
    uint64_t address, size;
    uint32_t pd, access, key;
} nic_mr;

/* A work request in the send queue. */
typedef struct send_wqe {
    gaudi_send_wr wr;
    uint8_t *bytes;
    uint32_t first_psn;
    uint32_t packets;  /* PSNs that it takes: of a read, one for each response */
    uint32_t received; /* responses so far */
    bool is_started;
    uint64_t posted_ps, start_ps, sent_ps, end_ps;
} send_wqe;

/* A read that the responder has to answer. */
typedef struct read_job {
    const uint8_t *bytes;
    uint32_t key, length, psn, packets, next;
} read_job;

struct gaudi_qp {
    gaudi_nic *nic;
    uint32_t number, pd, port, state, access;
    gaudi_cq *send_cq, *recv_cq;
    gaudi_qp_path path;
    gaudi_qp_timers timers;
    bool is_loopback, has_route;

    /* Requester. Send queue: [sq_head, sq_tail) are not complete, sq_at is being sent from packet sq_packet on. The
     * numbers grow without end; modulo sq_depth they are places. */
    send_wqe *sq;
    uint32_t sq_depth;
    uint64_t sq_head, sq_at, sq_tail;
    uint32_t sq_packet;
    uint32_t next_psn; /* of the next packet to send; before high_psn it is one that was sent before */
    uint32_t una_psn;  /* the oldest one without an answer */
    uint32_t high_psn; /* the first one that was never sent */
    uint32_t retries_left, rnr_left;
    uint64_t deadline_ns; /* of the answer to una_psn; 0: none is awaited */
    uint64_t resume_ns;   /* after an RNR NAK; 0: not waiting */
    uint64_t stalled_since_ns;
    uint64_t out_mark; /* ring position behind the last packet that was sent */
    bool has_gone_back; /* for the present gap among read responses */
    uint32_t expiry_stage; /* what is looked at before a packet counts as lost, see expiry.c; 0: nothing yet */
    uint64_t expiry_mark;

    /* Responder. */
    gaudi_recv_wr *rq;
    uint32_t rq_depth;
    uint64_t rq_head, rq_tail;
    uint32_t expected_psn, msn;
    bool is_nak_sent, is_ack_due, is_in_message;
    uint8_t due_syndrome;
    uint32_t due_psn;
    uint8_t *message_bytes; /* where the next packet of the message goes; NULL if it has no bytes */
    uint64_t message_room, message_got;
    bool is_message_send;
    uint32_t message_key;
    read_job read[NIC_READS_MAX];
    uint32_t read_head, read_count;
};

struct gaudi_nic {
    gaudi_box *box;
    gaudi_card *card;
    gaudi_nic_config config;
    uint32_t port_count, module;
    pthread_mutex_t mutex;
    uint32_t waiters; /* atomic: threads that want the mutex */
    pthread_t thread;
    bool is_thread_running;
    uint32_t is_stopping; /* atomic */
    link_map own;
    link_map peer[GAUDI_CARD_MAX];
    nic_port port[GAUDI_PORT_MAX];
    nic_mr mr[NIC_MR_MAX];
    uint32_t mr_generation;
    gaudi_qp *qp[NIC_QP_MAX];
    uint32_t qp_count_max; /* places that were ever used */
    uint32_t qp_generation;
    uint32_t cq_count;
    uint64_t front_ps;
    gaudi_ports *delta; /* counted and not yet in the card file */
    bool is_delta_dirty;
    uint64_t pass_ns; /* when the present pass of the thread began; a clock for what need not be exact */
    uint64_t looked_ns, flushed_ns;
    bool is_dead; /* box down, card lost or reset: everything is flushed */
    uint32_t reset_count;
    uint64_t busy_ports;
    bool is_wait_over;
    pthread_cond_t busy_changed;
    struct gaudi_nic *next_open; /* list for fork */
};

/* nic.c */
void nic_lock(gaudi_nic *nic);
void nic_unlock(gaudi_nic *nic);
void nic_wake(gaudi_nic *nic); /* there is work for its thread */
uint64_t nic_now_ns(void);
/* Open the ring of a loopback; the ring into the port at the other end of the cable. has_route stays false if that card cannot be reached. */
int nic_make_loop(link_ring *ring);
int nic_connect(gaudi_nic *nic, uint32_t port, bool *has_route, gaudi_error *error);
int nic_fail(gaudi_error *error, int code, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* serve.c: the thread */
void *nic_serve(void *nic);

/* flush.c */
void nic_flush_counters(gaudi_nic *nic);

/* memory.c: the bytes of [address, address + length), or NULL. `needed` are access bits. */
uint8_t *nic_resolve(gaudi_nic *nic, uint32_t pd, uint32_t key, uint64_t address, uint64_t length, uint32_t needed);

/* queue.c */
void cq_push(gaudi_cq *cq, const gaudi_wc *wc);

/* qp.c */
void qp_forget_key(gaudi_qp *qp, uint32_t key); /* a memory region is gone */
void qp_fail(gaudi_qp *qp); /* to ERR, work is flushed */

/* transmit.c: put a packet onto the wire. False: there is no room in the ring. */
bool nic_transmit(gaudi_qp *qp, const wire_header *header, const uint8_t *payload, uint32_t length, uint64_t not_before_ps,
                  bool is_retransmission, uint64_t *end_ps);

/* requester.c */
bool requester_send(gaudi_qp *qp);
void requester_receive(gaudi_qp *qp, const wire_header *header, const uint8_t *payload, uint32_t length);
void requester_retry(gaudi_qp *qp); /* a loss that costs one of the retries */
uint64_t requester_timeout_ns(const gaudi_qp *qp);
void requester_flush(gaudi_qp *qp);

/* expiry.c */
void requester_expire(gaudi_qp *qp, uint64_t now_ns);

/* responder.c */
bool responder_send(gaudi_qp *qp);
void responder_receive(gaudi_qp *qp, const wire_header *header, const uint8_t *payload, uint32_t length);
void responder_flush(gaudi_qp *qp);

#endif
