/* Event sets: who waits for posted events of which cards. A set remembers per card how far it has looked, so that each
 * event is seen once per set, whichever thread waits. Sets come from a fixed pool and outlive shutdown. */
#include "hlml_internal.h"

#include "events.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { SET_COUNT = 64 };

/* The bits that exist; clients through ctypes leave the upper half of the argument undefined. */
static const unsigned long long EVENT_MASK = 0x3f;

/* Longest sleep: a change of the box itself (down, up) rings no bell of ours. */
static const uint64_t NAP_NS = 1000000000;

typedef struct event_set {
    bool is_used;
    uint64_t round; /* how often it was created: who waited for an earlier one finds that out */
    unsigned long long types[GAUDI_CARD_MAX];
    uint64_t next[GAUDI_CARD_MAX]; /* number of the first event that was not looked at */
} event_set;

static event_set sets[SET_COUNT];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER; /* guards all sets; never held while sleeping */

void hlml_events_lock(void)
{
    pthread_mutex_lock(&mutex);
}

void hlml_events_unlock(void)
{
    pthread_mutex_unlock(&mutex);
}

void hlml_events_follow(gaudi_box *box)
{
    hlml_events_lock();
    for (size_t i = 0; i < SET_COUNT; i++) {
        for (size_t k = 0; k < gaudi_box_card_count(box); k++)
            sets[i].next[k] = gaudi_events_head(gaudi_box_card(box, k)) + 1;
    }
    hlml_events_unlock();
}

static event_set *set_of(hlml_event_set_t handle)
{
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)sets;
    bool is_ours = offset % sizeof sets[0] == 0 && offset / sizeof sets[0] < SET_COUNT;
    return is_ours ? &sets[offset / sizeof sets[0]] : NULL;
}

HLML_EXPORT hlml_return_t hlml_event_set_create(hlml_event_set_t *set)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter_box(&call, set != NULL);
    if (code != HLML_SUCCESS)
        return code;
    code = HLML_ERROR_MEMORY;
    hlml_events_lock();
    for (size_t i = 0; i < SET_COUNT && code != HLML_SUCCESS; i++) {
        if (sets[i].is_used)
            continue;
        memset(sets[i].types, 0, sizeof sets[i].types);
        sets[i].is_used = true;
        sets[i].round++;
        *set = &sets[i];
        code = HLML_SUCCESS;
    }
    hlml_events_unlock();
    return code;
}

HLML_EXPORT hlml_return_t hlml_event_set_free(hlml_event_set_t handle)
{
    HLML_SCOPED hlml_call call = {0};
    event_set *set = set_of(handle);
    hlml_return_t code = hlml_enter_box(&call, set != NULL);
    if (code != HLML_SUCCESS)
        return code;
    hlml_events_lock();
    code = set->is_used ? HLML_SUCCESS : HLML_ERROR_INVALID_ARGUMENT;
    set->is_used = false;
    hlml_events_unlock();
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_register_events(hlml_device_t device, unsigned long long event_types,
                                                      hlml_event_set_t handle)
{
    HLML_SCOPED hlml_call call = {0};
    event_set *set = set_of(handle);
    hlml_return_t code = hlml_enter(&call, device, set != NULL);
    if (code != HLML_SUCCESS)
        return code;
    uint32_t index = gaudi_card_identity(call.card)->minor % GAUDI_CARD_MAX;
    hlml_events_lock();
    if (!set->is_used) {
        code = HLML_ERROR_INVALID_ARGUMENT;
    } else {
        if (set->types[index] == 0) /* recording starts now; adding types does not forget what came already */
            set->next[index] = gaudi_events_head(call.card) + 1;
        set->types[index] |= event_types & EVENT_MASK;
    }
    hlml_events_unlock();
    return code;
}

/* The oldest unseen event of one card that the set wants. The mutex is held. */
static bool take_from(event_set *set, gaudi_card *card, size_t index, gaudi_event *event)
{
    uint64_t head = gaudi_events_head(card);
    if (head >= GAUDI_EVENT_MAX && set->next[index] + GAUDI_EVENT_MAX <= head)
        set->next[index] = head - GAUDI_EVENT_MAX + 1; /* the ring went round: go on with the oldest that is left */
    while (set->next[index] <= head) {
        uint64_t number = set->next[index]++;
        if (gaudi_events_read(card, number, event) == 0 && (event->kind & set->types[index]))
            return true;
    }
    return false;
}

/* SUCCESS with the event, NO_DATA if there is none, INVALID_ARGUMENT if the set is free or not the one of that round;
 * *round 0 takes the round of now. */
static hlml_return_t take(event_set *set, uint64_t *round, gaudi_box *box, hlml_event_data_t *data)
{
    hlml_return_t code = HLML_ERROR_NO_DATA;
    gaudi_event event;
    hlml_events_lock();
    if (*round == 0)
        *round = set->round;
    if (!set->is_used || set->round != *round)
        code = HLML_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; code == HLML_ERROR_NO_DATA && i < gaudi_box_card_count(box); i++) {
        if (set->types[i] && take_from(set, gaudi_box_card(box, i), i, &event)) {
            data->device = hlml_handle_of(i);
            data->event_type = event.kind & EVENT_MASK;
            code = HLML_SUCCESS;
        }
    }
    hlml_events_unlock();
    return code;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

/* Look once, and sleep if there is nothing: NO_DATA then. Another thread may shut the library down while we sleep, so
 * every look enters anew. */
static hlml_return_t look_and_sleep(event_set *set, uint64_t *round, hlml_event_data_t *data, uint64_t end_ns)
{
    HLML_SCOPED hlml_call call = {0};
    hlml_return_t code = hlml_enter_box(&call, set && data);
    if (code == HLML_SUCCESS)
        code = hlml_code_of(gaudi_box_alive(call.box));
    if (code != HLML_SUCCESS)
        return code;
    uint32_t seen = gaudi_doorbell(call.box); /* before looking, so that no ring falls between */
    code = take(set, round, call.box, data);
    uint64_t now_ns = monotonic_ns();
    if (code == HLML_ERROR_NO_DATA && now_ns >= end_ns)
        code = HLML_ERROR_TIMEOUT;
    if (code == HLML_ERROR_NO_DATA)
        gaudi_doorbell_wait(call.box, seen, end_ns - now_ns < NAP_NS ? end_ns - now_ns : NAP_NS);
    return code;
}

HLML_EXPORT hlml_return_t hlml_event_set_wait(hlml_event_set_t handle, hlml_event_data_t *data, unsigned int timeoutms)
{
    uint64_t end_ns = monotonic_ns() + timeoutms * UINT64_C(1000000);
    uint64_t round = 0;
    hlml_return_t code = HLML_ERROR_NO_DATA;
    while (code == HLML_ERROR_NO_DATA)
        code = look_and_sleep(set_of(handle), &round, data, end_ns);
    if (code == HLML_ERROR_TIMEOUT)
        memset(data, 0, sizeof *data); /* clients ignore the code and look at the device */
    return code;
}
