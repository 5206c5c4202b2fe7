/* PCI Express: where the card sits and how its link is. */
#include "hlml_internal.h"

#include <string.h>

/* Where the fields of hlml_pci_info lie at an ABI level; 0 where a level does not have one. The header declares the
 * same, and a test compiles it at every level. */
typedef struct pci_layout {
    unsigned int level;
    size_t size;
    size_t bus_id_size;
    size_t device;
    size_t domain;
    size_t device_id;
    size_t caps;
    bool has_max;
    size_t revision;
    size_t subsystem_id;
} pci_layout;

static const pci_layout LAYOUTS[] = {
    {106, 52, 15, 20, 24, 28, 32, false, 0, 0},
    {112, 76, 15, 20, 24, 28, 32, true, 72, 0},
    {118, 80, 15, 20, 24, 28, 32, true, 72, 76},
    {119, 84, 19, 24, 28, 32, 36, true, 76, 80},
};

enum { PCI_INFO_SIZE_MAX = 84 };

static void put(unsigned char *out, size_t offset, unsigned int value)
{
    memcpy(out + offset, &value, sizeof value);
}

/* `prefix` and a number below 1000. By hand: monitors poll this, and snprintf would be most of its time. */
static void put_number(unsigned char *out, const char *prefix, unsigned int value)
{
    size_t at = strlen(prefix);
    memcpy(out, prefix, at);
    if (value >= 100)
        out[at++] = (unsigned char)('0' + value / 100 % 10);
    if (value >= 10)
        out[at++] = (unsigned char)('0' + value / 10 % 10);
    out[at] = (unsigned char)('0' + value % 10);
}

/* Newer releases write "16GT/s" and "x16", the oldest the number of the generation and of the lanes. The fields are
 * zero already. */
static void put_link(unsigned char *out, const pci_layout *layout, unsigned int generation, unsigned int width)
{
    static const char SPEEDS[][PCI_LINK_INFO_LEN] = {"", "2.5GT/s", "5GT/s", "8GT/s", "16GT/s", "32GT/s"};
    unsigned int known = generation < sizeof SPEEDS / sizeof SPEEDS[0] ? generation : 0;
    if (layout->level < 112) {
        put_number(out, "0x", known);
        put_number(out + PCI_LINK_INFO_LEN, "", width & 0xff);
    } else {
        memcpy(out, SPEEDS[known], PCI_LINK_INFO_LEN);
        put_number(out + PCI_LINK_INFO_LEN, "x", width & 0xff);
    }
}

static void fill(unsigned char *out, const pci_layout *layout, const gaudi_identity *i, const gaudi_pcie_link *link)
{
    put(out, 0, i->pci_bus);
    memcpy(out + 4, i->bus_id, strnlen(i->bus_id, layout->bus_id_size - 1));
    put(out, layout->device, i->pci_device);
    put(out, layout->domain, i->pci_domain);
    put(out, layout->device_id, i->pci_device_id);
    put_link(out + layout->caps, layout, link->generation, link->width);
    if (layout->has_max)
        put_link(out + layout->caps + 2 * PCI_LINK_INFO_LEN, layout, i->pcie_generation_max, i->pcie_width_max);
    if (layout->revision)
        put(out, layout->revision, i->pci_revision);
    if (layout->subsystem_id)
        put(out, layout->subsystem_id, i->pci_subsystem_id);
}

/* hlml_enter and the link as it is. */
static hlml_return_t enter_link(hlml_call *call, hlml_device_t device, bool is_valid, gaudi_pcie_link *link)
{
    hlml_return_t code = hlml_enter(call, device, is_valid);
    return code != HLML_SUCCESS ? code : hlml_code_of(gaudi_card_read_pcie_link(call->card, link));
}

HLML_EXPORT hlml_return_t hlml_device_get_pci_info(hlml_device_t device, hlml_pci_info_t *pci)
{
    unsigned char out[PCI_INFO_SIZE_MAX] = {0};
    HLML_SCOPED hlml_call call = {0};
    gaudi_pcie_link link = {0};
    const pci_layout *layout = LAYOUTS;
    hlml_return_t code = enter_link(&call, device, pci != NULL, &link);
    if (code != HLML_SUCCESS)
        return code;
    while (layout->level < hlml_abi_level())
        layout++;
    fill(out, layout, gaudi_card_identity(call.card), &link);
    memcpy(pci, out, layout->size);
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_pcie_throughput(hlml_device_t device, hlml_pcie_util_counter_t counter,
                                                          unsigned int *value)
{
    HLML_SCOPED hlml_call call = {0};
    uint32_t rx_kbps = 0;
    uint32_t tx_kbps = 0;
    hlml_return_t code = hlml_enter(&call, device, value && counter < HLML_PCIE_UTIL_COUNT);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_pcie_rates(call.card, &rx_kbps, &tx_kbps));
    if (code == HLML_SUCCESS)
        *value = counter == HLML_PCIE_UTIL_TX_BYTES ? tx_kbps : rx_kbps;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_pcie_replay_counter(hlml_device_t device, unsigned int *value)
{
    HLML_SCOPED hlml_call call = {0};
    gaudi_pcie_link link = {0};
    hlml_return_t code = enter_link(&call, device, value != NULL, &link);
    if (code == HLML_SUCCESS)
        *value = link.replay;
    return code;
}

/* The two that a card may lack. */
static hlml_return_t get_link(hlml_device_t device, unsigned int *value, bool is_width)
{
    HLML_SCOPED hlml_call call = {0};
    gaudi_pcie_link link = {0};
    hlml_return_t code = enter_link(&call, device, value != NULL, &link);
    if (code == HLML_SUCCESS)
        code = hlml_need(call.card, GAUDI_FEATURE_PCIE_LINK);
    if (code == HLML_SUCCESS)
        *value = is_width ? link.width : link.generation;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_curr_pcie_link_generation(hlml_device_t device, unsigned int *curr_link_gen)
{
    return get_link(device, curr_link_gen, false);
}

HLML_EXPORT hlml_return_t hlml_device_get_curr_pcie_link_width(hlml_device_t device, unsigned int *curr_link_width)
{
    return get_link(device, curr_link_width, true);
}
