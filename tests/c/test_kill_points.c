/* Writers die at every kill point of every way of writing a card, and at random moments, while two readers look: nobody ever
 * sees a torn or impossible state, and the next writer goes on at once. Built with GAUDI_KILL_POINTS.
 *
 * Arguments: a directory in which a box may be made, deaths at each point, deaths at random moments. Prints each point with
 * its deaths; last line: "N passed, N failed". */
#include <sched.h>

#include "kill_points.h"
#include "state_check.h"
#include "workload.h"

enum { READERS = 2, SURVEY_WRITES = 3000, CHILD_WRITES = 100000000, RANDOM_SPINS = 400000 };

static char path[GAUDI_PATH_LENGTH];
static unsigned long checks;
static unsigned long failures;

/* Readers run in processes of their own; shared with them. */
static struct shared {
    int is_over;
    verdict verdicts[READERS];
} *shared;

static void check(bool is_right, const char *what, const char *detail)
{
    checks++;
    if (!is_right && ++failures <= 10)
        fprintf(stderr, "wrong: %s %s\n", what, detail);
}

static void write_on(const void *with, unsigned int seed)
{
    gaudi_box *box = NULL;
    (void)with;
    if (gaudi_box_open_path(&box, path, true, NULL) != 0)
        _exit(2);
    for (int i = 0; i < CHILD_WRITES; i++) {
        if (write_something(box, gaudi_box_card(box, 0), &seed) != 0)
            _exit(3);
    }
}

static void survey_all(const void *with, unsigned int seed)
{
    gaudi_box *box = NULL;
    (void)with;
    if (gaudi_box_open_path(&box, path, true, NULL) != 0)
        _exit(2);
    for (int i = 0; i < SURVEY_WRITES; i++) {
        int rc = write_something(box, gaudi_box_card(box, 0), &seed);
        if (rc != 0)
            _exit(3);
    }
}

static void read_on(size_t number)
{
    memory seen = {.is_set = false};
    gaudi_box *box = NULL;
    verdict *v = &shared->verdicts[number];
    if (gaudi_box_open_path(&box, path, false, NULL) != 0)
        _exit(2);
    die_with_parent();
    while (!__atomic_load_n(&shared->is_over, __ATOMIC_ACQUIRE))
        judge(v, look_at_card(gaudi_box_card(box, 0), &seen, v) == 0, "box alive", 0, 0);
    _exit(0);
}

/* What a death leaves behind: a sound state, no lock, and a card that can be written and held. */
static void check_after(gaudi_box *box, memory *seen, const char *where)
{
    verdict v = {.looks = 0};
    gaudi_card *card = gaudi_box_card(box, 0);
    (void)look_at_card(card, seen, &v);
    check(gaudi_card_acquire(card, NULL, NULL) == 0, "card can be held after death at", where);
    check(gaudi_card_publish_memory(card, 0, NULL) == 0, "card can be written after death at", where);
    (void)look_at_card(card, seen, &v);
    gaudi_card_release(card);
    check(v.wrong == 0 && v.looks == 2, v.first, where);
}

static void die_at_points(gaudi_box *box, unsigned long each)
{
    memory seen = {.is_set = false};
    unsigned long all = each * points->count;
    for (unsigned long i = 0; i < all; i++) {
        point *p = &points->points[i % points->count];
        unsigned int seed = (unsigned int)i * 2654435761u + 1;
        unsigned int pass = 1 + seed % (p->passes < 60 ? 1 : 8);
        check(is_killed(start_child(write_on, NULL, seed, p->name, pass)), "dies at", p->name);
        p->deaths++;
        check_after(box, &seen, p->name);
        show_progress("deaths at kill points", i + 1, all);
    }
}

static void die_at_random(gaudi_box *box, unsigned long count)
{
    memory seen = {.is_set = false};
    unsigned int seed = 12345;
    for (unsigned long i = 0; i < count; i++) {
        pid_t child = start_child(write_on, NULL, (unsigned int)i, "nowhere", 1);
        for (unsigned int spin = workload_draw(&seed, RANDOM_SPINS); spin > 0; spin--)
            __asm__ volatile("" ::: "memory");
        sched_yield();
        kill(child, SIGKILL);
        check(is_killed(child), "dies", "at random");
        check_after(box, &seen, "a random moment");
        show_progress("deaths at random moments", i + 1, count);
    }
}

static void conclude_readers(const pid_t *readers)
{
    __atomic_store_n(&shared->is_over, 1, __ATOMIC_RELEASE);
    for (size_t i = 0; i < READERS; i++) {
        int status = 1;
        const verdict *v = &shared->verdicts[i];
        waitpid(readers[i], &status, 0);
        check(status == 0 && v->looks > 0 && v->wrong == 0, "reader saw", v->first);
        printf("reader %zu: %llu looks, %llu wrong\n", i, (unsigned long long)v->looks, (unsigned long long)v->wrong);
    }
}

static bool prepare(const char *directory, gaudi_box **box)
{
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    return shared != MAP_FAILED && points_init() && make_workload_box(path, sizeof path, directory, "killed") == 0 &&
           gaudi_box_open_path(box, path, true, NULL) == 0;
}

int main(int argc, char **argv)
{
    gaudi_box *box = NULL;
    pid_t readers[READERS];
    int status = 1;
    if (argc != 4 || !prepare(argv[1], &box))
        return 2;
    points->count = 0; /* what making the box has passed belongs to test_kill_files.c */
    waitpid(start_child(survey_all, NULL, 7, NULL, 0), &status, 0);
    check(status == 0, "survey", "of the points");
    for (size_t i = 0; i < READERS; i++) {
        readers[i] = fork();
        if (readers[i] == 0)
            read_on(i);
    }
    fatal_point = "none here";
    die_at_points(box, strtoul(argv[2], NULL, 10));
    die_at_random(box, strtoul(argv[3], NULL, 10));
    conclude_readers(readers);
    for (size_t i = 0; i < points->count; i++)
        printf("%-32s %llu deaths\n", points->points[i].name, (unsigned long long)points->points[i].deaths);
    gaudi_box_close(box);
    gaudi_box_retire(path, 1, NULL);
    printf("%lu passed, %lu failed\n", checks - failures, failures);
    return failures != 0;
}
