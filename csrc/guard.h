/* Mapped files that may be truncated by others; nobody but attach.c and box.c includes this. */
#ifndef GAUDI_GUARD_H
#define GAUDI_GUARD_H

#include <stddef.h>

/* A mapping of a file begins or ends. Until it ends, a truncated file reads as zeros with header.retired 1. */
void gaudi_guard(const void *base, size_t size);
void gaudi_unguard(const void *base);

#endif
