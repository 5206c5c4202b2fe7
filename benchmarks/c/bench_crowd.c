/* What one more reader costs: N threads read power, temperature, utilisation and memory of a card at once.
 * bench_crowd THREADS   prints "nanoseconds a getter of one thread alone, of each thread of N" (N over the processors). */
#include <hlml.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS = 100000, GETTERS = 4, THREADS_MAX = 64 };

static hlml_device_t device;

static double now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static void *read_on(void *unused)
{
    unsigned int value = 0;
    hlml_utilization_t rates;
    hlml_memory_t memory;
    for (int i = 0; i < ROUNDS; i++) {
        (void)hlml_device_get_power_usage(device, &value);
        (void)hlml_device_get_temperature(device, HLML_TEMPERATURE_ON_AIP, &value);
        (void)hlml_device_get_utilization_rates(device, &rates);
        (void)hlml_device_get_memory_info(device, &memory);
    }
    return unused;
}

/* Processor time of a getter when `count` threads read: wall time times processors in use, over all calls. */
static double run(long count)
{
    pthread_t threads[THREADS_MAX];
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    double start = now_ns();
    for (long i = 0; i < count; i++)
        pthread_create(&threads[i], NULL, read_on, NULL);
    for (long i = 0; i < count; i++)
        pthread_join(threads[i], NULL);
    double in_use = (double)(count < processors ? count : processors);
    return (now_ns() - start) * in_use / ((double)count * ROUNDS * GETTERS);
}

int main(int argc, char **argv)
{
    long count = argc == 2 ? strtol(argv[1], NULL, 10) : 16;
    if (count < 1 || count > THREADS_MAX || hlml_init() != HLML_SUCCESS ||
        hlml_device_get_handle_by_index(0, &device) != HLML_SUCCESS)
        return 1;
    double alone = run(1);
    printf("%.1f %.1f\n", alone, run(count));
    return hlml_shutdown() != HLML_SUCCESS;
}
