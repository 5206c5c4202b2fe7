/* NIC ports: MAC addresses, masks, links, counters. */
#include "hlml_internal.h"

#include <string.h>

/* Checked when the box was attached, but shared memory may change later. */
static uint32_t port_count(const gaudi_card *card)
{
    uint32_t count = gaudi_card_identity(card)->port_count;
    return count < GAUDI_PORT_MAX ? count : GAUDI_PORT_MAX;
}

HLML_EXPORT hlml_return_t hlml_device_get_mac_info(hlml_device_t device, hlml_mac_info_t *mac_info,
                                                   unsigned int mac_info_size, unsigned int start_mac_id,
                                                   unsigned int *actual_mac_count)
{
    HLML_SCOPED hlml_call call = {0};
    unsigned int written = 0;
    /* pyhlml of the public repository passes start 0 and no last argument: refuse before touching any pointer. */
    hlml_return_t code = hlml_enter(&call, device, start_mac_id >= 1 && mac_info && actual_mac_count);
    if (code != HLML_SUCCESS)
        return code;
    const gaudi_identity *identity = gaudi_card_identity(call.card);
    if (start_mac_id > identity->mac_count)
        return HLML_ERROR_INVALID_ARGUMENT;
    for (unsigned int id = start_mac_id; id <= identity->mac_count && written < mac_info_size; id++) {
        uint64_t address = identity->mac_base + id - 1;
        for (unsigned int byte = 0; byte < ETHER_ADDR_LEN; byte++)
            mac_info[written].addr[byte] = (unsigned char)(address >> (8 * (ETHER_ADDR_LEN - 1 - byte)));
        mac_info[written].id = (int)id;
        written++;
    }
    *actual_mac_count = written;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_get_mac_addr_info(hlml_device_t device, uint64_t *mask, uint64_t *ext_mask)
{
    HLML_SCOPED hlml_call call = {0};
    uint64_t connected = 0;
    uint64_t external = 0;
    hlml_return_t code = hlml_enter(&call, device, mask && ext_mask);
    if (code != HLML_SUCCESS)
        return code;
    const gaudi_identity *identity = gaudi_card_identity(call.card);
    for (uint32_t port = 0, count = port_count(call.card); port < count; port++) {
        if (identity->port[port].peer_card != -2)
            connected |= UINT64_C(1) << port;
        if (identity->port[port].peer_card == -1)
            external |= UINT64_C(1) << port;
    }
    /* At most 24 ports exist, so the words [1] would be zero; clients that pass single words rely on their absence. */
    *mask = connected;
    *ext_mask = external;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_nic_get_link(hlml_device_t device, uint32_t port, bool *up)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, up != NULL);
    if (code != HLML_SUCCESS)
        return code;
    if (port >= port_count(call.card))
        return HLML_ERROR_INVALID_ARGUMENT;
    *up = gaudi_card_links_up(call.card) >> port & 1;
    return HLML_SUCCESS;
}

enum { COUNTER_NAME_SIZE = 32 };

HLML_EXPORT hlml_return_t hlml_nic_get_statistics(hlml_device_t device, hlml_nic_stats_info_t *stats_info)
{
    HLML_SCOPED hlml_call call = {0};
    gaudi_ports ports;
    bool is_valid = stats_info && stats_info->str_buf && stats_info->val_buf && stats_info->num_of_counters_out;
    hlml_return_t code = hlml_enter(&call, device, is_valid);
    if (code != HLML_SUCCESS)
        return code;
    if (stats_info->port >= port_count(call.card))
        return HLML_ERROR_INVALID_ARGUMENT;
    code = hlml_code_of(gaudi_card_read_ports(call.card, &ports));
    if (code != HLML_SUCCESS)
        return code;
    /* The rest of a name's slot is NUL. */
    const uint64_t *values = ports.port[stats_info->port].value;
    for (size_t i = 0; i < GAUDI_PORT_COUNTER_COUNT; i++) {
        strncpy(stats_info->str_buf + i * COUNTER_NAME_SIZE, gaudi_port_counter_names[i], COUNTER_NAME_SIZE);
        stats_info->val_buf[i] = values[i];
    }
    *stats_info->num_of_counters_out = GAUDI_PORT_COUNTER_COUNT;
    return HLML_SUCCESS;
}
