/* What attach.c and soundness.c give to box.c; nobody else includes this. */
#ifndef GAUDI_ATTACH_H
#define GAUDI_ATTACH_H

#include "card_internal.h"

/* soundness.c: -EBADMSG for a foreign file, -EPROTO for a layout of another version. `path` and `name` are for the text. */
int gaudi_header_check(const gaudi_header *header, uint32_t kind, size_t size, const char *path, const char *name,
                       gaudi_error *error);
bool gaudi_identity_is_sound(const gaudi_identity *identity);
bool gaudi_physics_is_sound(const gaudi_physics *physics);
bool gaudi_box_identity_is_sound(const gaudi_box_identity *identity);

/* attach.c: open, check and map all files in the directory `dir` of a fresh box. What was opened on failure is closed with
 * the box. */
int gaudi_attach_files(gaudi_box *box, int dir, uid_t box_owner, gaudi_error *error);

#endif
