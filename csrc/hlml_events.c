/* Event sets: who waits for which events of which cards. A set remembers per card how far it has looked in the ring and,
 * for each kind that the published future brings by itself, in box time; so each event is seen once per set, whichever
 * thread waits. Sets come from a fixed pool and outlive shutdown. */
#include "hlml_internal.h"

#include "events.h"

#include <pthread.h>
#include <string.h>
#include <time.h>

enum { SET_COUNT = 64 };

/* The bits that exist; clients through ctypes leave the upper half of the argument undefined. */
static const unsigned long long EVENT_MASK = 0x3f;

/* Longest sleep: a change of the box itself (down, up) rings no bell of ours. */
static const double NAP_NS = 1e9;

/* Shortest sleep towards a moment that comes only if the holder of the card stops renewing its lease: a living holder
 * moves it on again and again, and looking each time would cost more than two system calls a second. */
static const double DOUBTFUL_NAP_NS = 5e8;

/* The kinds that the future brings, the index of watch.looked_ns. */
enum { DERIVED_COUNT = 2 };
static const uint64_t DERIVED[DERIVED_COUNT] = {HLML_EVENT_CLOCK_RATE, HLML_EVENT_CRITICAL_ERR};

/* What a set knows of one card. */
typedef struct watch {
    unsigned long long types;          /* 0: not registered */
    uint64_t next;                     /* number of the first event of the ring that was not looked at */
    uint64_t looked_ns[DERIVED_COUNT]; /* box time of the last derived event that was handed out */
} watch;

typedef struct event_set {
    bool is_used;
    uint64_t round; /* how often it was created: who waited for an earlier one finds that out */
    watch watch[GAUDI_CARD_MAX];
} event_set;

/* An event that could be handed out. `number` is 0 if it comes from the future and not from the ring. */
typedef struct candidate {
    size_t card;
    uint64_t number;
    uint64_t box_ns;
    uint64_t kind;
    bool is_derived;
} candidate;

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

/* Recording of `types` starts now. The head is read before the time: what a publish folds in between has a higher
 * number. */
static void start(watch *w, const gaudi_card *card, bool is_new, unsigned long long types)
{
    uint64_t head = gaudi_events_head(card);
    uint64_t now_ns = gaudi_card_moment(card);
    if (is_new)
        w->next = head + 1;
    for (size_t k = 0; k < DERIVED_COUNT; k++) {
        if (types & DERIVED[k])
            w->looked_ns[k] = now_ns;
    }
}

void hlml_events_follow(gaudi_box *box)
{
    hlml_events_lock();
    for (size_t i = 0; i < SET_COUNT; i++) {
        for (size_t k = 0; k < gaudi_box_card_count(box); k++)
            start(&sets[i].watch[k], gaudi_box_card(box, k), true, EVENT_MASK);
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
        memset(sets[i].watch, 0, sizeof sets[i].watch);
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
        watch *w = &set->watch[index]; /* adding types does not forget what came already of the others */
        start(w, call.card, w->types == 0, event_types & EVENT_MASK & ~w->types);
        w->types |= event_types & EVENT_MASK;
    }
    hlml_events_unlock();
    return code;
}

/* Does the set still have to see this derived event? `kind` is one bit. */
static bool is_unseen(const watch *w, uint64_t box_ns, uint64_t kind)
{
    for (size_t k = 0; k < DERIVED_COUNT; k++) {
        if (kind == DERIVED[k])
            return (w->types & kind) != 0 && box_ns > w->looked_ns[k];
    }
    return false;
}

static void hand_out(watch *w, const candidate *c)
{
    if (c->number != 0)
        w->next = c->number + 1;
    for (size_t k = 0; c->is_derived && k < DERIVED_COUNT; k++) {
        if (c->kind == DERIVED[k])
            w->looked_ns[k] = c->box_ns;
    }
}

/* The first event of the ring that the set wants; what it does not want is passed over for good. */
static bool find_in_ring(watch *w, const gaudi_card *card, candidate *found)
{
    gaudi_event event;
    uint64_t head = gaudi_events_head(card);
    if (head >= GAUDI_EVENT_MAX && w->next + GAUDI_EVENT_MAX <= head)
        w->next = head - GAUDI_EVENT_MAX + 1; /* the ring went round: go on with the oldest that is left */
    for (; w->next <= head; w->next++) {
        if (gaudi_events_read(card, w->next, &event) != 0)
            continue;
        bool is_derived = event.kind & GAUDI_EVENT_DERIVED;
        uint64_t kind = event.kind & EVENT_MASK;
        if (is_derived ? is_unseen(w, event.box_ns, kind) : (kind & w->types) != 0) {
            *found = (candidate){.card = found->card,
                                 .number = w->next,
                                 .box_ns = event.box_ns,
                                 .kind = kind,
                                 .is_derived = is_derived};
            return true;
        }
    }
    return false;
}

/* The first unseen event of the future that has come true. If there is none, *wake_ns becomes the box time at which to
 * look again, if that is earlier. */
static bool find_in_future(const watch *w, const gaudi_future *future, uint64_t now_ns, uint64_t doubtful_nap_ns,
                           candidate *found, uint64_t *wake_ns)
{
    for (uint64_t i = 0; i < future->count; i++) {
        const gaudi_boundary *b = &future->boundary[i];
        if (!is_unseen(w, b->box_ns, b->kind))
            continue;
        if (b->box_ns <= now_ns) {
            *found = (candidate){.card = found->card, .box_ns = b->box_ns, .kind = b->kind, .is_derived = true};
            return true;
        }
        bool is_doubtful = b->kind == HLML_EVENT_CLOCK_RATE && future->lease_end_ns > now_ns &&
                           b->box_ns >= future->lease_end_ns;
        uint64_t look_ns = b->box_ns;
        if (is_doubtful && look_ns < now_ns + doubtful_nap_ns)
            look_ns = now_ns + doubtful_nap_ns;
        if (look_ns < *wake_ns)
            *wake_ns = look_ns;
        break;
    }
    return false;
}

/* The older one of what card `index` has and of *best. */
static void look_at(watch *w, const gaudi_card *card, size_t index, uint64_t now_ns, uint64_t doubtful_nap_ns,
                    candidate *best, uint64_t *wake_ns)
{
    gaudi_future future;
    candidate found = {.number = 0};
    if (gaudi_events_future(card, &future) != 0)
        future.count = 0; /* a corrupt card has no future; its getters say so */
    found.card = index;
    if (find_in_future(w, &future, now_ns, doubtful_nap_ns, &found, wake_ns) && found.box_ns < best->box_ns)
        *best = found;
    if (find_in_ring(w, card, &found) && (best->kind == 0 || found.box_ns < best->box_ns))
        *best = found;
}

/* The oldest unseen event of all cards: SUCCESS with the event; NO_DATA if there is none, and *wake_ns is the box time at
 * which to look again; INVALID_ARGUMENT if the set is free or not the one of that round; *round 0 takes the round of now.
 * The time is read first and the ring last: a future that was folded in between is found in the ring. */
static hlml_return_t take(event_set *set, uint64_t *round, gaudi_box *box, hlml_event_data_t *data, uint64_t *wake_ns)
{
    candidate best = {.box_ns = UINT64_MAX};
    hlml_return_t code = HLML_ERROR_NO_DATA;
    hlml_events_lock();
    uint64_t doubtful_nap_ns = (uint64_t)(DOUBTFUL_NAP_NS * gaudi_box_clock_rate(box));
    if (*round == 0)
        *round = set->round;
    if (!set->is_used || set->round != *round)
        code = HLML_ERROR_INVALID_ARGUMENT;
    for (size_t i = 0; code == HLML_ERROR_NO_DATA && i < gaudi_box_card_count(box); i++) {
        gaudi_card *card = gaudi_box_card(box, i);
        if (set->watch[i].types)
            look_at(&set->watch[i], card, i, gaudi_card_moment(card), doubtful_nap_ns, &best, wake_ns);
    }
    if (best.kind != 0) {
        hand_out(&set->watch[best.card], &best);
        data->device = hlml_handle_of(best.card);
        data->event_type = best.kind;
        code = HLML_SUCCESS;
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

/* Wall time until a moment of box time, at most a nap. */
static uint64_t nap_until(const gaudi_box *box, uint64_t wake_ns)
{
    uint64_t now_ns = gaudi_box_now(box);
    double left_ns = wake_ns > now_ns ? (double)(wake_ns - now_ns) : 0.0;
    double rate = gaudi_box_clock_rate(box);
    return left_ns < rate * NAP_NS ? (uint64_t)(left_ns / rate) + 1 : (uint64_t)NAP_NS;
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
    uint64_t wake_ns = UINT64_MAX;
    uint32_t seen = gaudi_doorbell(call.box); /* before looking, so that no ring falls between */
    code = take(set, round, call.box, data, &wake_ns);
    uint64_t now_ns = monotonic_ns();
    if (code == HLML_ERROR_NO_DATA && now_ns >= end_ns)
        code = HLML_ERROR_TIMEOUT;
    if (code != HLML_ERROR_NO_DATA)
        return code;
    uint64_t nap_ns = nap_until(call.box, wake_ns);
    gaudi_doorbell_wait(call.box, seen, end_ns - now_ns < nap_ns ? end_ns - now_ns : nap_ns);
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
