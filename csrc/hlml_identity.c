/* What never changes of a box and a card, and the status of a card in words. */
#include "hlml_internal.h"

#include <string.h>

/* One text of the identity of the box, at an offset of its struct. */
static hlml_return_t box_text(size_t offset, bool needs_driver, char *out, unsigned int length)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter_box(&call, out && length > 0);
    if (code == HLML_SUCCESS && needs_driver)
        code = hlml_code_of(gaudi_box_alive(call.box));
    if (code != HLML_SUCCESS)
        return code;
    const char *identity = (const char *)gaudi_box_identity_of(call.box);
    return hlml_copy_text(identity + offset, sizeof(gaudi_box_identity) - offset, out, length);
}

HLML_EXPORT hlml_return_t hlml_get_hlml_version(char *version, unsigned int length)
{
    return box_text(offsetof(gaudi_box_identity, hlml_version), false, version, length);
}

HLML_EXPORT hlml_return_t hlml_get_driver_version(char *driver_version, unsigned int length)
{
    return box_text(offsetof(gaudi_box_identity, driver_version), true, driver_version, length);
}

HLML_EXPORT hlml_return_t hlml_get_nic_driver_version(char *driver_version, unsigned int length)
{
    return box_text(offsetof(gaudi_box_identity, nic_driver_version), true, driver_version, length);
}

/* One text of the identity of a card, at an offset of its struct. */
static hlml_return_t identity_text(hlml_device_t device, size_t offset, char *out, unsigned int length)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, out && length > 0);
    if (code != HLML_SUCCESS)
        return code;
    const char *identity = (const char *)gaudi_card_identity(call.card);
    return hlml_copy_text(identity + offset, sizeof(gaudi_identity) - offset, out, length);
}

static hlml_return_t identity_number(hlml_device_t device, size_t offset, unsigned int *out)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, out != NULL);
    if (code == HLML_SUCCESS)
        memcpy(out, (const char *)gaudi_card_identity(call.card) + offset, sizeof *out);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_name(hlml_device_t device, char *name, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, name), name, length);
}

HLML_EXPORT hlml_return_t hlml_device_get_uuid(hlml_device_t device, char *uuid, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, uuid), uuid, length);
}

HLML_EXPORT hlml_return_t hlml_device_get_serial(hlml_device_t device, char *serial, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, serial), serial, length);
}

HLML_EXPORT hlml_return_t hlml_get_serial_number(hlml_device_t device, char *serial_number, unsigned int length)
{
    return hlml_device_get_serial(device, serial_number, length);
}

HLML_EXPORT hlml_return_t hlml_get_model_number(hlml_device_t device, char *model_number, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, model), model_number, length);
}

HLML_EXPORT hlml_return_t hlml_get_firmware_fit_version(hlml_device_t device, char *firmware_fit, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, fw_fit), firmware_fit, length);
}

HLML_EXPORT hlml_return_t hlml_get_firmware_spi_version(hlml_device_t device, char *firmware_spi, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, fw_spi), firmware_spi, length);
}

HLML_EXPORT hlml_return_t hlml_get_fw_boot_version(hlml_device_t device, char *fw_boot_version, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, fw_uboot), fw_boot_version, length);
}

HLML_EXPORT hlml_return_t hlml_get_fw_os_version(hlml_device_t device, char *fw_os_version, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, fw_os), fw_os_version, length);
}

HLML_EXPORT hlml_return_t hlml_get_cpld_version(hlml_device_t device, char *cpld_version, unsigned int length)
{
    return identity_text(device, offsetof(gaudi_identity, cpld), cpld_version, length);
}

HLML_EXPORT hlml_return_t hlml_device_get_minor_number(hlml_device_t device, unsigned int *minor_number)
{
    return identity_number(device, offsetof(gaudi_identity, minor), minor_number);
}

HLML_EXPORT hlml_return_t hlml_device_get_module_id(hlml_device_t device, unsigned int *module_id)
{
    return identity_number(device, offsetof(gaudi_identity, module_id), module_id);
}

HLML_EXPORT hlml_return_t hlml_device_get_board_id(hlml_device_t device, unsigned int *board_id)
{
    return identity_number(device, offsetof(gaudi_identity, board_id), board_id);
}

HLML_EXPORT hlml_return_t hlml_device_get_hl_revision(hlml_device_t device, int *hl_revision)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, hl_revision != NULL);
    if (code == HLML_SUCCESS)
        *hl_revision = gaudi_card_identity(call.card)->hl_revision;
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_pcb_info(hlml_device_t device, hlml_pcb_info_t *pcb)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, pcb != NULL);
    if (code != HLML_SUCCESS)
        return code;
    const gaudi_identity *identity = gaudi_card_identity(call.card);
    memcpy(pcb->pcb_ver, identity->pcb_version, sizeof pcb->pcb_ver);
    memcpy(pcb->pcb_assembly_ver, identity->pcb_assembly_version, sizeof pcb->pcb_assembly_ver);
    pcb->pcb_ver[sizeof pcb->pcb_ver - 1] = '\0';
    pcb->pcb_assembly_ver[sizeof pcb->pcb_assembly_ver - 1] = '\0';
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_oper_status(hlml_device_t device, char *status, unsigned int length)
{
    /* The texts of sysfs `status`, in the order of enum gaudi_status. */
    static const char *const TEXTS[] = {"Operational",        "In reset", "Disabled", "Needs reset",
                                        "In device creation", "In reset after device release"};
    HLML_SCOPED hlml_call call = {0};
    uint32_t now = 0;
    uint32_t is_lost = 0;
    hlml_return_t code = hlml_enter(&call, device, status && length > 0);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_status(call.card, &now, &is_lost));
    return code != HLML_SUCCESS ? code : hlml_copy_text(TEXTS[now], strlen(TEXTS[now]), status, length);
}
