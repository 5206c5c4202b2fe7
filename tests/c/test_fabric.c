/* Two NICs in one process under sanitizers: traffic from several threads, regions and queue pairs that come and go, and
 * somebody who writes nonsense, and sense with a right CRC, into the rings. Argument: a directory for a box. */
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "card_internal.h"
#include "crc32c_kernel.h"
#include "fabric/internal.h"

/* The one kernel that the NIC needs; the fast ones have tests of their own. */
crc32c_function *crc32c_probe(void)
{
    return crc32c_plain;
}

enum { SIZE = 40000, MESSAGES = 60, ROUNDS = 40, SCRIBBLES = 30000, TIMEOUT_MS = 60000 };

static int failures;
static int checks;

static void check(bool is_right, const char *what)
{
    __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);
    if (!is_right && __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "wrong: %s\n", what);
}

typedef struct end {
    gaudi_nic *nic;
    gaudi_cq *cq;
    gaudi_qp *qp;
    uint8_t *bytes;
    uint32_t key, module, port;
} end;

static uint64_t address_of(const end *e)
{
    return 0x1000 * (e->module + 1);
}

static void open_end(end *e, gaudi_box *box, size_t card, uint32_t port)
{
    static const gaudi_nic_config CONFIG = {.ps_per_byte = 80.0, .latency_ps = 1000000};
    gaudi_error error;
    e->module = gaudi_card_identity(gaudi_box_card(box, card))->module_id;
    e->port = port;
    e->bytes = calloc(1, SIZE);
    check(gaudi_nic_open(&e->nic, box, gaudi_box_card(box, card), &CONFIG, &error) == 0, "open");
    check(gaudi_cq_create(&e->cq, e->nic, 512, &error) == 0, "queue");
    check(gaudi_qp_create(&e->qp, e->nic, 0, port, e->cq, e->cq, 64, 64, &error) == 0, "pair");
    check(gaudi_mr_register(e->nic, 0, e->bytes, address_of(e), SIZE, 7, &e->key, &error) == 0, "region");
}

static void connect_end(const end *e, const end *to)
{
    gaudi_error error = {.text = ""};
    gaudi_qp_path path = {.dest_module = to->module, .dest_port = to->port, .dest_qp_num = gaudi_qp_number(to->qp),
                          .rq_psn = 0xfffff0, .path_mtu = 1024, .min_rnr_timer_us = 100};
    gaudi_qp_timers timers = {.sq_psn = 0xfffff0, .timeout = 14, .retry_cnt = 7, .rnr_retry = 7};
    check(gaudi_qp_to_init(e->qp, 7, &error) == 0, "init");
    check(gaudi_qp_to_rtr(e->qp, &path, &error) == 0, "rtr");
    check(gaudi_qp_to_rts(e->qp, &timers, &error) == 0, "rts");
}

static void close_end(end *e)
{
    gaudi_error error;
    gaudi_qp_destroy(e->qp);
    check(gaudi_cq_destroy(e->cq, &error) == 0, "destroy queue");
    gaudi_nic_close(e->nic);
    free(e->bytes);
}

static uint32_t wait_one(const end *e)
{
    gaudi_wc wc;
    for (;;) {
        if (gaudi_cq_wait(e->cq, TIMEOUT_MS) != 0)
            return UINT32_MAX;
        if (gaudi_cq_poll(e->cq, &wc, 1) == 1)
            return wc.status;
    }
}

/* Writes, then reads back what was written; the sequence numbers wrap. */
static void test_traffic(const end *from, const end *to)
{
    gaudi_error error;
    for (uint32_t i = 0; i < MESSAGES; i++) {
        uint32_t length = (i * 7919) % SIZE;
        memset(from->bytes, (int)i + 1, SIZE);
        gaudi_send_wr write = {.opcode = GAUDI_WR_RDMA_WRITE, .is_signaled = 1, .local_address = address_of(from),
                               .remote_address = address_of(to), .length = length, .lkey = from->key, .rkey = to->key};
        gaudi_send_wr read = write;
        read.opcode = GAUDI_WR_RDMA_READ;
        check(gaudi_qp_post_send(from->qp, &write, &error) == 0, "post write");
        check(wait_one(from) == GAUDI_WC_SUCCESS, "write");
        memset(from->bytes, 0, SIZE);
        check(gaudi_qp_post_send(from->qp, &read, &error) == 0, "post read");
        check(wait_one(from) == GAUDI_WC_SUCCESS, "read");
        bool is_right = true;
        for (uint32_t b = 0; b < SIZE; b++)
            is_right = is_right && from->bytes[b] == (b < length ? (uint8_t)(i + 1) : 0);
        check(is_right, "data");
    }
}

/* Regions and pairs of one NIC come and go while its thread works. */
static void *churn(void *argument)
{
    const end *e = argument;
    uint8_t *bytes = calloc(1, 4096);
    gaudi_error error;
    for (int i = 0; i < ROUNDS; i++) {
        uint32_t key = 0;
        gaudi_cq *cq = NULL;
        end first = *e;
        end second = *e;
        check(gaudi_cq_create(&cq, e->nic, 16, &error) == 0, "churn queue");
        check(gaudi_qp_create(&first.qp, e->nic, 0, 3, cq, cq, 4, 4, &error) == 0, "churn pair");
        check(gaudi_qp_create(&second.qp, e->nic, 0, 3, cq, cq, 4, 4, &error) == 0, "churn pair");
        first.port = second.port = 3;
        connect_end(&first, &second);
        connect_end(&second, &first);
        check(gaudi_mr_register(e->nic, 0, bytes, 0x500000, 4096, 7, &key, &error) == 0, "churn region");
        gaudi_send_wr wr = {.opcode = GAUDI_WR_RDMA_WRITE, .is_signaled = 1, .local_address = 0x500000,
                            .remote_address = 0x500000, .length = 2048, .lkey = key, .rkey = key};
        check(gaudi_qp_post_send(first.qp, &wr, &error) == 0, "churn post");
        check(gaudi_mr_deregister(e->nic, key, &error) == 0, "churn deregister"); /* whatever has come of the write */
        gaudi_qp_destroy(first.qp);
        gaudi_qp_destroy(second.qp);
        check(gaudi_cq_destroy(cq, &error) == 0, "churn destroy");
    }
    free(bytes);
    return NULL;
}

static uint32_t draw(uint64_t *state)
{
    *state = *state * UINT64_C(6364136223846793005) + 1442695040888963407;
    return (uint32_t)(*state >> 33);
}

/* A packet with a right CRC whose fields are drawn; every second one for the pair. */
static void forge(link_slot *slot, uint64_t *state, uint32_t qp_num)
{
    wire_header h = {.opcode = (uint8_t)(draw(state) % 20), .wants_ack = draw(state) & 1,
                     .qp_num = draw(state) & 1 ? qp_num : draw(state) & 0xffffff,
                     .psn = (0xfffff0 + draw(state) % 40) & 0xffffff, .address = 0x1000 + draw(state) % 100000,
                     .rkey = draw(state), .length = draw(state) % 3 ? draw(state) % 50000 : draw(state),
                     .syndrome = (uint8_t)draw(state), .imm_data = draw(state)};
    size_t head = wire_encode(&h, slot->packet);
    size_t size = head + draw(state) % 1100;
    uint32_t crc = crc32c_plain(0, slot->packet, size);
    memcpy(slot->packet + size, &crc, sizeof crc);
    slot->length = (uint32_t)(size + sizeof crc);
}

/* Another process may write anything into the file of a card. */
static void test_hostile_rings(const char *path, const end *victim)
{
    char name[GAUDI_PATH_LENGTH + 32];
    uint64_t state = 12345;
    snprintf(name, sizeof name, "%s/nic0", path);
    int fd = open(name, O_RDWR | O_CLOEXEC);
    link_file *file = mmap(NULL, sizeof *file, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    check(file != MAP_FAILED, "map the rings");
    for (int i = 0; file != MAP_FAILED && i < SCRIBBLES; i++) {
        link_control *control = &file->control[victim->port];
        link_slot *slot = &file->slot[victim->port][draw(&state) % RING_SLOTS];
        uint32_t what = draw(&state) % 16;
        if (what < 12)
            forge(slot, &state, gaudi_qp_number(victim->qp));
        else if (what == 12)
            slot->length = draw(&state);
        else if (what == 13)
            slot->packet[draw(&state) % sizeof slot->packet] ^= 1;
        else if (what == 14)
            __atomic_store_n(&control->head, (uint64_t)draw(&state) << (draw(&state) % 32), __ATOMIC_SEQ_CST);
        uint64_t step = what == 15 ? draw(&state) : draw(&state) % 3;
        __atomic_fetch_add(&control->tail, step, __ATOMIC_SEQ_CST);
        link_ring_doorbell(file);
    }
    munmap(file, sizeof *file);
    close(fd);
}

static int make_box(char *path, size_t size, const char *directory)
{
    const gaudi_box_identity *identity = NULL;
    const gaudi_card_image *cards = NULL;
    size_t count = 0;
    gaudi_error error = {.text = ""};
    snprintf(path, size, "%s/fabric", directory);
    int rc = gaudi_default_box(NULL, &identity, &cards, &count, &error);
    if (rc == 0)
        rc = gaudi_box_create(path, identity, cards, count, -1, &error);
    if (rc != 0)
        fprintf(stderr, "%s\n", error.text);
    return rc;
}

static size_t peer_of(gaudi_box *box, const gaudi_port *cable)
{
    size_t i = 0;
    while ((int32_t)gaudi_card_identity(gaudi_box_card(box, i))->module_id != cable->peer_card)
        i++;
    return i;
}

int main(int argc, char **argv)
{
    char path[GAUDI_PATH_LENGTH];
    gaudi_box *box = NULL;
    end a = {0};
    end b = {0};
    pthread_t thread;
    if (argc != 2 || make_box(path, sizeof path, argv[1]) != 0 || gaudi_box_open_path(&box, path, true, NULL) != 0)
        return 2;
    const gaudi_port *cable = &gaudi_card_identity(gaudi_box_card(box, 0))->port[0];
    open_end(&a, box, 0, 0);
    open_end(&b, box, peer_of(box, cable), (uint32_t)cable->peer_port);
    connect_end(&a, &b);
    connect_end(&b, &a);
    pthread_create(&thread, NULL, churn, &b);
    test_traffic(&a, &b);
    pthread_join(thread, NULL);
    test_hostile_rings(path, &a);
    gaudi_nic_port_usage usage;
    check(gaudi_nic_usage(a.nic, 0, &usage) == 0 && usage.rx_packets > 0, "still there");
    close_end(&a);
    close_end(&b);
    gaudi_box_close(box);
    gaudi_box_retire(path, 1, NULL);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures != 0;
}
