/* The pattern loops for AVX2. */
#include "mover_loops.h"

const struct mv_functions mv_functions_avx2 = {
    .generate = generate,
    .is_same = is_same,
    .is_pattern = is_pattern,
};
