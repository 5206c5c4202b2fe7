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
    pthread_mutex_t mutex; /* guards the rest; never held while sleeping */
    bool is_used;
    unsigned long long types[GAUDI_CARD_MAX];
    uint64_t next[GAUDI_CARD_MAX]; /* number of the first event that was not looked at */
} event_set;

static event_set sets[SET_COUNT];
static pthread_mutex_t pool_mutex = PTHREAD_MUTEX_INITIALIZER; /* guards is_used on the way in and out */
static pthread_once_t pool_once = PTHREAD_ONCE_INIT;

static void make_pool(void)
{
    for (size_t i = 0; i < SET_COUNT; i++)
        pthread_mutex_init(&sets[i].mutex, NULL);
}

static event_set *set_of(hlml_event_set_t handle)
{
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)sets;
    bool is_ours = offset % sizeof sets[0] == 0 && offset / sizeof sets[0] < SET_COUNT;
    return is_ours ? &sets[offset / sizeof sets[0]] : NULL;
}

HLML_EXPORT hlml_return_t hlml_event_set_create(hlml_event_set_t *set)
{
    hlml_return_t code = HLML_ERROR_MEMORY;
    if (!hlml_box())
        return HLML_ERROR_UNINITIALIZED;
    if (!set)
        return HLML_ERROR_INVALID_ARGUMENT;
    pthread_once(&pool_once, make_pool);
    pthread_mutex_lock(&pool_mutex);
    for (size_t i = 0; i < SET_COUNT && code != HLML_SUCCESS; i++) {
        pthread_mutex_lock(&sets[i].mutex);
        if (!sets[i].is_used) {
            memset(sets[i].types, 0, sizeof sets[i].types);
            sets[i].is_used = true;
            *set = &sets[i];
            code = HLML_SUCCESS;
        }
        pthread_mutex_unlock(&sets[i].mutex);
    }
    pthread_mutex_unlock(&pool_mutex);
    return code;
}

HLML_EXPORT hlml_return_t hlml_event_set_free(hlml_event_set_t handle)
{
    event_set *set = set_of(handle);
    if (!hlml_box())
        return HLML_ERROR_UNINITIALIZED;
    if (!set)
        return HLML_ERROR_INVALID_ARGUMENT;
    pthread_once(&pool_once, make_pool);
    pthread_mutex_lock(&set->mutex);
    hlml_return_t code = set->is_used ? HLML_SUCCESS : HLML_ERROR_INVALID_ARGUMENT;
    set->is_used = false;
    pthread_mutex_unlock(&set->mutex);
    return code;
}

HLML_EXPORT hlml_return_t hlml_device_register_events(hlml_device_t device, unsigned long long event_types,
                                                      hlml_event_set_t handle)
{
    gaudi_card *card = NULL;
    event_set *set = set_of(handle);
    hlml_return_t code = hlml_enter(device, set != NULL, &card);
    if (code != HLML_SUCCESS)
        return code;
    pthread_once(&pool_once, make_pool);
    uint32_t index = gaudi_card_identity(card)->minor % GAUDI_CARD_MAX;
    pthread_mutex_lock(&set->mutex);
    if (!set->is_used) {
        code = HLML_ERROR_INVALID_ARGUMENT;
    } else {
        if (set->types[index] == 0) /* recording starts now; adding types does not forget what came already */
            set->next[index] = gaudi_events_head(card) + 1;
        set->types[index] |= event_types & EVENT_MASK;
    }
    pthread_mutex_unlock(&set->mutex);
    return code;
}

/* The oldest unseen event of one card that the set wants. The set's mutex is held. */
static bool take_from(event_set *set, gaudi_card *card, size_t index, gaudi_event *event)
{
    uint64_t head = gaudi_events_head(card);
    if (set->next[index] > head + 1) /* the box is another one than at registration */
        set->next[index] = 1;
    if (head >= GAUDI_EVENT_MAX && set->next[index] + GAUDI_EVENT_MAX <= head)
        set->next[index] = head - GAUDI_EVENT_MAX + 1; /* the ring went round: go on with the oldest that is left */
    while (set->next[index] <= head) {
        uint64_t number = set->next[index]++;
        if (gaudi_events_read(card, number, event) == 0 && (event->kind & set->types[index]))
            return true;
    }
    return false;
}

/* SUCCESS with the event, NO_DATA if there is none, INVALID_ARGUMENT if the set was freed. */
static hlml_return_t take(event_set *set, gaudi_box *box, hlml_event_data_t *data)
{
    hlml_return_t code = HLML_ERROR_NO_DATA;
    gaudi_event event;
    pthread_mutex_lock(&set->mutex);
    if (!set->is_used)
        code = HLML_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; code == HLML_ERROR_NO_DATA && i < gaudi_box_card_count(box); i++) {
        if (set->types[i] && take_from(set, gaudi_box_card(box, i), i, &event)) {
            data->device = hlml_handle_of(i);
            data->event_type = event.kind & EVENT_MASK;
            code = HLML_SUCCESS;
        }
    }
    pthread_mutex_unlock(&set->mutex);
    return code;
}

static uint64_t monotonic_ns(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * UINT64_C(1000000000) + (uint64_t)now.tv_nsec;
}

HLML_EXPORT hlml_return_t hlml_event_set_wait(hlml_event_set_t handle, hlml_event_data_t *data, unsigned int timeoutms)
{
    event_set *set = set_of(handle);
    if (!hlml_box())
        return HLML_ERROR_UNINITIALIZED;
    if (!set || !data)
        return HLML_ERROR_INVALID_ARGUMENT;
    pthread_once(&pool_once, make_pool);
    uint64_t end = monotonic_ns() + timeoutms * UINT64_C(1000000);
    for (;;) {
        gaudi_box *box = hlml_box(); /* another thread may have shut the library down while we slept */
        if (!box)
            return HLML_ERROR_UNINITIALIZED;
        int rc = gaudi_box_alive(box);
        if (rc != 0)
            return hlml_code_of(rc);
        uint32_t seen = gaudi_doorbell(box); /* before looking, so that no ring falls between */
        hlml_return_t code = take(set, box, data);
        if (code != HLML_ERROR_NO_DATA)
            return code;
        uint64_t now = monotonic_ns();
        if (now >= end)
            break;
        gaudi_doorbell_wait(box, seen, end - now < NAP_NS ? end - now : NAP_NS);
    }
    memset(data, 0, sizeof *data); /* clients ignore the code and look at the device */
    return HLML_ERROR_TIMEOUT;
}
