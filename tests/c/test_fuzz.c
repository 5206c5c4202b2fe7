/* Files of a box with damaged bytes: whatever they say, every function of libhlml and every reader and writer of the card state
 * returns one of its codes. Damage comes before attaching or while the files are mapped. Built with sanitizers.
 *
 * Arguments: a directory in which a box may be made, rounds, seed. Last line: "N passed, N failed". */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#include "events.h"
#include "every_function.h"
#include "workload.h"

enum { ROUND_LIMIT_S = 20, CALLS = 40, WRITES = 6 };

static char path[GAUDI_PATH_LENGTH];
static unsigned long checks;
static unsigned long failures;

static void check(bool is_right, const char *what, long value)
{
    checks++;
    if (!is_right && ++failures <= 10)
        fprintf(stderr, "wrong: %s %ld\n", what, value);
}

/* One file, mapped for damage, and its bytes when they were good. */
typedef struct victim {
    unsigned char *bytes;
    unsigned char *good;
    size_t size;
} victim;

static bool take_victim(victim *v, const char *name, size_t size)
{
    char file[GAUDI_PATH_LENGTH + 32];
    snprintf(file, sizeof file, "%s/%s", path, name);
    int fd = open(file, O_RDWR | O_CLOEXEC);
    v->size = size;
    v->good = malloc(size);
    v->bytes = fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (fd >= 0)
        close(fd);
    if (v->bytes == MAP_FAILED || !v->good)
        return false;
    memcpy(v->good, v->bytes, size);
    return true;
}

/* Words that numbers, counts and times do not expect. */
static uint64_t draw_word(unsigned int *seed)
{
    static const double DOUBLES[] = {-1.0, 0.0, 1e-300, 1e300, 1e9, -1e18, 3600.0, 0.5};
    static const uint64_t WORDS[] = {0, 1, UINT64_MAX, INT64_MAX, UINT64_C(0x7ff8000000000000), UINT64_C(0x7ff0000000000000),
                                     UINT64_C(0xffffffff), 41, 128, 33};
    uint64_t word = 0;
    if (workload_draw(seed, 2))
        return WORDS[workload_draw(seed, sizeof WORDS / sizeof WORDS[0])];
    memcpy(&word, &DOUBLES[workload_draw(seed, sizeof DOUBLES / sizeof DOUBLES[0])], sizeof word);
    return word;
}

static void store_byte(unsigned char *at, unsigned char value)
{
    __atomic_store_n(at, value, __ATOMIC_RELAXED);
}

/* `from` keeps the header whole, so that most damage gets past the first checks. */
static void damage(victim *v, unsigned int *seed)
{
    static const unsigned int EDITS[] = {1, 1, 2, 8, 64, 400};
    size_t from = workload_draw(seed, 8) ? sizeof(gaudi_header) : 0;
    for (unsigned int n = EDITS[workload_draw(seed, 6)]; n > 0; n--) {
        size_t at = from + (size_t)rand_r(seed) % (v->size - from - 8);
        if (workload_draw(seed, 3) == 0) {
            store_byte(&v->bytes[at], (unsigned char)rand_r(seed));
            continue;
        }
        uint64_t word = draw_word(seed);
        __atomic_store_n((uint64_t *)(void *)&v->bytes[at / 8 * 8], word, __ATOMIC_RELAXED);
    }
}

static void repair(victim *v)
{
    memcpy(v->bytes, v->good, v->size);
}

static void call_functions(argument_source *from)
{
    if (hlml_event_set_create(&from->sets[0]) != HLML_SUCCESS)
        from->sets[0] = NULL;
    for (int i = 0; i < CALLS; i++) {
        const function_row *row = &EVERY_FUNCTION[draw_argument(from, FUNCTION_COUNT)];
        hlml_return_t code = call_function(row, from);
        check(is_known_code(code), row->name, (long)code);
    }
    if (from->sets[0])
        (void)hlml_event_set_free(from->sets[0]);
}

static void use_card(gaudi_box *box, gaudi_card *card, unsigned int *seed)
{
    gaudi_reading reading;
    gaudi_rows rows;
    gaudi_ports ports;
    gaudi_processes who;
    gaudi_future future;
    gaudi_conditions conditions;
    check(gaudi_card_read(card, &reading) <= 0, "read", 0);
    check(gaudi_card_read_rows(card, &rows) <= 0, "rows", 0);
    check(gaudi_card_read_ports(card, &ports) <= 0, "ports", 0);
    check(gaudi_card_read_processes(card, &who) <= 0, "processes", 0);
    check(gaudi_card_read_conditions(card, &conditions) <= 0, "conditions", 0);
    check(gaudi_events_future(card, &future) <= 0, "future", 0);
    for (int i = 0; i < WRITES; i++)
        check(write_something(box, card, seed) <= 0, "write", 0);
    check(gaudi_card_break(card, (enum gaudi_breakdown)workload_draw(seed, 5), NULL) <= 0, "break", 0);
}

static void one_round(victim *files, argument_source *from, unsigned int *seed)
{
    bool is_before = workload_draw(seed, 2);
    gaudi_box *box = NULL;
    alarm(ROUND_LIMIT_S); /* whoever hangs is ended, and that is a failure */
    if (is_before)
        damage(&files[workload_draw(seed, 2)], seed);
    hlml_return_t code = hlml_init();
    check(is_known_code(code), "hlml_init", (long)code);
    int rc = gaudi_box_open_path(&box, path, true, NULL);
    check(rc <= 0, "open", rc);
    for (int times = 0; times < 2; times++) {
        damage(&files[workload_draw(seed, 2)], seed);
        call_functions(from);
        if (rc == 0 && gaudi_box_card_count(box) > 0)
            use_card(box, gaudi_box_card(box, 0), seed);
    }
    gaudi_box_close(box);
    (void)hlml_shutdown();
    repair(&files[0]);
    repair(&files[1]);
}

int main(int argc, char **argv)
{
    victim files[2];
    char stranger[64] = "";
    if (argc != 4 || make_workload_box(path, sizeof path, argv[1], "fuzzed") != 0)
        return 2;
    setenv("GAUDI_BOX", path, 1);
    if (!take_victim(&files[0], "box", sizeof(gaudi_box_file)) || !take_victim(&files[1], "accel0", sizeof(gaudi_card_file)))
        return 2;
    unsigned int seed = (unsigned int)strtoul(argv[3], NULL, 10);
    argument_source from = {.seed = seed + 1, .devices = {NULL, NULL, stranger, NULL}, .sets = {NULL, stranger, NULL}};
    if (hlml_init() != HLML_SUCCESS || hlml_device_get_handle_by_index(0, &from.devices[0]) != HLML_SUCCESS)
        return 2;
    from.devices[3] = (char *)from.devices[0] + 1;
    (void)hlml_shutdown();
    for (unsigned long i = 0, rounds = strtoul(argv[2], NULL, 10); i < rounds; i++)
        one_round(files, &from, &seed);
    hlml_return_t code = hlml_init();
    check(code == HLML_SUCCESS, "the repaired box is as good as before", (long)code);
    (void)hlml_shutdown();
    gaudi_box_retire(path, 1, NULL);
    free(files[0].good);
    free(files[1].good);
    printf("%lu passed, %lu failed\n", checks - failures, failures);
    return failures != 0;
}
