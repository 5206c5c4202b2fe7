/* Prints every card, as a first program of a user would: cc print_cards.c $(pkg-config --cflags --libs hlml) */
#include <hlml.h>
#include <stdio.h>

/* Print one card; the code of the first call that failed. */
static hlml_return_t print_card(unsigned int index)
{
    char name[HL_FIELD_MAX_SIZE];
    char serial[HL_FIELD_MAX_SIZE];
    char uuid[128];
    hlml_device_t device = NULL;
    hlml_pci_info_t pci;
    hlml_memory_t memory;
    hlml_utilization_t utilization;
    unsigned int temp = 0;
    unsigned int power = 0;
    unsigned int clock = 0;
    unsigned long long energy = 0;
    hlml_return_t rc = hlml_device_get_handle_by_index(index, &device);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_name(device, name, sizeof name);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_serial(device, serial, sizeof serial);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_uuid(device, uuid, sizeof uuid);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_pci_info(device, &pci);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_memory_info(device, &memory);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_utilization_rates(device, &utilization);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_temperature(device, HLML_TEMPERATURE_ON_AIP, &temp);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_power_usage(device, &power);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_clock_info(device, HLML_CLOCK_SOC, &clock);
    if (rc == HLML_SUCCESS)
        rc = hlml_device_get_total_energy_consumption(device, &energy);
    if (rc != HLML_SUCCESS)
        return rc;
    printf("%u %s %s %s %s %s %s: %u C, %u mW, %u MHz, %u %%, %llu of %llu MiB, %llu mJ\n", index, name, serial, uuid,
           pci.bus_id, pci.caps.link_speed, pci.caps.link_width, temp, power, clock, utilization.aip,
           memory.used >> 20, memory.total >> 20, energy);
    return HLML_SUCCESS;
}

int main(void)
{
    unsigned int count = 0;
    hlml_return_t rc = hlml_init();
    if (rc != HLML_SUCCESS) {
        fprintf(stderr, "hlml_init: code %d; HLML_DEBUG=1 says why\n", (int)rc);
        return 1;
    }
    rc = hlml_device_get_count(&count);
    for (unsigned int i = 0; rc == HLML_SUCCESS && i < count; i++)
        rc = print_card(i);
    if (rc != HLML_SUCCESS)
        fprintf(stderr, "a call failed with code %d\n", (int)rc);
    hlml_shutdown();
    return rc == HLML_SUCCESS ? 0 : 1;
}
