/* The elementwise loops for AVX2. */
#include "elementwise_loops.h"
#include "elementwise_rows.h"

const struct ew_functions ew_functions_avx2 = {
    .run_f32 = run_f32,
    .run_bf16 = run_bf16,
    .add_f32 = add_f32,
    .add_bf16 = add_bf16,
    .mul_f32 = mul_f32,
    .mul_bf16 = mul_bf16,
    .relu_f32 = relu_f32,
    .relu_bf16 = relu_bf16,
    .cast_f32_to_bf16 = cast_f32_to_bf16,
    .cast_bf16_to_f32 = cast_bf16_to_f32,
    .rows_f32 = rows_f32,
    .rows_bf16 = rows_bf16,
};
