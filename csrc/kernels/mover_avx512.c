/* The pattern loops for AVX-512. */
#include "mover_loops.h"

const struct mv_functions mv_functions_avx512 = {
    .generate = generate,
    .is_same = is_same,
    .is_pattern = is_pattern,
};
