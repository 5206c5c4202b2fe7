/* 64 readers and 8 writers, a process each, on one box: no writer is turned away, no reader sees anything torn or impossible.
 *
 * Arguments: a directory in which a box may be made, writes of each writer. Last line: "N passed, N failed". */
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "state_check.h"
#include "workload.h"

enum { READERS = 64, WRITERS = 8, LOOKS_LEAST = 50 };

static char path[GAUDI_PATH_LENGTH];

static struct shared {
    int writers_done; /* atomic */
    verdict verdicts[READERS];
} *shared;

static int write_on(unsigned int number, unsigned long writes)
{
    unsigned int seed = number + 1;
    gaudi_box *box = NULL;
    int rc = gaudi_box_open_path(&box, path, true, NULL);
    for (unsigned long i = 0; rc == 0 && i < writes; i++)
        rc = write_something(box, gaudi_box_card(box, i % 2), &seed);
    if (rc != 0)
        fprintf(stderr, "writer %u: %s\n", number, strerror(-rc));
    __atomic_add_fetch(&shared->writers_done, 1, __ATOMIC_ACQ_REL);
    return rc != 0;
}

static int read_on(size_t number)
{
    memory seen[2] = {{.is_set = false}, {.is_set = false}};
    verdict *v = &shared->verdicts[number];
    gaudi_box *box = NULL;
    if (gaudi_box_open_path(&box, path, false, NULL) != 0)
        return 1;
    while (__atomic_load_n(&shared->writers_done, __ATOMIC_ACQUIRE) < WRITERS || v->looks < LOOKS_LEAST) {
        size_t card = v->looks % 2;
        judge(v, look_at_card(gaudi_box_card(box, card), &seen[card], v) == 0, "box alive", 0, 0);
        if (v->looks % 8 == 0)
            sched_yield();
    }
    return v->wrong != 0;
}

int main(int argc, char **argv)
{
    int failures = 0;
    shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (argc != 3 || shared == MAP_FAILED || make_workload_box(path, sizeof path, argv[1], "crowd") != 0)
        return 2;
    for (unsigned int i = 0; i < READERS + WRITERS; i++) {
        pid_t child = fork();
        if (child == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0)
            _exit(i < READERS ? read_on(i) : write_on(i, strtoul(argv[2], NULL, 10)));
        failures += child < 0;
    }
    for (int i = 0; i < READERS + WRITERS; i++) {
        int status = 1;
        (void)wait(&status);
        failures += status != 0;
    }
    for (size_t i = 0; i < READERS; i++) {
        if (shared->verdicts[i].wrong)
            fprintf(stderr, "reader %zu: %s\n", i, shared->verdicts[i].first);
    }
    gaudi_box_retire(path, 1, NULL);
    printf("%d passed, %d failed\n", READERS + WRITERS - failures, failures);
    return failures != 0;
}
