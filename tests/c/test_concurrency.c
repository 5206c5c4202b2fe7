/* Readers, writers and somebody who initialises and shuts down, all at once; run under sanitizers by
 * tests/csrc/test_sanitizers.py. Argument: a directory in which a box may be made. Last line: "N passed, N failed". */
#include <hlml.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "card.h"
#include "card_internal.h"

enum { READERS = 4, WRITERS = 2, READS = 20000, PUBLISHES = 6000, CYCLES = 300 };

static int failures;
static int checks;

static void check(bool is_right, const char *what)
{
    __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);
    if (!is_right && __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "wrong: %s\n", what);
}

static bool is_ended(hlml_return_t code)
{
    return code == HLML_ERROR_UNINITIALIZED; /* the cycling thread may have shut the library down */
}

static void *read_forever(void *argument)
{
    hlml_device_t device = *(hlml_device_t *)argument;
    unsigned long long last_energy = 0;
    for (int i = 0; i < READS; i++) {
        hlml_memory_t memory;
        hlml_utilization_t rates;
        unsigned long long energy = 0;
        unsigned int power = 0;
        hlml_return_t code = hlml_device_get_memory_info(device, &memory);
        check(is_ended(code) || (code == HLML_SUCCESS && memory.free + memory.used == memory.total), "memory");
        code = hlml_device_get_utilization_rates(device, &rates);
        check(is_ended(code) || (code == HLML_SUCCESS && rates.aip <= 100), "utilization");
        code = hlml_device_get_power_usage(device, &power);
        check(is_ended(code) || (code == HLML_SUCCESS && power > 20000 && power < 700000), "power");
        code = hlml_device_get_total_energy_consumption(device, &energy);
        check(is_ended(code) || (code == HLML_SUCCESS && energy >= last_energy), "energy");
        if (code == HLML_SUCCESS)
            last_energy = energy;
    }
    return NULL;
}

static void *publish_forever(void *argument)
{
    gaudi_error error;
    gaudi_box *box = NULL;
    check(gaudi_box_open_path(&box, argument, true, &error) == 0, "open for writing");
    for (int i = 0; box && i < PUBLISHES; i++) {
        double activity[GAUDI_ENGINE_COUNT] = {(i % 10) / 10.0, 0.1, 0.0, (i % 7) / 7.0, 0.0, 0.0};
        uint64_t used = (uint64_t)(i % 90) << 30;
        check(gaudi_card_publish_activity(gaudi_box_card(box, 0), activity, 1.0, &error) == 0, "publish activity");
        check(gaudi_card_publish_memory(gaudi_box_card(box, 0), used, &error) == 0, "publish memory");
    }
    gaudi_box_close(box);
    return NULL;
}

static void *cycle_forever(void *argument)
{
    (void)argument;
    for (int i = 0; i < CYCLES; i++) {
        hlml_return_t code = hlml_shutdown();
        check(code == HLML_SUCCESS, "shutdown");
        code = hlml_init();
        check(code == HLML_SUCCESS, "init");
    }
    return NULL;
}

/* A box at `path` from the first built-in image. */
static int make_box(char *path, size_t size, const char *directory)
{
    const gaudi_box_identity *identity = NULL;
    const gaudi_card_image *cards = NULL;
    size_t count = 0;
    gaudi_error error = {.text = ""};
    snprintf(path, size, "%s/concurrency", directory);
    int rc = gaudi_default_box(NULL, &identity, &cards, &count, &error);
    if (rc == 0)
        rc = gaudi_box_create(path, identity, cards, count, -1, &error);
    if (rc != 0)
        fprintf(stderr, "%s\n", error.text);
    return rc;
}

int main(int argc, char **argv)
{
    char path[GAUDI_PATH_LENGTH];
    pthread_t threads[READERS + WRITERS + 1];
    size_t started = 0;
    hlml_device_t device = NULL;
    if (argc != 2 || make_box(path, sizeof path, argv[1]) != 0)
        return 2;
    setenv("GAUDI_BOX", path, 1);
    if (hlml_init() != HLML_SUCCESS || hlml_device_get_handle_by_index(0, &device) != HLML_SUCCESS)
        return 2;
    for (size_t i = 0; i < READERS; i++)
        pthread_create(&threads[started++], NULL, read_forever, &device);
    for (size_t i = 0; i < WRITERS; i++)
        pthread_create(&threads[started++], NULL, publish_forever, path);
    pthread_create(&threads[started++], NULL, cycle_forever, NULL);
    for (size_t i = 0; i < started; i++)
        pthread_join(threads[i], NULL);
    hlml_shutdown();
    gaudi_box_retire(path, 1, NULL);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures != 0;
}
