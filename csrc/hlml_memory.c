/* HBM in use, ECC counters, replaced rows. */
#include "hlml_internal.h"

HLML_EXPORT hlml_return_t hlml_device_get_memory_info(hlml_device_t device, hlml_memory_t *memory)
{
    HLML_SCOPED hlml_call call = {0};
    uint64_t used = 0;
    hlml_return_t code = hlml_enter(&call, device, memory != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_memory(call.card, &used));
    if (code != HLML_SUCCESS)
        return code;
    uint64_t total = gaudi_card_identity(call.card)->memory_total_bytes;
    memory->free = total - used;
    memory->total = total;
    memory->used = used;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_ecc_mode(hlml_device_t device, hlml_enable_state_t *current,
                                                   hlml_enable_state_t *pending)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter(&call, device, current && pending);
    if (code == HLML_SUCCESS) {
        *current = HLML_FEATURE_ENABLED;
        *pending = HLML_FEATURE_ENABLED;
    }
    return code;
}

static unsigned long long count_of(const gaudi_rows *rows, hlml_memory_error_type_t error_type,
                                   hlml_ecc_counter_type_t counter_type, hlml_memory_location_type_t location)
{
    bool is_corrected = error_type == HLML_MEMORY_ERROR_TYPE_CORRECTED;
    uint64_t hbm = is_corrected ? rows->hbm_corrected[counter_type] : rows->hbm_uncorrected[counter_type];
    uint64_t sram = is_corrected ? rows->sram_corrected[counter_type] : rows->sram_uncorrected[counter_type];
    if (location == HLML_MEMORY_LOCATION_DRAM)
        return hbm;
    return location == HLML_MEMORY_LOCATION_SRAM ? sram : hbm + sram;
}

HLML_EXPORT hlml_return_t hlml_device_get_memory_error_counter(hlml_device_t device,
                                                               hlml_memory_error_type_t error_type,
                                                               hlml_ecc_counter_type_t counter_type,
                                                               hlml_memory_location_type_t location,
                                                               unsigned long long *ecc_counts)
{
    HLML_SCOPED hlml_call call = {0};
    gaudi_rows rows;
    bool is_valid = ecc_counts && error_type < HLML_MEMORY_ERROR_TYPE_COUNT &&
                    counter_type < HLML_ECC_COUNTER_TYPE_COUNT && location < HLML_MEMORY_LOCATION_COUNT;
    hlml_return_t code = hlml_enter(&call, device, is_valid);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_rows(call.card, &rows));
    if (code == HLML_SUCCESS)
        *ecc_counts = count_of(&rows, error_type, counter_type, location);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_get_total_ecc_errors(hlml_device_t device, hlml_memory_error_type_t error_type,
                                                           hlml_ecc_counter_type_t counter_type,
                                                           unsigned long long *ecc_counts)
{
    return hlml_device_get_memory_error_counter(device, error_type, counter_type, HLML_MEMORY_LOCATION_ALL,
                                                ecc_counts);
}

static hlml_row_address_t address_of(const gaudi_row *row)
{
    hlml_row_address_t address = {.hbm_idx = row->hbm,
                                  .pc = row->pseudo_channel,
                                  .sid = row->stack_id,
                                  .bank_idx = row->bank,
                                  .row_addr = row->row};
    return address;
}

HLML_EXPORT hlml_return_t hlml_device_get_replaced_rows(hlml_device_t device, hlml_row_replacement_cause_t cause,
                                                        unsigned int *row_count, hlml_row_address_t *addresses)
{
    HLML_SCOPED hlml_call call = {0};
    gaudi_rows rows;
    unsigned int found = 0;
    hlml_return_t code = hlml_enter(&call, device, row_count && cause < HLML_ROW_REPLACEMENT_CAUSE_COUNT);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_rows(call.card, &rows));
    if (code != HLML_SUCCESS)
        return code;
    for (uint32_t i = 0; i < rows.row_count; i++) {
        if (rows.row[i].cause != cause || rows.row[i].is_pending)
            continue;
        if (addresses && found < *row_count)
            addresses[found] = address_of(&rows.row[i]);
        found++;
    }
    *row_count = found;
    return HLML_SUCCESS;
}

HLML_EXPORT hlml_return_t hlml_device_get_replaced_rows_pending_status(hlml_device_t device,
                                                                       hlml_enable_state_t *is_pending)
{
    HLML_SCOPED hlml_call call = {0};
    gaudi_rows rows;
    hlml_enable_state_t pending = HLML_FEATURE_DISABLED;
    hlml_return_t code = hlml_enter(&call, device, is_pending != NULL);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_card_read_rows(call.card, &rows));
    if (code != HLML_SUCCESS)
        return code;
    for (uint32_t i = 0; i < rows.row_count; i++) {
        if (rows.row[i].is_pending)
            pending = HLML_FEATURE_ENABLED;
    }
    *is_pending = pending;
    return HLML_SUCCESS;
}
