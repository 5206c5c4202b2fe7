/* What the files of libhlml share: how a call gets at its card. Nobody else includes this. */
#ifndef HLML_INTERNAL_H
#define HLML_INTERNAL_H

#include <stddef.h>

#include "card.h"
#include "hlml.h"

#define HLML_EXPORT __attribute__((visibility("default")))

/* The attached box, or NULL while the library is not initialised. The pointer stays usable for the rest of the call
 * even if another thread shuts the library down meanwhile: boxes are kept for long after (hlml_library.c). */
gaudi_box *hlml_box(void);

/* 106, 112, 118 or 119. */
unsigned int hlml_abi_level(void);

/* The handle of a card of the attached box. */
hlml_device_t hlml_handle_of(size_t index);

/* The card of a handle. `is_valid`: whether the other arguments are; the checks keep their order. */
hlml_return_t hlml_enter(hlml_device_t device, bool is_valid, gaudi_card **card);

/* hlml_enter and one read of everything that moves. */
hlml_return_t hlml_read(hlml_device_t device, bool is_valid, gaudi_card **card, gaudi_reading *reading);

/* Copy a text under the rules of text buffers. */
hlml_return_t hlml_copy_text(const char *text, char *out, unsigned int length);

/* HLML's code for a negative errno of the card state. */
hlml_return_t hlml_code_of(int rc);

/* NOT_SUPPORTED if the card lacks the feature. */
hlml_return_t hlml_need(const gaudi_card *card, enum gaudi_feature feature);

/* A double as a whole number within its type: what a corrupt file holds must not overflow a conversion. */
static inline unsigned int hlml_to_uint(double value)
{
    return value > 0.0 ? (value < 4e9 ? (unsigned int)value : 4000000000u) : 0u;
}

#endif
