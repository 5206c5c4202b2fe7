#define _GNU_SOURCE
#include "workers.h"

#include <pthread.h>
#include <signal.h>

/* Made by workers_run on its stack, dies with it.  `plan` is constant; the rest belongs to `lock`. */
struct progress {
    const struct workers_plan *plan;
    pthread_mutex_t lock;
    pthread_cond_t phase_ended;
    size_t phase;
    size_t items, taken, done; /* of this phase */
};

struct worker {
    struct progress *progress;
    unsigned index;
};

static void end_phase(struct progress *progress)
{
    const struct workers_plan *plan = progress->plan;
    progress->phase++;
    progress->items = progress->phase < plan->phase_count ? plan->item_count(plan->context, progress->phase) : 0;
    progress->taken = 0;
    progress->done = 0;
    pthread_cond_broadcast(&progress->phase_ended);
}

static void *work(void *argument)
{
    const struct worker *worker = argument;
    struct progress *progress = worker->progress;
    const struct workers_plan *plan = progress->plan;

    pthread_mutex_lock(&progress->lock);
    while (progress->phase < plan->phase_count) {
        if (progress->taken == progress->items) {
            pthread_cond_wait(&progress->phase_ended, &progress->lock);
            continue;
        }
        const size_t phase = progress->phase;
        const size_t item = progress->taken++;
        pthread_mutex_unlock(&progress->lock);
        plan->run_item(plan->context, worker->index, phase, item);
        pthread_mutex_lock(&progress->lock);
        if (++progress->done == progress->items)
            end_phase(progress);
    }
    pthread_mutex_unlock(&progress->lock);
    return NULL;
}

void workers_run(const struct workers_plan *plan, unsigned threads)
{
    struct progress progress = {
        .plan = plan,
        .lock = PTHREAD_MUTEX_INITIALIZER,
        .phase_ended = PTHREAD_COND_INITIALIZER,
        .items = plan->item_count(plan->context, 0),
    };
    struct worker workers[WORKERS_MAX];
    pthread_t ids[WORKERS_MAX];
    unsigned started = 1;
    sigset_t all, old;

    if (threads > WORKERS_MAX)
        threads = WORKERS_MAX;
    for (unsigned i = 0; i < WORKERS_MAX; i++)
        workers[i] = (struct worker){&progress, i};

    /* A new thread inherits the mask: a handler of the program must not find itself on a thread it does not know. */
    sigfillset(&all);
    if (threads > 1)
        pthread_sigmask(SIG_SETMASK, &all, &old);
    while (started < threads && pthread_create(&ids[started], NULL, work, &workers[started]) == 0)
        started++;
    if (threads > 1)
        pthread_sigmask(SIG_SETMASK, &old, NULL);

    work(&workers[0]);
    for (unsigned i = 1; i < started; i++)
        pthread_join(ids[i], NULL);
    pthread_cond_destroy(&progress.phase_ended);
    pthread_mutex_destroy(&progress.lock);
}
