/* What outlives what: boxes are replaced, sets freed and processes forked while other threads are inside the library. Run
 * under a sanitizer by tests/hlml/test_lifetime.py. Argument: a directory in which a box may be made. Last line:
 * "N passed, N failed". */
#include <hlml.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "card.h"
#include "card_internal.h"

enum { ROUNDS = 12, REPLACEMENTS = 24, FORKS = 100, CHILD_LIMIT_S = 10 };

static char path[GAUDI_PATH_LENGTH];
static hlml_device_t device;
static int failures;
static int checks;
static int is_over;
static int is_reading;
static int is_held; /* a reader sits in hold(), most likely in the middle of a getter */
static int may_go;

static void check(bool is_right, const char *what)
{
    checks++;
    if (!is_right && ++failures <= 10)
        fprintf(stderr, "wrong: %s\n", what);
}

static int get(const int *word)
{
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
}

static void set(int *word, int value)
{
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
}

static void nap(void)
{
    const struct timespec pause = {.tv_nsec = 50000};
    nanosleep(&pause, NULL);
}

/* A new box in the place of the last one, which is retired by that. */
static int replace_box(void)
{
    const gaudi_box_identity *identity = NULL;
    const gaudi_card_image *cards = NULL;
    size_t count = 0;
    gaudi_error error = {.text = ""};
    int rc = gaudi_default_box(NULL, &identity, &cards, &count, &error);
    if (rc == 0)
        rc = gaudi_box_create(path, identity, cards, count, -1, &error);
    if (rc != 0)
        fprintf(stderr, "%s\n", error.text);
    return rc;
}

static void hold(int number)
{
    (void)number;
    set(&is_held, 1);
    while (!get(&may_go))
        nap();
    set(&is_held, 0);
}

/* Only what allocates nothing: hold() may stop this thread anywhere, and in an allocator it would stop everybody. */
static void *read_on(void *argument)
{
    (void)argument;
    while (!get(&is_over)) {
        unsigned int value = 0;
        hlml_pci_info_t pci;
        (void)hlml_device_get_temperature(device, HLML_TEMPERATURE_ON_AIP, &value);
        (void)hlml_device_get_power_usage(device, &value);
        (void)hlml_device_get_pci_info(device, &pci);
        set(&is_reading, 1);
    }
    return NULL;
}

/* A thread that stands still inside a getter keeps its box, however many others come after it. */
static void test_box_is_kept_while_somebody_is_inside(void)
{
    pthread_t reader;
    signal(SIGUSR1, hold);
    pthread_create(&reader, NULL, read_on, NULL);
    while (!get(&is_reading)) /* the beginning of a thread may be inside an allocator */
        nap();
    for (int round = 0; round < ROUNDS; round++) {
        set(&may_go, 0);
        pthread_kill(reader, SIGUSR1);
        while (!get(&is_held))
            nap();
        for (int i = 0; i < REPLACEMENTS; i++) {
            check(hlml_shutdown() == HLML_SUCCESS, "shutdown");
            check(replace_box() == 0 && hlml_init() == HLML_SUCCESS, "init on a new box");
        }
        set(&may_go, 1);
        while (get(&is_held))
            nap();
    }
    set(&is_over, 1);
    pthread_join(reader, NULL);
    set(&is_over, 0);
}

static void *initialise_on(void *argument)
{
    hlml_event_set_t events = NULL;
    (void)argument;
    while (!get(&is_over)) {
        (void)hlml_init();
        if (hlml_event_set_create(&events) == HLML_SUCCESS)
            (void)hlml_event_set_free(events);
        (void)hlml_shutdown();
    }
    return NULL;
}

static bool child_can_use_the_library(void)
{
    hlml_event_set_t events = NULL;
    unsigned int power = 0;
    (void)hlml_shutdown();
    return hlml_init() == HLML_SUCCESS && hlml_event_set_create(&events) == HLML_SUCCESS &&
           hlml_device_get_power_usage(device, &power) == HLML_SUCCESS && power > 0;
}

/* A lock that another thread holds at the moment of a fork must not stay locked in the child for ever. */
static void test_child_uses_the_library_whatever_other_threads_did_at_the_fork(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, initialise_on, NULL);
    for (int i = 0; i < FORKS; i++) {
        int status = 0;
        pid_t child = fork();
        if (child == 0) {
            alarm(CHILD_LIMIT_S);
            _exit(child_can_use_the_library() ? 0 : 1);
        }
        waitpid(child, &status, 0);
        check(WIFEXITED(status) && WEXITSTATUS(status) == 0, "child after fork");
    }
    set(&is_over, 1);
    pthread_join(thread, NULL);
    set(&is_over, 0);
    (void)hlml_shutdown();
    check(hlml_init() == HLML_SUCCESS, "init after the forks");
}

static void *wait_for_event(void *argument)
{
    hlml_event_data_t data;
    static hlml_return_t code;
    set(&is_held, 1);
    code = hlml_event_set_wait(*(hlml_event_set_t *)argument, &data, 20000);
    return &code;
}

/* Who waits for a set that is freed learns it, even if the same place is given out again at once. */
static void test_waiter_of_a_freed_set_is_told(void)
{
    hlml_event_set_t events = NULL;
    hlml_event_set_t next = NULL;
    pthread_t waiter;
    void *code = NULL;
    check(hlml_event_set_create(&events) == HLML_SUCCESS, "create a set");
    set(&is_held, 0);
    pthread_create(&waiter, NULL, wait_for_event, &events);
    while (!get(&is_held))
        nap();
    for (int i = 0; i < 1000; i++) /* long enough to be asleep in there; either way the answer is the same */
        nap();
    check(hlml_event_set_free(events) == HLML_SUCCESS, "free the set");
    check(hlml_event_set_create(&next) == HLML_SUCCESS && next == events, "the place is given out again");
    pthread_join(waiter, &code);
    check(*(hlml_return_t *)code == HLML_ERROR_INVALID_ARGUMENT, "the waiter is told");
    check(hlml_event_set_free(next) == HLML_SUCCESS, "free the next set");
}

static int post(uint64_t kind)
{
    gaudi_box *box = NULL;
    int rc = gaudi_box_open_path(&box, path, true, NULL);
    if (rc == 0)
        rc = gaudi_card_post_event(gaudi_box_card(box, 0), kind, 0);
    gaudi_box_close(box);
    return rc;
}

/* A registration goes on with the next box, from the init on: nothing twice, nothing from before, nothing missed. */
static void test_registration_follows_to_the_next_box(void)
{
    hlml_event_set_t events = NULL;
    hlml_event_data_t data;
    check(hlml_event_set_create(&events) == HLML_SUCCESS, "create a set");
    check(hlml_device_register_events(device, 0x3f, events) == HLML_SUCCESS, "register");
    for (int i = 0; i < 5; i++)
        check(post(HLML_EVENT_ECC_ERR) == 0, "post to the first box");
    check(hlml_event_set_wait(events, &data, 0) == HLML_SUCCESS, "the first box is heard");
    check(hlml_shutdown() == HLML_SUCCESS && replace_box() == 0, "replace the box");
    check(post(HLML_EVENT_CLOCK_RATE) == 0, "post before the init");
    check(hlml_init() == HLML_SUCCESS, "init");
    check(hlml_event_set_wait(events, &data, 0) == HLML_ERROR_TIMEOUT, "nothing from before");
    check(post(HLML_EVENT_CRITICAL_ERR) == 0, "post after the init");
    check(hlml_event_set_wait(events, &data, 0) == HLML_SUCCESS && data.device == device &&
              data.event_type == HLML_EVENT_CRITICAL_ERR,
          "the new box is heard");
    check(hlml_event_set_wait(events, &data, 0) == HLML_ERROR_TIMEOUT, "and once only");
    check(hlml_event_set_free(events) == HLML_SUCCESS, "free the set");
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    snprintf(path, sizeof path, "%s/lifetime", argv[1]);
    setenv("GAUDI_BOX", path, 1);
    if (replace_box() != 0 || hlml_init() != HLML_SUCCESS)
        return 2;
    if (hlml_device_get_handle_by_index(0, &device) != HLML_SUCCESS)
        return 2;
    test_box_is_kept_while_somebody_is_inside();
    test_child_uses_the_library_whatever_other_threads_did_at_the_fork();
    test_waiter_of_a_freed_set_is_told();
    test_registration_follows_to_the_next_box();
    hlml_shutdown();
    gaudi_box_retire(path, 1, NULL);
    printf("%d passed, %d failed\n", checks - failures, failures);
    return failures != 0;
}
