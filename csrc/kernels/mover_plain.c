/* The pattern loops for the compiler's baseline: SSE2 on x86-64, NEON on aarch64. */
#include "mover_loops.h"

const struct mv_functions mv_functions_plain = {
    .generate = generate,
    .is_same = is_same,
    .is_pattern = is_pattern,
};
