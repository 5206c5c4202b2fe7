/* Ports: whether the link is up, bits that go wrong on the wire and what the FEC makes of them, what is counted.
 *
 * The FEC is RS(544,514) over symbols of 10 bits, as 50 and 100 Gb/s lanes use it (IEEE 802.3 clause 91): a code word of 544
 * symbols carries 5140 bits and is repaired if at most 15 of its symbols are wrong. What is beyond repair reaches the
 * packet, whose CRC finds it. A packet begins at the beginning of a code word; the rest of its last one is idle. */
#include "fault_kinds.h"
#include "internal.h"

#include <math.h>

enum { FEC_SYMBOL_BITS = 10, FEC_SYMBOLS = 544, FEC_DATA_SYMBOLS = 514, FEC_REPAIRS = 15 };
enum { FEC_BITS = FEC_SYMBOLS * FEC_SYMBOL_BITS, FEC_DATA_BITS = FEC_DATA_SYMBOLS * FEC_SYMBOL_BITS };

/* A port is busy for this long after its last packet: longer than a loaded host takes to come back to it. */
static const uint64_t BUSY_LINGER_NS = 20000000;

static uint64_t next_random(uint64_t *state)
{
    /* splitmix64 (Steele, Lea, Flood 2014) */
    uint64_t z = (*state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

/* Bits until the next wrong one: geometric, so that every bit is wrong with probability `ber`. */
static uint64_t draw_gap(nic_port *port)
{
    double u = ((double)(next_random(&port->seed) >> 11) + 0.5) / 9007199254740992.0;
    double gap = log(u) / log1p(-port->ber);
    return gap < 1e18 ? (uint64_t)gap : UINT64_C(1000000000000000000);
}

static void set_error_rate(nic_port *port, double ber, uint64_t seed)
{
    if (!(ber > 0.0))
        ber = 0.0;
    if (ber > 0.5)
        ber = 0.5;
    if (port->ber == ber)
        return;
    port->ber = ber;
    port->seed = seed;
    port->next_error = ber > 0.0 ? draw_gap(port) : 0;
}

static void look_at_faults(gaudi_nic *nic)
{
    double ber[GAUDI_PORT_MAX] = {0};
    uint64_t seed[GAUDI_PORT_MAX] = {0};
    gaudi_faults faults;
    uint64_t now_ns = gaudi_box_now(nic->box);
    if (gaudi_card_read_faults(nic->card, &faults) != 0)
        return;
    for (uint32_t i = 0; i < faults.count && i < GAUDI_FAULT_MAX; i++) {
        const gaudi_fault *fault = &faults.fault[i];
        if (fault->kind != GAUDI_FAULT_LINK_BER || fault->address >= GAUDI_PORT_MAX || fault->injected_ns > now_ns)
            continue;
        ber[fault->address] += fault->degree;
        seed[fault->address] ^= fault->seed ^ fault->address << 32;
    }
    for (uint32_t p = 0; p < nic->port_count; p++)
        set_error_rate(&nic->port[p], ber[p], seed[p]);
}

void phy_look(gaudi_nic *nic)
{
    uint64_t up = gaudi_card_links_up(nic->card);
    for (uint32_t p = 0; p < nic->port_count; p++)
        nic->port[p].is_up = up >> p & 1;
    look_at_faults(nic);
}

/* Shorter frames are padded to the least length of Ethernet. */
static size_t frame_size(size_t size)
{
    size_t frame = size + WIRE_FRAME_OVERHEAD;
    return frame < 64 ? 64 : frame;
}

uint64_t phy_wire_ps(const gaudi_nic *nic, size_t size)
{
    return (uint64_t)((double)(frame_size(size) + WIRE_GAP) * nic->config.ps_per_byte);
}

static void touch(gaudi_nic *nic, uint32_t port)
{
    nic->port[port].busy_until_ns = nic->pass_ns + BUSY_LINGER_NS;
    if (!(nic->busy_ports >> port & 1)) {
        nic->busy_ports |= UINT64_C(1) << port;
        pthread_cond_broadcast(&nic->busy_changed);
    }
}

/* The wrong bits of one code word: how many symbols they hit, and if those are too many, into the packet with them. */
typedef struct code_word {
    uint64_t index;
    uint32_t count;
    uint32_t bit[FEC_BITS];
} code_word;

static void finish_word(gaudi_nic *nic, uint32_t port, const code_word *word, uint8_t *packet, size_t size)
{
    uint64_t *count = nic->delta->port[port].value;
    uint32_t symbols = 0;
    uint32_t last = UINT32_MAX; /* bits ascend */
    for (uint32_t i = 0; i < word->count; i++) {
        uint32_t symbol = word->bit[i] / FEC_SYMBOL_BITS;
        symbols += symbol != last;
        last = symbol;
    }
    nic->delta->port[port].symbol_errors += symbols;
    nic->port[port].usage.bit_errors += word->count;
    if (symbols <= FEC_REPAIRS) {
        count[GAUDI_PORT_CW_CORRECTED] += 1;
        count[GAUDI_PORT_SYMBOL_ERR_LANE_0] += symbols - symbols / 2; /* symbols are dealt to two lanes in turn */
        count[GAUDI_PORT_SYMBOL_ERR_LANE_1] += symbols / 2;
        return;
    }
    count[GAUDI_PORT_CW_UNCORRECTED] += 1;
    nic->delta->port[port].symbols_uncorrected += symbols;
    for (uint32_t i = 0; i < word->count; i++) {
        uint64_t bit = word->index * FEC_DATA_BITS + word->bit[i];
        if (word->bit[i] < FEC_DATA_BITS && bit / 8 < size)
            packet[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
}

void phy_receive(gaudi_nic *nic, uint32_t port, uint8_t *packet, size_t size)
{
    nic_port *p = &nic->port[port];
    size_t bits = (frame_size(size) + WIRE_GAP) * 8;
    uint64_t words = (bits + FEC_DATA_BITS - 1) / FEC_DATA_BITS;
    uint64_t length = words * FEC_BITS;
    nic->delta->port[port].symbols += words * FEC_SYMBOLS;
    if (p->ber <= 0.0)
        return;
    code_word word = {.index = UINT64_MAX};
    while (p->next_error < length) {
        uint64_t index = p->next_error / FEC_BITS;
        if (index != word.index) {
            if (word.count > 0)
                finish_word(nic, port, &word, packet, size);
            word.index = index;
            word.count = 0;
        }
        word.bit[word.count++] = (uint32_t)(p->next_error % FEC_BITS);
        p->next_error += 1 + draw_gap(p);
    }
    p->next_error -= length;
    if (word.count > 0)
        finish_word(nic, port, &word, packet, size);
}

static uint32_t size_class(size_t frame)
{
    static const size_t UPPER[] = {64, 127, 255, 511, 1023, 1518};
    uint32_t i = 0;
    while (i < sizeof UPPER / sizeof UPPER[0] && frame > UPPER[i])
        i++;
    return i;
}

void phy_count_tx(gaudi_nic *nic, uint32_t port, size_t size, uint64_t busy_ps, bool is_retransmission)
{
    nic_port *p = &nic->port[port];
    uint64_t *count = nic->delta->port[port].value;
    if (p->is_up) {
        count[GAUDI_PORT_TX_OCTETS] += frame_size(size);
        count[GAUDI_PORT_TX_FRAMES_OK] += 1;
        count[GAUDI_PORT_TX_UNICAST] += 1;
        p->usage.tx_packets += 1;
        p->usage.tx_wire_bytes += frame_size(size) + WIRE_GAP;
    } else {
        count[GAUDI_PORT_TX_ERRORS] += 1;
    }
    if (is_retransmission) {
        count[GAUDI_PORT_RETRANSMISSIONS] += 1;
        p->usage.retransmitted_packets += 1;
    }
    p->usage.busy_ps += busy_ps;
    nic->is_delta_dirty = true;
    touch(nic, port);
}

void phy_count_rx(gaudi_nic *nic, uint32_t port, size_t size, bool is_damaged)
{
    nic_port *p = &nic->port[port];
    uint64_t *count = nic->delta->port[port].value;
    size_t frame = frame_size(size);
    count[GAUDI_PORT_RX_ETHER_OCTETS] += frame;
    count[GAUDI_PORT_RX_ETHER_PACKETS] += 1;
    count[GAUDI_PORT_RX_PACKETS_64 + size_class(frame)] += 1;
    p->usage.rx_packets += 1;
    p->usage.rx_wire_bytes += frame + WIRE_GAP;
    if (is_damaged) {
        count[GAUDI_PORT_RX_FCS_ERRORS] += 1;
        count[GAUDI_PORT_RX_ERRORS] += 1;
        p->usage.crc_errors += 1;
    } else {
        count[GAUDI_PORT_RX_OCTETS] += frame;
        count[GAUDI_PORT_RX_FRAMES_OK] += 1;
        count[GAUDI_PORT_RX_UNICAST] += 1;
    }
    nic->is_delta_dirty = true;
    touch(nic, port);
}
