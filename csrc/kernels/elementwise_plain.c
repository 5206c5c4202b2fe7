/* The TPC's operations for the compiler's baseline: SSE2 on x86-64, NEON on aarch64. */
#include "elementwise_columns.h"
#include "elementwise_program.h"
#include "elementwise_rows.h"

const struct ew_functions ew_functions_plain = {.run = run_program, .rows = run_rows, .columns = run_columns};
