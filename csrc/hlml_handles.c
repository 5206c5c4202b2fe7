/* Cards by index, bus id and UUID. */
#include "hlml_internal.h"

#include <stdio.h>
#include <string.h>

/* hlml_enter_box, then DRIVER_NOT_LOADED or AIP_IS_LOST. */
static hlml_return_t enter_alive(hlml_call *call, bool is_valid)
{
    hlml_return_t code = hlml_enter_box(call, is_valid);
    return code != HLML_SUCCESS ? code : hlml_code_of(gaudi_box_alive(call->box));
}

/* How many cards below `index` this process may see. */
static size_t visible_before(gaudi_box *box, size_t index)
{
    size_t count = 0;
    for (size_t i = 0; i < index; i++)
        count += gaudi_card_is_visible(gaudi_box_card(box, i));
    return count;
}

/* The card with this place among the visible ones, or the number of cards. Clients count from 0 to the count. */
static size_t visible_card(gaudi_box *box, size_t place)
{
    size_t count = gaudi_box_card_count(box);
    size_t i = 0;
    while (i < count && (!gaudi_card_is_visible(gaudi_box_card(box, i)) || place-- > 0))
        i++;
    return i;
}

HLML_EXPORT hlml_return_t hlml_device_get_count(unsigned int *device_count)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = enter_alive(&call, device_count != NULL);
    if (code == HLML_SUCCESS)
        *device_count = (unsigned int)visible_before(call.box, gaudi_box_card_count(call.box));
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_handle_by_index(unsigned int index, hlml_device_t *device)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter_box(&call, device != NULL);
    size_t card = code == HLML_SUCCESS ? visible_card(call.box, index) : 0;
    if (code == HLML_SUCCESS && card >= gaudi_box_card_count(call.box))
        code = HLML_ERROR_INVALID_ARGUMENT;
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_box_alive(call.box));
    if (code == HLML_SUCCESS)
        *device = hlml_handle_of(card);
    return code;
}

/* "[domain:]bus:device.function" in hex. Old clients write the domain with three digits, so numbers are compared. */
static bool parse_bus_id(const char *text, unsigned int *domain, unsigned int *bus, unsigned int *slot)
{
    unsigned int function = 0;
    int end = 0;
    bool is_whole = sscanf(text, "%4x:%2x:%2x.%1x%n", domain, bus, slot, &function, &end) == 4 && text[end] == '\0';
    if (!is_whole) {
        *domain = 0;
        end = 0;
        is_whole = sscanf(text, "%2x:%2x.%1x%n", bus, slot, &function, &end) == 3 && text[end] == '\0';
    }
    return is_whole && strspn(text, "0123456789abcdefABCDEF:.") == strlen(text) && function == 0;
}

HLML_EXPORT hlml_return_t hlml_device_get_handle_by_pci_bus_id(const char *pci_addr, hlml_device_t *device)
{
    HLML_SCOPED hlml_call call = {0};
    unsigned int domain = 0;
    unsigned int bus_number = 0;
    unsigned int slot = 0;
    bool is_valid = pci_addr && device && parse_bus_id(pci_addr, &domain, &bus_number, &slot);
    hlml_return_t code = enter_alive(&call, is_valid);
    if (code != HLML_SUCCESS)
        return code;
    for (size_t i = 0; i < gaudi_box_card_count(call.box); i++) {
        const gaudi_card *card = gaudi_box_card(call.box, i);
        const gaudi_identity *identity = gaudi_card_identity(card);
        bool is_meant = identity->pci_domain == domain && identity->pci_bus == bus_number && identity->pci_device == slot;
        if (is_meant && gaudi_card_is_visible(card)) {
            *device = hlml_handle_of(i);
            return HLML_SUCCESS;
        }
    }
    return HLML_ERROR_NOT_FOUND;
}

HLML_EXPORT hlml_return_t hlml_device_get_handle_by_UUID(const char *uuid, hlml_device_t *device)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = enter_alive(&call, uuid && device);
    if (code != HLML_SUCCESS)
        return code;
    for (size_t i = 0; i < gaudi_box_card_count(call.box); i++) {
        const gaudi_card *card = gaudi_box_card(call.box, i);
        const gaudi_identity *identity = gaudi_card_identity(card);
        if (gaudi_card_is_visible(card) && strncmp(identity->uuid, uuid, sizeof identity->uuid) == 0) {
            *device = hlml_handle_of(i);
            return HLML_SUCCESS;
        }
    }
    return HLML_ERROR_NOT_FOUND;
}
