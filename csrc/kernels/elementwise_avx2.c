/* The TPC's operations for AVX2. */
#include "elementwise_columns.h"
#include "elementwise_program.h"
#include "elementwise_rows.h"

const struct ew_functions ew_functions_avx2 = {.run = run_program, .rows = run_rows, .columns = run_columns};
