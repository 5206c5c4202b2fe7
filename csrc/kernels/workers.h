/* Private to csrc/kernels: work in phases, shared by threads that live for one call. */
#ifndef GAUDI_KERNELS_WORKERS_H
#define GAUDI_KERNELS_WORKERS_H

#include <stddef.h>

/* More threads than this are not started. */
enum { WORKERS_MAX = 64 };

/* Owned by the caller, constant while workers_run runs.
 * Phases run one after the other; the items of a phase in any order and at the same time.  What an item writes is visible
 * to every item of a later phase. */
struct workers_plan {
    size_t phase_count;
    size_t (*item_count)(const void *context, size_t phase);                         /* at least 1 */
    void (*run_item)(const void *context, unsigned worker, size_t phase, size_t item); /* worker: 0 .. threads - 1 */
    const void *context;
};

/* Run a plan on the caller's thread and up to threads - 1 others; returns when all is done.  Cannot fail: a thread that
 * cannot be started is done without, because whoever is free takes the next item.  Signals stay with the caller's threads. */
void workers_run(const struct workers_plan *plan, unsigned threads);

#endif
