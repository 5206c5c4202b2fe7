/* Ports of a card: the state of their links, which lives in the box file, and what they have counted. */
#include "card_internal.h"
#include "kill_point.h"

#include <errno.h>
#include <math.h>
#include <string.h>

/* A flapping link goes down at every multiple of the period and comes back after a third of a second: longer than one
 * timeout of the transport, shorter than all of its retries. Box time; assumed, real ones have no rule. */
static const uint64_t FLAP_PERIOD_NS = UINT64_C(2000000000);
static const uint64_t FLAP_DOWN_NS = UINT64_C(300000000);

enum { FLAPPING = 32 };

/* Names of the driver (habanalabs_cn for Gaudi 2; the last two: the first is ours, the second of struct cpucp_nic_status). */
const char *const gaudi_port_counter_names[GAUDI_PORT_COUNTER_COUNT] = {
    [GAUDI_PORT_PCS_LOCAL_FAULTS] = "pcs_local_faults",
    [GAUDI_PORT_PCS_REMOTE_FAULTS] = "pcs_remote_faults",
    [GAUDI_PORT_PCS_REMOTE_FAULT_RECONFIG] = "pcs_remote_fault_reconfig",
    [GAUDI_PORT_PCS_LINK_RESTORES] = "pcs_link_restores",
    [GAUDI_PORT_PCS_LINK_TOGGLES] = "pcs_link_toggles",
    [GAUDI_PORT_CW_CORRECTED] = "cw_corrected_accum",
    [GAUDI_PORT_CW_UNCORRECTED] = "cw_uncorrect_accum",
    [GAUDI_PORT_SYMBOL_ERR_LANE_0] = "symbol_err_corrected_lane_0",
    [GAUDI_PORT_SYMBOL_ERR_LANE_1] = "symbol_err_corrected_lane_1",
    [GAUDI_PORT_PRE_FEC_SER_INT] = "pre_FEC_SER_int",
    [GAUDI_PORT_PRE_FEC_SER_EXP] = "pre_FEC_SER_exp (negative)",
    [GAUDI_PORT_POST_FEC_SER_INT] = "post_FEC_SER_int",
    [GAUDI_PORT_POST_FEC_SER_EXP] = "post_FEC_SER_exp (negative)",
    [GAUDI_PORT_BANDWIDTH_GBPS_INT] = "bandwidth_gbps_int",
    [GAUDI_PORT_BANDWIDTH_GBPS_FRAC] = "bandwidth_gbps_frac",
    [GAUDI_PORT_LATENCY_US_INT] = "last_data_latency_usec_int",
    [GAUDI_PORT_LATENCY_US_FRAC] = "last_data_latency_usec_frac",
    [GAUDI_PORT_RX_ETHER_OCTETS] = "etherStatsOctets",
    [GAUDI_PORT_RX_OCTETS] = "OctetsReceivedOK",
    [GAUDI_PORT_RX_FCS_ERRORS] = "aFrameCheckSequenceErrors",
    [GAUDI_PORT_RX_FRAMES_OK] = "aFramesReceivedOK",
    [GAUDI_PORT_RX_ERRORS] = "ifInErrors",
    [GAUDI_PORT_RX_UNICAST] = "ifInUcastPkts",
    [GAUDI_PORT_RX_DROPS] = "etherStatsDropEvents",
    [GAUDI_PORT_RX_ETHER_PACKETS] = "etherStatsPkts",
    [GAUDI_PORT_RX_PACKETS_64] = "etherStatsPkts64Octets",
    [GAUDI_PORT_RX_PACKETS_127] = "etherStatsPkts65to127Octets",
    [GAUDI_PORT_RX_PACKETS_255] = "etherStatsPkts128to255Octets",
    [GAUDI_PORT_RX_PACKETS_511] = "etherStatsPkts256to511Octets",
    [GAUDI_PORT_RX_PACKETS_1023] = "etherStatsPkts512to1023Octets",
    [GAUDI_PORT_RX_PACKETS_1518] = "etherStatsPkts1024to1518Octets",
    [GAUDI_PORT_RX_PACKETS_MAX] = "etherStatsPkts1519toMaxOctets",
    [GAUDI_PORT_TX_OCTETS] = "OctetsTransmittedOK",
    [GAUDI_PORT_TX_FRAMES_OK] = "aFramesTransmittedOK",
    [GAUDI_PORT_TX_ERRORS] = "ifOutErrors",
    [GAUDI_PORT_TX_UNICAST] = "ifOutUcastPkts",
    [GAUDI_PORT_REQ_OUT_OF_RANGE] = "spmu_req_out_of_range_psn",
    [GAUDI_PORT_RES_DUPLICATE] = "spmu_res_duplicate_psn",
    [GAUDI_PORT_RES_OUT_OF_SEQUENCE] = "spmu_res_out_of_sequence_psn",
    [GAUDI_PORT_RETRANSMISSIONS] = "retransmissions",
    [GAUDI_PORT_TIMEOUT_RETRANSMISSIONS] = "timeout_retransmission_cnt"};

static uint64_t down_edges(uint64_t ns)
{
    return ns / FLAP_PERIOD_NS;
}

static uint64_t up_edges(uint64_t ns)
{
    return ns < FLAP_DOWN_NS ? 0 : (ns - FLAP_DOWN_NS) / FLAP_PERIOD_NS + 1;
}

/* The card at the other end of a cable, and its port; -1 if there is none in this box. */
static int peer_of(const gaudi_box *box, size_t card, unsigned int port, unsigned int *peer_port)
{
    const gaudi_port *cable = &box->card[card].file->identity.port[port];
    for (size_t i = 0; cable->peer_card >= 0 && i < box->card_count; i++) {
        const gaudi_identity *peer = &box->card[i].file->identity;
        if (peer->module_id == (uint32_t)cable->peer_card && (uint32_t)cable->peer_port < peer->port_count &&
            cable->peer_port < GAUDI_PORT_MAX) {
            *peer_port = (unsigned int)cable->peer_port;
            return (int)i;
        }
    }
    return -1;
}

uint64_t gaudi_card_links_up(const gaudi_card *card)
{
    uint64_t word = gaudi_load_u64(&card->box->file->link_up[card->index]);
    uint64_t flapping = word >> FLAPPING;
    if (flapping != 0 && gaudi_box_now(card->box) % FLAP_PERIOD_NS < FLAP_DOWN_NS)
        word &= ~flapping;
    return word & ((UINT64_C(1) << GAUDI_PORT_MAX) - 1);
}

uint64_t gaudi_card_links_flapping(const gaudi_card *card)
{
    return gaudi_load_u64(&card->box->file->link_up[card->index]) >> FLAPPING;
}

/* What a flapping link has done since `flap_since_ns`; the end that is at fault and the other one see it alike. */
static void add_flaps(gaudi_port_counters *port, uint64_t now_ns)
{
    if (port->flap_since_ns == 0 || now_ns <= port->flap_since_ns)
        return;
    uint64_t downs = down_edges(now_ns) - down_edges(port->flap_since_ns);
    uint64_t ups = up_edges(now_ns) - up_edges(port->flap_since_ns);
    port->value[GAUDI_PORT_PCS_LOCAL_FAULTS] += downs;
    port->value[GAUDI_PORT_PCS_LINK_RESTORES] += ups;
    port->value[GAUDI_PORT_PCS_LINK_TOGGLES] += downs + ups;
}

int gaudi_card_read_ports(const gaudi_card *card, gaudi_ports *ports)
{
    int rc = gaudi_box_alive(card->box);
    if (rc == 0)
        rc = gaudi_section_read(&card->file->ports.sequence, sizeof *ports, ports);
    uint64_t now_ns = rc == 0 ? gaudi_box_now(card->box) : 0;
    for (size_t p = 0; rc == 0 && p < GAUDI_PORT_MAX; p++)
        add_flaps(&ports->port[p], now_ns);
    return rc;
}

/* N x 10^-E with one digit, as the driver shows a symbol error rate; 0 x 10^0 for none. */
static void set_rate(uint64_t *integer, uint64_t *exponent, uint64_t errors, uint64_t symbols)
{
    *integer = *exponent = 0;
    if (errors == 0 || symbols == 0)
        return;
    double rate = (double)errors / (double)symbols;
    double places = ceil(-log10(rate));
    double digit = floor(rate * pow(10.0, places) + 1e-9);
    *integer = digit < 1.0 ? 1 : (uint64_t)digit;
    *exponent = places > 0.0 ? (uint64_t)places : 0;
}

static bool is_gauge(size_t counter)
{
    return counter >= GAUDI_PORT_PRE_FEC_SER_INT && counter <= GAUDI_PORT_LATENCY_US_FRAC;
}

static void add_port(gaudi_port_counters *port, const gaudi_port_counters *more)
{
    for (size_t i = 0; i < GAUDI_PORT_COUNTER_COUNT; i++) {
        if (!is_gauge(i))
            port->value[i] += more->value[i];
    }
    for (size_t i = GAUDI_PORT_BANDWIDTH_GBPS_INT; more->has_gauges && i <= GAUDI_PORT_LATENCY_US_FRAC; i++)
        port->value[i] = more->value[i];
    port->symbols += more->symbols;
    port->symbol_errors += more->symbol_errors;
    port->symbols_uncorrected += more->symbols_uncorrected;
    set_rate(&port->value[GAUDI_PORT_PRE_FEC_SER_INT], &port->value[GAUDI_PORT_PRE_FEC_SER_EXP], port->symbol_errors,
             port->symbols);
    set_rate(&port->value[GAUDI_PORT_POST_FEC_SER_INT], &port->value[GAUDI_PORT_POST_FEC_SER_EXP],
             port->symbols_uncorrected, port->symbols);
}

int gaudi_card_count_ports(gaudi_card *card, const gaudi_ports *delta, gaudi_error *error)
{
    gaudi_ports ports;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_section_read(&card->file->ports.sequence, sizeof ports, &ports);
    for (size_t p = 0; rc == 0 && p < GAUDI_PORT_MAX; p++)
        add_port(&ports.port[p], &delta->port[p]);
    if (rc == 0)
        gaudi_section_write(&card->file->ports.sequence, sizeof ports, &ports);
    gaudi_write_end(card);
    return rc;
}

/* A change of one end of a link, as its counters tell it. */
typedef struct link_change {
    bool goes_down, comes_up, is_remote;
    bool sets_flap;
    uint64_t flap_since_ns;
} link_change;

static int note_change(gaudi_card *card, unsigned int port, const link_change *change, gaudi_error *error)
{
    gaudi_ports ports;
    int rc = gaudi_write_begin(card, error);
    if (rc != 0)
        return rc;
    rc = gaudi_section_read(&card->file->ports.sequence, sizeof ports, &ports);
    if (rc == 0) {
        gaudi_port_counters *p = &ports.port[port];
        if (change->goes_down)
            p->value[change->is_remote ? GAUDI_PORT_PCS_REMOTE_FAULTS : GAUDI_PORT_PCS_LOCAL_FAULTS] += 1;
        if (change->comes_up)
            p->value[GAUDI_PORT_PCS_LINK_RESTORES] += 1;
        p->value[GAUDI_PORT_PCS_LINK_TOGGLES] += change->goes_down + change->comes_up;
        if (change->sets_flap) {
            add_flaps(p, gaudi_box_now(card->box));
            p->flap_since_ns = change->flap_since_ns;
        }
        gaudi_section_write(&card->file->ports.sequence, sizeof ports, &ports);
    }
    gaudi_write_end(card);
    return rc;
}

/* Change one bit of the word of a card; returns whether it was set before. */
static bool change_bit(gaudi_box *box, size_t card, unsigned int bit, bool is_set)
{
    uint64_t mask = UINT64_C(1) << bit;
    uint64_t *word = &box->file->link_up[card];
    uint64_t before = is_set ? __atomic_fetch_or(word, mask, __ATOMIC_ACQ_REL)
                             : __atomic_fetch_and(word, ~mask, __ATOMIC_ACQ_REL);
    return (before & mask) != 0;
}

static int check_port(gaudi_box *box, size_t card, unsigned int port, gaudi_error *error)
{
    if (!box->is_writable)
        return gaudi_fail(error, -EACCES, "no permission to change the box at %s", box->path);
    if (card >= box->card_count || port >= box->card[card].file->identity.port_count || port >= GAUDI_PORT_MAX)
        return gaudi_fail(error, -EINVAL, "there is no port %u on card %zu", port, card);
    if (box->card[card].file->identity.port[port].peer_card == -2)
        return gaudi_fail(error, -EINVAL, "port %u of card %zu is not connected", port, card);
    return 0;
}

static int set_end(gaudi_box *box, size_t card, unsigned int port, bool is_up, bool is_remote, gaudi_error *error)
{
    bool was_up = change_bit(box, card, port, is_up);
    if (was_up == is_up)
        return 0;
    gaudi_log(&box->card[card], 4, gaudi_box_now(box), "Card %u Port %u: link %s", box->card[card].identity.module_id,
              port, is_up ? "up" : "down");
    link_change change = {.goes_down = !is_up, .comes_up = is_up, .is_remote = is_remote};
    return note_change(&box->card[card], port, &change, error);
}

int gaudi_box_set_link(gaudi_box *box, size_t card, unsigned int port, bool is_up, gaudi_error *error)
{
    unsigned int peer_port = 0;
    int rc = check_port(box, card, port, error);
    if (rc != 0)
        return rc;
    int peer = peer_of(box, card, port, &peer_port);
    rc = set_end(box, card, port, is_up, false, error);
    if (rc == 0 && peer >= 0)
        rc = set_end(box, (size_t)peer, peer_port, is_up, true, error);
    gaudi_kill_point("link set, bell not rung");
    gaudi_doorbell_ring(box);
    return rc;
}

static int flap_end(gaudi_box *box, size_t card, unsigned int port, bool is_flapping, gaudi_error *error)
{
    bool was_flapping = change_bit(box, card, FLAPPING + port, is_flapping);
    if (was_flapping == is_flapping)
        return 0;
    link_change change = {.sets_flap = true, .flap_since_ns = is_flapping ? gaudi_box_now(box) : 0};
    return note_change(&box->card[card], port, &change, error);
}

int gaudi_box_set_flapping(gaudi_box *box, size_t card, unsigned int port, bool is_flapping, gaudi_error *error)
{
    unsigned int peer_port = 0;
    int rc = check_port(box, card, port, error);
    if (rc != 0)
        return rc;
    int peer = peer_of(box, card, port, &peer_port);
    rc = flap_end(box, card, port, is_flapping, error);
    if (rc == 0 && peer >= 0)
        rc = flap_end(box, (size_t)peer, peer_port, is_flapping, error);
    gaudi_doorbell_ring(box);
    return rc;
}

void gaudi_ports_reset(gaudi_card *card)
{
    gaudi_ports ports;
    uint64_t up = gaudi_card_links_up(card);
    if (gaudi_section_read(&card->file->ports.sequence, sizeof ports, &ports) != 0)
        return;
    for (unsigned int p = 0; p < GAUDI_PORT_MAX; p++) {
        gaudi_port_counters fresh;
        memset(&fresh, 0, sizeof fresh);
        fresh.value[GAUDI_PORT_PCS_LINK_TOGGLES] = ports.port[p].value[GAUDI_PORT_PCS_LINK_TOGGLES] + ((up >> p) & 1);
        fresh.flap_since_ns = ports.port[p].flap_since_ns ? gaudi_box_now(card->box) : 0;
        ports.port[p] = fresh;
    }
    gaudi_section_write(&card->file->ports.sequence, sizeof ports, &ports);
}
