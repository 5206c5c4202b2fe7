/* Init and shutdown, and how every call gets at its box.
 *
 * A box stays attached after shutdown: the next init takes it again if it is still alive and meant. Every call counts
 * itself in and out of the attachment that it uses, and an attachment is closed only when it is no longer the active one
 * and nobody is inside; so a getter of another thread never loses its mapping. */
#include "hlml_internal.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>

enum { ATTACHMENT_COUNT = 16, STRIPE_COUNT = 16, STRIPE_BITS = 4, CLOSE_WAIT_MS = 3000 };

/* How many calls are inside, in several cells, so that threads seldom share a cache line. */
typedef struct stripe {
    uint32_t inside;
    uint32_t padding[15];
} stripe;

/* Made by init, closed by a later one. The place itself is never freed: who comes late only finds it inactive. */
typedef struct attachment {
    gaudi_box *box; /* NULL: the place is free */
    stripe stripes[STRIPE_COUNT];
} attachment;

static struct {
    pthread_mutex_t mutex; /* guards everything but the two words that getters load */
    attachment *active;    /* atomic: what getters use; NULL while not initialised */
    unsigned int level;    /* atomic */
    attachment *kept;      /* that of the last init, or NULL */
    attachment attachments[ATTACHMENT_COUNT];
} library = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* Handles are addresses inside this array: real addresses (Go's runtime checks that), one a card, for ever. */
static struct {
    char anchor[64];
} handles[GAUDI_CARD_MAX];

static attachment *load_active(void)
{
    return __atomic_load_n(&library.active, __ATOMIC_SEQ_CST);
}

static void store_active(attachment *active)
{
    __atomic_store_n(&library.active, active, __ATOMIC_SEQ_CST);
}

unsigned int hlml_abi_level(void)
{
    return __atomic_load_n(&library.level, __ATOMIC_RELAXED);
}

hlml_device_t hlml_handle_of(size_t index)
{
    return &handles[index];
}

/* Count the caller in. Either it sees after counting that the attachment is no longer active and goes out again, or who
 * deactivated it sees the count: both sides store first and then load, sequentially consistent. */
static bool come_in(hlml_call *call)
{
    uint64_t mixed = (uint64_t)(uintptr_t)pthread_self() * UINT64_C(0x9E3779B97F4A7C15); /* threads lie far apart */
    size_t number = (size_t)(mixed >> (64 - STRIPE_BITS));
    attachment *seen = load_active();
    while (seen) {
        uint32_t *inside = &seen->stripes[number].inside;
        __atomic_add_fetch(inside, 1, __ATOMIC_SEQ_CST);
        attachment *now = load_active();
        if (now == seen) {
            call->box = seen->box;
            call->inside = inside;
            return true;
        }
        __atomic_sub_fetch(inside, 1, __ATOMIC_RELEASE);
        seen = now;
    }
    return false;
}

hlml_return_t hlml_enter_box(hlml_call *call, bool is_valid)
{
    if (!come_in(call))
        return HLML_ERROR_UNINITIALIZED;
    return is_valid ? HLML_SUCCESS : HLML_ERROR_INVALID_ARGUMENT;
}

hlml_return_t hlml_code_of(int rc)
{
    switch (rc) {
    case 0: return HLML_SUCCESS;
    case -ENODEV: return HLML_ERROR_DRIVER_NOT_LOADED;
    case -ESTALE:
    case -EIO: return HLML_ERROR_AIP_IS_LOST;
    case -ENOMEM: return HLML_ERROR_MEMORY;
    case -EINVAL: return HLML_ERROR_INVALID_ARGUMENT;
    case -EPERM:
    case -EACCES: return HLML_ERROR_NOT_SUPPORTED;
    default: return HLML_ERROR_UNKNOWN;
    }
}

hlml_return_t hlml_enter(hlml_call *call, hlml_device_t device, bool is_valid)
{
    if (!come_in(call))
        return HLML_ERROR_UNINITIALIZED;
    uintptr_t offset = (uintptr_t)device - (uintptr_t)handles; /* wraps around for a foreign address below */
    if (offset % sizeof handles[0] == 0)
        call->card = gaudi_box_card(call->box, offset / sizeof handles[0]);
    if (!call->card || !is_valid)
        return HLML_ERROR_INVALID_ARGUMENT;
    return hlml_code_of(gaudi_card_present(call->card));
}

hlml_return_t hlml_read(hlml_call *call, hlml_device_t device, bool is_valid, gaudi_reading *reading)
{
    hlml_return_t code = hlml_enter(call, device, is_valid);
    return code != HLML_SUCCESS ? code : hlml_code_of(gaudi_card_read(call->card, reading));
}

hlml_return_t hlml_need(const gaudi_card *card, enum gaudi_feature feature)
{
    return gaudi_card_identity(card)->lacks >> feature & 1 ? HLML_ERROR_NOT_SUPPORTED : HLML_SUCCESS;
}

hlml_return_t hlml_copy_text(const char *text, size_t most, char *out, unsigned int length)
{
    if (!out || length == 0)
        return HLML_ERROR_INVALID_ARGUMENT;
    size_t size = strnlen(text, most);
    if (size >= length)
        return HLML_ERROR_INSUFFICIENT_SIZE;
    memcpy(out, text, size);
    out[size] = '\0';
    return HLML_SUCCESS;
}

/* The level of a copy of the library that speaks one level only; the library itself follows the box. */
#ifndef HLML_ABI_OF_BUILD
#define HLML_ABI_OF_BUILD ""
#endif

/* The level that HLML_ABI asks for, else that of this build, else that of the box. A value that is no level is an error, not a guess: a client
 * that set it relies on its structs not being overrun. Returns 0 then. */
static unsigned int level_of(const gaudi_box *box)
{
    static const struct {
        const char *name;
        unsigned int level;
    } LEVELS[] = {{"1.6", 106}, {"1.12", 112}, {"1.18", 118}, {"1.19", 119}};
    const char *wanted = getauxval(AT_SECURE) ? NULL : getenv("HLML_ABI");
    if (!wanted || !wanted[0])
        wanted = HLML_ABI_OF_BUILD;
    unsigned int level = gaudi_box_identity_of(box)->abi_level;
    for (size_t i = 0; i < sizeof LEVELS / sizeof LEVELS[0]; i++) {
        if (strcmp(wanted, LEVELS[i].name) == 0)
            return LEVELS[i].level;
        if (!wanted[0] && level == LEVELS[i].level)
            return level;
    }
    return 0;
}

static void explain(const char *text)
{
    if (!getauxval(AT_SECURE) && getenv("HLML_DEBUG"))
        fprintf(stderr, "hlml: %s\n", text);
}

/* Is the box of the last init still the one that the environment means? A box that is private to the process, for want of
 * a place, is as long as no other one has turned up. */
static bool is_still_meant(const gaudi_box *box)
{
    gaudi_place place;
    if (gaudi_box_alive(box) != 0 || gaudi_place_find(&place, NULL) != 0)
        return false;
    const char *path = gaudi_box_path(box);
    if (path[0] == '\0')
        return place.is_implicit && !place.exists;
    return place.exists && strcmp(place.path, path) == 0 && gaudi_box_is_current(box);
}

static bool is_empty(const attachment *a)
{
    uint32_t inside = 0;
    for (size_t i = 0; i < STRIPE_COUNT; i++)
        inside |= __atomic_load_n(&a->stripes[i].inside, __ATOMIC_SEQ_CST);
    return inside == 0;
}

/* Close what is neither kept nor in use. Returns a free place, or NULL. The mutex is held. */
static attachment *sweep(void)
{
    attachment *place = NULL;
    for (size_t i = 0; i < ATTACHMENT_COUNT; i++) {
        attachment *a = &library.attachments[i];
        if (a->box && a != library.kept && is_empty(a)) {
            gaudi_box_close(a->box);
            a->box = NULL;
        }
        if (!a->box)
            place = a;
    }
    return place;
}

/* A getter is out within microseconds, who waits for events within a second. */
static attachment *free_place(void)
{
    const struct timespec nap = {.tv_nsec = 1000000};
    attachment *place = sweep();
    for (int waited_ms = 0; !place && waited_ms < CLOSE_WAIT_MS; waited_ms++) {
        nanosleep(&nap, NULL);
        place = sweep();
    }
    return place;
}

/* Open the box that the environment means as the kept one. */
static hlml_return_t open_box(void)
{
    gaudi_error error = {.text = ""};
    gaudi_box *box = NULL;
    attachment *place = free_place();
    if (!place)
        return HLML_ERROR_MEMORY;
    int rc = gaudi_box_open(&box, false, &error);
    if (rc != 0) {
        explain(error.text);
        return rc == -ENODEV ? HLML_ERROR_DRIVER_NOT_LOADED : HLML_ERROR_UNKNOWN;
    }
    place->box = box;
    library.kept = place;
    hlml_events_follow(box);
    sweep();
    return HLML_SUCCESS;
}

static hlml_return_t attach(void)
{
    hlml_return_t code = HLML_SUCCESS;
    if (!library.kept || !is_still_meant(library.kept->box))
        code = open_box();
    if (code != HLML_SUCCESS)
        return code;
    unsigned int level = level_of(library.kept->box);
    if (level == 0) {
        explain("the ABI level, by HLML_ABI or else by the box, is none of 1.6, 1.12, 1.18, 1.19");
        return HLML_ERROR_UNKNOWN;
    }
    __atomic_store_n(&library.level, level, __ATOMIC_RELAXED);
    store_active(library.kept);
    return HLML_SUCCESS;
}

/* A fork waits for init, shutdown and the event sets, so that the child finds no lock taken by a thread that it does not
 * have; nor are those threads inside anything in the child. */
static void before_fork(void)
{
    pthread_mutex_lock(&library.mutex);
    hlml_events_lock();
}

static void after_fork_in_parent(void)
{
    hlml_events_unlock();
    pthread_mutex_unlock(&library.mutex);
}

static void after_fork_in_child(void)
{
    for (size_t i = 0; i < ATTACHMENT_COUNT; i++) {
        for (size_t k = 0; k < STRIPE_COUNT; k++)
            __atomic_store_n(&library.attachments[i].stripes[k].inside, 0, __ATOMIC_RELAXED);
    }
    after_fork_in_parent();
}

/* Once for the life of the process: the library stays loaded. The mutex is held; a fork waits for it. */
static void watch_forks(void)
{
    static bool is_watching;
    if (!is_watching) /* fails for want of memory only */
        is_watching = pthread_atfork(before_fork, after_fork_in_parent, after_fork_in_child) == 0;
}

HLML_EXPORT hlml_return_t hlml_init(void)
{
    pthread_mutex_lock(&library.mutex);
    watch_forks();
    hlml_return_t code = load_active() ? HLML_ERROR_ALREADY_INITIALIZED : attach();
    pthread_mutex_unlock(&library.mutex);
    return code;
}

HLML_EXPORT hlml_return_t hlml_init_with_flags(unsigned int flags)
{
    (void)flags;
    return hlml_init();
}

HLML_EXPORT hlml_return_t hlml_shutdown(void)
{
    pthread_mutex_lock(&library.mutex);
    hlml_return_t code = load_active() ? HLML_SUCCESS : HLML_ERROR_UNINITIALIZED;
    store_active(NULL);
    pthread_mutex_unlock(&library.mutex);
    return code;
}
