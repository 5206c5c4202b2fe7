/* Private to csrc/kernels: the CPU variants of the pattern loops. */
#ifndef GAUDI_KERNELS_MOVER_KERNEL_H
#define GAUDI_KERNELS_MOVER_KERNEL_H

#include <stdbool.h>

#include "mover.h"

/* One CPU variant.  Constant; made by its file, read by everybody.  `count` is in words. */
struct mv_functions {
    void (*generate)(const struct mv_pattern *pattern, uint64_t position, uint64_t *to, size_t count);
    bool (*is_same)(const uint64_t *a, const uint64_t *b, size_t count);
    /* Whether all words are what the pattern has. */
    bool (*is_pattern)(const struct mv_pattern *pattern, uint64_t position, const uint64_t *from, size_t count);
};

extern const struct mv_functions mv_functions_plain; /* what the compiler's baseline has */
extern const struct mv_functions mv_functions_avx2;
extern const struct mv_functions mv_functions_avx512;

/* The fastest one for this CPU.  variants_x86.c or variants_generic.c, as the build selects. */
const struct mv_functions *mv_probe(void);

#endif
