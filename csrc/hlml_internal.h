/* What the files of libhlml share: how a call gets at its card. Nobody else includes this. */
#ifndef HLML_INTERNAL_H
#define HLML_INTERNAL_H

#include <stddef.h>

#include "card.h"
#include "hlml.h"

#define HLML_EXPORT __attribute__((visibility("default")))

/* Ends a call when the variable leaves its scope, whichever way the function returns. */
#define HLML_SCOPED __attribute__((cleanup(hlml_leave)))

/* One call inside the library: a box is closed only when nobody is inside it. Lives on the stack of the caller, starts as
 * zeroes; box and card are usable until hlml_leave, even if another thread shuts the library down meanwhile. */
typedef struct hlml_call {
    gaudi_box *box;
    gaudi_card *card;
    uint32_t *inside; /* where this call is counted; NULL: nowhere */
} hlml_call;

/* 106, 112, 118 or 119. */
unsigned int hlml_abi_level(void);

/* The handle of a card of the attached box. */
hlml_device_t hlml_handle_of(size_t index);

/* Enter the box, dead or alive: UNINITIALIZED, then INVALID_ARGUMENT unless `is_valid`: whether the arguments are. */
hlml_return_t hlml_enter_box(hlml_call *call, bool is_valid);

/* Enter the card of a handle: as hlml_enter_box, a foreign handle is INVALID_ARGUMENT too; then DRIVER_NOT_LOADED and
 * AIP_IS_LOST. */
hlml_return_t hlml_enter(hlml_call *call, hlml_device_t device, bool is_valid);

/* hlml_enter and one read of everything that moves. */
hlml_return_t hlml_read(hlml_call *call, hlml_device_t device, bool is_valid, gaudi_reading *reading);

static inline void hlml_leave(hlml_call *call)
{
    if (call->inside)
        __atomic_sub_fetch(call->inside, 1, __ATOMIC_RELEASE);
}

/* hlml_write.c: change the card of a call. The library attaches read-only; who may write gets a second attachment for the moment of the
 * change. A negative errno: -EACCES for whoever may not write, -ESTALE if the box is another one now. */
typedef int (*hlml_change)(gaudi_card *card, unsigned int argument);
int hlml_write(const hlml_call *call, hlml_change change, unsigned int argument);

/* Copy a text under the rules of text buffers. It ends at its NUL or after `most` bytes: what lies in shared memory may
 * change at any time. */
hlml_return_t hlml_copy_text(const char *text, size_t most, char *out, unsigned int length);

/* HLML's code for a negative errno of the card state. */
hlml_return_t hlml_code_of(int rc);

/* NOT_SUPPORTED if the card lacks the feature. */
hlml_return_t hlml_need(const gaudi_card *card, enum gaudi_feature feature);

/* hlml_events.c: another box was attached; the sets record its events from now on. */
void hlml_events_follow(gaudi_box *box);

/* hlml_events.c: keep all sets still while the process forks. */
void hlml_events_lock(void);
void hlml_events_unlock(void);

/* A double as a whole number within its type: what a corrupt file holds must not overflow a conversion. */
static inline unsigned int hlml_to_uint(double value)
{
    return value > 0.0 ? (value < 4e9 ? (unsigned int)value : 4000000000u) : 0u;
}

#endif
