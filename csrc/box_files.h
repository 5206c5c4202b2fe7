/* What create.c, retire.c and box.c share about the directory of a box; nobody else includes this. */
#ifndef GAUDI_BOX_FILES_H
#define GAUDI_BOX_FILES_H

#include "card_internal.h"

/* Remove the files of a box directory and the directory. Names that are not ours stay, and it with them. */
void gaudi_box_remove(const char *path);

/* Tell everybody who has these files mapped that they are history (retired: 1 down or replaced, 2 driver unloaded). */
void gaudi_box_mark(const char *path, uint32_t retired);

/* Remove what dead makers of a box of that name left beside it. */
void gaudi_leftovers_sweep(const char *parent, const char *name);

/* Remove a box that is marked retired: whoever took it down died on the way. Any other box stays. */
void gaudi_retired_clear(const char *path);

#endif
