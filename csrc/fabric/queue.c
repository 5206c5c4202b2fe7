/* Completion queues. */
#include "internal.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

enum { CQ_DEPTH_MAX = 1 << 20 };

int gaudi_cq_create(gaudi_cq **out, gaudi_nic *nic, uint32_t depth, gaudi_error *error)
{
    pthread_condattr_t monotonic;
    if (depth < 1 || depth > CQ_DEPTH_MAX)
        return nic_fail(error, -EINVAL, "a completion queue for %u entries; expected 1 to %d", depth, CQ_DEPTH_MAX);
    gaudi_cq *cq = calloc(1, sizeof *cq);
    gaudi_wc *wc = calloc(depth, sizeof *wc);
    if (!cq || !wc) {
        free(cq);
        free(wc);
        return nic_fail(error, -ENOMEM, "no memory for a completion queue of %u entries", depth);
    }
    cq->nic = nic;
    cq->wc = wc;
    cq->depth = depth;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&cq->filled, &monotonic);
    pthread_condattr_destroy(&monotonic);
    *out = cq;
    return 0;
}

int gaudi_cq_destroy(gaudi_cq *cq, gaudi_error *error)
{
    nic_lock(cq->nic);
    uint32_t users = cq->users;
    nic_unlock(cq->nic);
    if (users > 0)
        return nic_fail(error, -EBUSY, "the completion queue still serves %u queues of queue pairs", users);
    pthread_cond_destroy(&cq->filled);
    free(cq->wc);
    free(cq);
    return 0;
}

void cq_push(gaudi_cq *cq, const gaudi_wc *wc)
{
    if (cq->count == cq->depth) {
        cq->is_overrun = true; /* as the hardware: what does not fit is lost, and the queue says so */
    } else {
        cq->wc[(cq->head + cq->count) % cq->depth] = *wc;
        cq->count++;
    }
    pthread_cond_broadcast(&cq->filled);
}

int gaudi_cq_poll(gaudi_cq *cq, gaudi_wc *wc, uint32_t max)
{
    uint32_t n = 0;
    nic_lock(cq->nic);
    if (cq->count > 0)
        nic_flush_counters(cq->nic);
    for (; n < max && cq->count > 0; n++) {
        wc[n] = cq->wc[cq->head];
        cq->head = (cq->head + 1) % cq->depth;
        cq->count--;
    }
    bool is_overrun = n == 0 && cq->is_overrun;
    nic_unlock(cq->nic);
    return is_overrun ? -EIO : (int)n;
}

int gaudi_cq_wait(gaudi_cq *cq, uint32_t timeout_ms)
{
    struct timespec until;
    int rc = 0;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += timeout_ms / 1000;
    until.tv_nsec += (long)(timeout_ms % 1000) * 1000000L;
    until.tv_sec += until.tv_nsec / 1000000000L;
    until.tv_nsec %= 1000000000L;
    nic_lock(cq->nic);
    while (rc == 0 && cq->count == 0 && !cq->is_overrun)
        rc = pthread_cond_timedwait(&cq->filled, &cq->nic->mutex, &until);
    bool is_there = cq->count > 0 || cq->is_overrun;
    nic_unlock(cq->nic);
    return is_there ? 0 : -ETIMEDOUT;
}
