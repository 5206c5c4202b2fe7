/* One HLML getter from C beside the clock read that it contains. Prints "clock_ns getter_ns memory_ns init_us". */
#include <hlml.h>
#include <stdio.h>
#include <time.h>

enum { ROUNDS = 2000000, INITS = 200 };

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

int main(void)
{
    hlml_device_t device = NULL;
    hlml_memory_t memory;
    unsigned int power = 0;
    double start = now_ns();
    for (int i = 0; i < INITS; i++) {
        if (hlml_init() != HLML_SUCCESS)
            return 1;
        hlml_shutdown();
    }
    double init_us = (now_ns() - start) / INITS / 1e3;
    if (hlml_init() != HLML_SUCCESS || hlml_device_get_handle_by_index(0, &device) != HLML_SUCCESS)
        return 1;
    double clock = now_ns();
    for (int i = 0; i < ROUNDS; i++)
        (void)now_ns();
    clock = (now_ns() - clock) / ROUNDS;
    double getter = now_ns();
    for (int i = 0; i < ROUNDS; i++)
        (void)hlml_device_get_power_usage(device, &power);
    getter = (now_ns() - getter) / ROUNDS;
    double used = now_ns();
    for (int i = 0; i < ROUNDS; i++)
        (void)hlml_device_get_memory_info(device, &memory);
    used = (now_ns() - used) / ROUNDS;
    printf("%.1f %.1f %.1f %.1f\n", clock, getter, used, init_us);
    return hlml_shutdown() != HLML_SUCCESS;
}
