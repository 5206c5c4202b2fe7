/* How late hlml_event_set_wait returns after a post of another process, and what waiting costs.
 *
 * Arguments: how many events to wait for, then how many seconds to wait for nothing. Prints a line with CLOCK_MONOTONIC, ns,
 * for every event, then the voluntary context switches of the idle wait, each of them a sleep in the kernel. */
#include <hlml.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <time.h>

static uint64_t now_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

static long sleeps(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return used.ru_nvcsw;
}

int main(int argc, char **argv)
{
    hlml_event_set_t set = NULL;
    hlml_device_t device = NULL;
    hlml_event_data_t data;
    if (argc != 3 || hlml_init() != HLML_SUCCESS || hlml_event_set_create(&set) != HLML_SUCCESS ||
        hlml_device_get_handle_by_index(0, &device) != HLML_SUCCESS ||
        hlml_device_register_events(device, HLML_EVENT_DRAM_ERR, set) != HLML_SUCCESS)
        return 1;
    puts("ready");
    fflush(stdout);
    for (long left = atol(argv[1]); left > 0; left--) {
        if (hlml_event_set_wait(set, &data, 10000) != HLML_SUCCESS)
            return 1;
        printf("%llu\n", (unsigned long long)now_ns());
        fflush(stdout);
    }
    long before = sleeps();
    if (hlml_event_set_wait(set, &data, (unsigned int)atol(argv[2]) * 1000) != HLML_ERROR_TIMEOUT)
        return 1;
    printf("%ld\n", sleeps() - before);
    return hlml_shutdown() != HLML_SUCCESS;
}
