/* Event sets against an oracle: several threads wait on several sets of one box while a publisher changes load, memory
 * and air at random and folds the future away. In the end every set has handed out exactly the derived events that the
 * rings hold, one each, and every posted one. Run by tests/csrc/test_sanitizers.py. Argument: a directory in which a box
 * may be made. Last line: "N passed, N failed". */
#include <hlml.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "card_internal.h"
#include "events.h"

enum { SETS = 3, THREADS = 2, CARDS = 2, CHANGES = 400, POSTS_EVERY = 25 };

static int failures;
static int checks;
static int is_over; /* atomic: the publisher has come to its end */

/* What one set handed out; counted with atomics by its threads. */
typedef struct tally {
    hlml_event_set_t set;
    long clock;
    long critical;
    long corrected;
} tally;

static void check(bool is_right, const char *what)
{
    __atomic_add_fetch(&checks, 1, __ATOMIC_RELAXED);
    if (!is_right && __atomic_add_fetch(&failures, 1, __ATOMIC_RELAXED) <= 10)
        fprintf(stderr, "wrong: %s\n", what);
}

static void count(tally *t, const hlml_event_data_t *data)
{
    __atomic_add_fetch(&t->clock, data->event_type == HLML_EVENT_CLOCK_RATE, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->critical, data->event_type == HLML_EVENT_CRITICAL_ERR, __ATOMIC_RELAXED);
    __atomic_add_fetch(&t->corrected, data->event_type == HLML_EVENT_ECC_SERR, __ATOMIC_RELAXED);
}

static void *wait_forever(void *argument)
{
    tally *t = argument;
    hlml_event_data_t data;
    for (;;) {
        hlml_return_t code = hlml_event_set_wait(t->set, &data, 20);
        check(code == HLML_SUCCESS || code == HLML_ERROR_TIMEOUT, "wait");
        if (code == HLML_SUCCESS)
            count(t, &data);
        else if (__atomic_load_n(&is_over, __ATOMIC_ACQUIRE))
            return NULL;
    }
}

static void pause_us(long us)
{
    struct timespec t = {.tv_nsec = us * 1000};
    nanosleep(&t, NULL);
}

/* One random change of a card. The conditions make it throttle by power and by heat, and shut down now and then. */
static void change(gaudi_card *card, unsigned int *seed)
{
    static const double AIR[] = {0.06, 0.2, 1.0};
    double activity[GAUDI_ENGINE_COUNT] = {0.25 * (rand_r(seed) % 5), 0.3, 0.0, 0.2, 0.0, 0.0};
    gaudi_conditions conditions = {.ambient_c = 30.0, .airflow = AIR[rand_r(seed) % 3], .clock_ceiling = 1.0};
    int rc = 0;
    switch (rand_r(seed) % 8) {
    case 0: rc = gaudi_card_set_conditions(card, &conditions, NULL); break;
    case 1: rc = gaudi_card_reset(card, 1000000, NULL); break;
    case 2:
    case 3: rc = gaudi_card_publish_activity(card, activity, 1.0, NULL); break;
    default: rc = gaudi_card_publish_memory(card, (uint64_t)(rand_r(seed) % 64) << 30, NULL);
    }
    check(rc == 0, "publish");
}

/* Oracle: the derived events of the rings, read on while they are written. */
static void count_ring(gaudi_card *card, uint64_t *next, tally *expected)
{
    gaudi_event event;
    for (uint64_t head = gaudi_events_head(card); *next <= head; (*next)++) {
        check(gaudi_events_read(card, *next, &event) == 0, "ring");
        hlml_event_data_t data = {.event_type = event.kind & 0x3f};
        count(expected, &data);
    }
}

static void publish_all(gaudi_box *box, tally *expected)
{
    uint64_t next[CARDS] = {1, 1};
    unsigned int seed = 7;
    for (int i = 0; i < CHANGES; i++) {
        gaudi_card *card = gaudi_box_card(box, (size_t)(i % CARDS));
        change(card, &seed);
        if (i % POSTS_EVERY == 0)
            check(gaudi_card_post_event(card, GAUDI_EVENT_ECC_CORRECTED, 1) == 0, "post");
        for (size_t c = 0; c < CARDS; c++)
            count_ring(gaudi_box_card(box, c), &next[c], expected);
        pause_us(rand_r(&seed) % 4000);
    }
    check(gaudi_box_clock_set(box, 0.0, 0, NULL) == 0, "freeze"); /* no new event comes true from here on */
    for (size_t c = 0; c < CARDS; c++) {
        check(gaudi_card_publish_memory(gaudi_box_card(box, c), 0, NULL) == 0, "fold");
        count_ring(gaudi_box_card(box, c), &next[c], expected);
    }
}

static int make_box(char *path, size_t size, const char *directory)
{
    const gaudi_box_identity *identity = NULL;
    const gaudi_card_image *cards = NULL;
    size_t card_count = 0;
    gaudi_error error = {.text = ""};
    snprintf(path, size, "%s/events", directory);
    int rc = gaudi_default_box(NULL, &identity, &cards, &card_count, &error);
    if (rc == 0)
        rc = gaudi_box_create(path, identity, cards, card_count, -1, &error);
    if (rc != 0)
        fprintf(stderr, "%s\n", error.text);
    return rc;
}

static bool start(tally *t)
{
    bool is_right = hlml_event_set_create(&t->set) == HLML_SUCCESS;
    for (unsigned int c = 0; is_right && c < CARDS; c++) {
        hlml_device_t device = NULL;
        is_right = hlml_device_get_handle_by_index(c, &device) == HLML_SUCCESS &&
                   hlml_device_register_events(device, 0x3f, t->set) == HLML_SUCCESS;
    }
    return is_right;
}

int main(int argc, char **argv)
{
    char path[GAUDI_PATH_LENGTH];
    tally expected = {.set = NULL};
    tally got[SETS] = {{.set = NULL}};
    pthread_t threads[SETS * THREADS];
    gaudi_box *box = NULL;
    if (argc != 2 || make_box(path, sizeof path, argv[1]) != 0)
        return 2;
    setenv("GAUDI_BOX", path, 1);
    if (hlml_init() != HLML_SUCCESS || gaudi_box_open_path(&box, path, true, NULL) != 0)
        return 2;
    check(gaudi_box_clock_set(box, 600.0, 0, NULL) == 0, "clock");
    for (size_t s = 0; s < SETS; s++)
        check(start(&got[s]), "register");
    for (size_t i = 0; i < SETS * THREADS; i++)
        pthread_create(&threads[i], NULL, wait_forever, &got[i % SETS]);
    publish_all(box, &expected);
    __atomic_store_n(&is_over, 1, __ATOMIC_RELEASE);
    for (size_t i = 0; i < SETS * THREADS; i++)
        pthread_join(threads[i], NULL);
    check(expected.clock > 20 && expected.critical > 0 && expected.corrected == CHANGES / POSTS_EVERY, "enough happened");
    for (size_t s = 0; s < SETS; s++) {
        check(got[s].clock == expected.clock, "clock events");
        check(got[s].critical == expected.critical, "critical events");
        check(got[s].corrected == expected.corrected, "posted events");
        fprintf(stderr, "set %zu: %ld clock, %ld critical, %ld posted of %ld, %ld, %ld\n", s, got[s].clock,
                got[s].critical, got[s].corrected, expected.clock, expected.critical, expected.corrected);
    }
    gaudi_box_close(box);
    hlml_shutdown();
    gaudi_box_retire(path, 1, NULL);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures != 0;
}
