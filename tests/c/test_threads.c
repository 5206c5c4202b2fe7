/* 16 threads in every function at once, with good and bad arguments, while another one shuts the library down and takes it up
 * again. Run under ThreadSanitizer. Arguments: a directory in which a box may be made, calls of each thread. Last line: "N
 * passed, N failed". */
#include <pthread.h>
#include <stdio.h>
#include <time.h>

#include "every_function.h"
#include "workload.h"

enum { THREADS = 16 };

static unsigned long calls_each;
static unsigned long unknown_codes; /* atomic */
static unsigned long successes;     /* atomic */
static int running;                 /* atomic: threads that still call */
static hlml_device_t devices[2];

static void *call_on(void *argument)
{
    char stranger[64] = "";
    argument_source from = {.seed = *(const unsigned int *)argument,
                            .devices = {devices[0], devices[1], stranger, (char *)devices[0] + 1}};
    (void)hlml_event_set_create(&from.sets[0]);
    for (unsigned long i = 0; i < calls_each; i++) {
        const function_row *row = &EVERY_FUNCTION[draw_argument(&from, FUNCTION_COUNT)];
        hlml_return_t code = call_function(row, &from);
        __atomic_add_fetch(&unknown_codes, !is_known_code(code), __ATOMIC_RELAXED);
        __atomic_add_fetch(&successes, code == HLML_SUCCESS, __ATOMIC_RELAXED);
    }
    (void)hlml_event_set_free(from.sets[0]);
    __atomic_sub_fetch(&running, 1, __ATOMIC_ACQ_REL);
    return NULL;
}

int main(int argc, char **argv)
{
    char path[GAUDI_PATH_LENGTH];
    pthread_t threads[THREADS];
    unsigned int seeds[THREADS];
    unsigned long failures = 0;
    unsigned long cycles = 0;
    if (argc != 3 || make_workload_box(path, sizeof path, argv[1], "threads") != 0)
        return 2;
    setenv("GAUDI_BOX", path, 1);
    calls_each = strtoul(argv[2], NULL, 10);
    if (hlml_init() != HLML_SUCCESS || hlml_device_get_handle_by_index(0, &devices[0]) != HLML_SUCCESS ||
        hlml_device_get_handle_by_index(7, &devices[1]) != HLML_SUCCESS)
        return 2;
    running = THREADS;
    for (unsigned int i = 0; i < THREADS; i++) {
        seeds[i] = i + 1;
        pthread_create(&threads[i], NULL, call_on, &seeds[i]);
    }
    for (; __atomic_load_n(&running, __ATOMIC_ACQUIRE) > 0; cycles++) {
        failures += hlml_shutdown() != HLML_SUCCESS;
        failures += hlml_init() != HLML_SUCCESS;
        nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
    }
    for (unsigned int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    failures += unknown_codes != 0;
    failures += successes < THREADS * calls_each / 20;
    printf("%lu successes, %lu unknown codes, %lu cycles\n", successes, unknown_codes, cycles);
    (void)hlml_shutdown();
    gaudi_box_retire(path, 1, NULL);
    printf("%lu passed, %lu failed\n", cycles + successes, failures);
    return failures != 0;
}
