/* The pieces of a range over the threads, and the search for what differs once a piece is known to. */
#include "mover_kernel.h"
#include "workers.h"

#include <pthread.h>
#include <string.h>

enum {
    PIECE_BYTES = 1 << 20,   /* what a thread takes at a time */
    CACHED_BYTES = 32 << 10, /* generated contents, for as long as they are compared: the first-level cache */
    LOOK_BYTES = 4 << 10,    /* compared before anybody looks whether something differs */
    THREADED_BYTES = 4 << 20 /* below, a thread costs more than it saves */
};

/* Chosen once, constant afterwards. */
static pthread_once_t choice_once = PTHREAD_ONCE_INIT;
static const struct mv_functions *chosen;

static void choose(void)
{
    chosen = mv_probe();
}

static const struct mv_functions *functions(void)
{
    pthread_once(&choice_once, choose);
    return chosen;
}

/* One call, shared by its threads.  The result belongs to `lock`. */
struct task {
    const struct mv_pattern *contents; /* of what is read, if it is a pattern */
    uint64_t contents_position;
    const struct mv_pattern *pattern;
    uint64_t position;
    const uint8_t *from;
    const uint8_t *wanted;
    uint8_t *to;
    size_t size;
    uint8_t value;
    void (*run)(struct task *task, size_t offset, size_t size);
    struct mv_mismatch *found;
    size_t most;
    size_t kept;
    size_t count;
    pthread_mutex_t lock;
};

static size_t piece_count(const void *context, size_t phase)
{
    const struct task *task = context;
    (void)phase;
    return task->size <= PIECE_BYTES ? 1 : (task->size + PIECE_BYTES - 1) / PIECE_BYTES;
}

static void run_piece(const void *context, unsigned worker, size_t phase, size_t item)
{
    struct task *task = (struct task *)(uintptr_t)context;
    const size_t offset = item * PIECE_BYTES;
    const size_t left = task->size - offset;
    (void)worker;
    (void)phase;
    task->run(task, offset, left < PIECE_BYTES ? left : PIECE_BYTES);
}

static void run(struct task *task, unsigned threads)
{
    const struct workers_plan plan = {1, piece_count, run_piece, task};
    if (task->size == 0)
        return;
    if (threads < 2 || task->size < THREADED_BYTES)
        task->run(task, 0, task->size);
    else
        workers_run(&plan, threads);
}

static void copy_piece(struct task *task, size_t offset, size_t size)
{
    memcpy(task->to + offset, task->from + offset, size);
}

static void set_piece(struct task *task, size_t offset, size_t size)
{
    memset(task->to + offset, task->value, size);
}

static void generate_piece(struct task *task, size_t offset, size_t size)
{
    functions()->generate(task->pattern, task->position + offset, (uint64_t *)(void *)(task->to + offset), size / 8);
}

void mv_copy(void *to, const void *from, size_t size, unsigned threads)
{
    struct task task = {.to = to, .from = from, .size = size, .run = copy_piece};
    run(&task, threads);
}

void mv_set(void *to, uint8_t value, size_t size, unsigned threads)
{
    struct task task = {.to = to, .value = value, .size = size, .run = set_piece};
    run(&task, threads);
}

void mv_generate(const struct mv_pattern *pattern, uint64_t position, void *to, size_t size, unsigned threads)
{
    struct task task = {.to = to, .pattern = pattern, .position = position, .size = size, .run = generate_piece};
    run(&task, threads);
}

/* Keep the list in order of the offsets, whichever thread finds them first. */
static void note(struct task *task, struct mv_mismatch mismatch)
{
    size_t place = task->kept;
    task->count++;
    while (place > 0 && task->found[place - 1].offset > mismatch.offset)
        place--;
    if (place >= task->most)
        return;
    const size_t moved = task->kept < task->most ? task->kept - place : task->most - 1 - place;
    memmove(&task->found[place + 1], &task->found[place], moved * sizeof *task->found);
    task->found[place] = mismatch;
    if (task->kept < task->most)
        task->kept++;
}

/* What differs between `count` words that are known to. */
static void collect(struct task *task, size_t offset, const uint64_t *wanted, const uint64_t *actual, size_t count)
{
    pthread_mutex_lock(&task->lock);
    for (size_t i = 0; i < count; i++) {
        if (wanted[i] != actual[i])
            note(task, (struct mv_mismatch){offset + 8 * i, wanted[i], actual[i]});
    }
    pthread_mutex_unlock(&task->lock);
}

static void check_words(struct task *task, size_t offset, const uint64_t *words, size_t size)
{
    const struct mv_functions *cpu = functions();
    uint64_t wanted[LOOK_BYTES / 8];
    for (size_t done = 0; done < size; done += LOOK_BYTES) {
        const size_t part = size - done < LOOK_BYTES ? size - done : LOOK_BYTES;
        const uint64_t position = task->position + offset + done;
        if (cpu->is_pattern(task->pattern, position, words + done / 8, part / 8))
            continue;
        cpu->generate(task->pattern, position, wanted, part / 8);
        collect(task, offset + done, wanted, words + done / 8, part / 8);
    }
}

static void check_piece(struct task *task, size_t offset, size_t size)
{
    check_words(task, offset, (const uint64_t *)(const void *)(task->from + offset), size);
}

static void check_generated_piece(struct task *task, size_t offset, size_t size)
{
    uint64_t words[CACHED_BYTES / 8];
    for (size_t done = 0; done < size; done += CACHED_BYTES) {
        const size_t part = size - done < CACHED_BYTES ? size - done : CACHED_BYTES;
        functions()->generate(task->contents, task->contents_position + offset + done, words, part / 8);
        check_words(task, offset + done, words, part);
    }
}

static void compare_piece(struct task *task, size_t offset, size_t size)
{
    for (size_t done = 0; done < size; done += LOOK_BYTES) {
        const size_t part = size - done < LOOK_BYTES ? size - done : LOOK_BYTES;
        const uint64_t *wanted = (const uint64_t *)(const void *)(task->wanted + offset + done);
        const uint64_t *actual = (const uint64_t *)(const void *)(task->from + offset + done);
        if (!functions()->is_same(wanted, actual, part / 8))
            collect(task, offset + done, wanted, actual, part / 8);
    }
}

static size_t search(struct task *task, unsigned threads)
{
    pthread_mutex_init(&task->lock, NULL);
    run(task, threads);
    pthread_mutex_destroy(&task->lock);
    return task->count;
}

size_t mv_check(const struct mv_pattern *pattern, uint64_t position, const void *from, size_t size,
                struct mv_mismatch *found, size_t most, unsigned threads)
{
    struct task task = {.pattern = pattern, .position = position, .from = from, .size = size,
                        .found = found,     .most = most,         .run = check_piece};
    return search(&task, threads);
}

size_t mv_check_generated(const struct mv_pattern *contents, uint64_t contents_position, const struct mv_pattern *pattern,
                          uint64_t position, size_t size, struct mv_mismatch *found, size_t most, unsigned threads)
{
    struct task task = {.contents = contents, .contents_position = contents_position, .pattern = pattern,
                        .position = position, .size = size, .found = found, .most = most, .run = check_generated_piece};
    return search(&task, threads);
}

size_t mv_compare(const void *wanted, const void *from, size_t size, struct mv_mismatch *found, size_t most,
                  unsigned threads)
{
    struct task task = {.wanted = wanted, .from = from, .size = size, .found = found, .most = most, .run = compare_piece};
    return search(&task, threads);
}
