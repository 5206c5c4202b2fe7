/* Private: the elementwise loops.  Included, not linked, so that the compiler vectorises them for the instruction set of each
 * including file, which puts them into its struct ew_functions.
 *
 * "omp simd" (-fopenmp-simd, no OpenMP runtime) promises that iterations are independent, which holds for `out` equal to an
 * operand too; without it the compiler would test for overlap and take the slow path.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_LOOPS_H
#define GAUDI_KERNELS_ELEMENTWISE_LOOPS_H

#include "elementwise_kernel.h"
#include "elementwise_math.h"

/* bf16 is widened in blocks of this many elements, which stay in the first-level cache. */
enum { BLOCK = 1024 };

typedef void loop(const float *a, const float *b, const float *c, float *out, size_t count);

static void loop_add(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] + b[i]);
}

static void loop_sub(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] - b[i]);
}

static void loop_mul(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] * b[i]);
}

static void loop_div(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] / b[i]);
}

static void loop_max(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] > b[i] || a[i] != a[i] ? a[i] : b[i]);
}

static void loop_min(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] < b[i] || a[i] != a[i] ? a[i] : b[i]);
}

static void loop_where(const float *a, const float *b, const float *c, float *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(a[i] != 0.0f ? b[i] : c[i]);
}

static void loop_relu(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(float_of(rectify(canonical_nan(bits_of(a[i])))));
}

static void loop_neg(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(-a[i]);
}

static void loop_abs(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(fabsf(a[i]));
}

static void loop_sqrt(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(sqrtf(a[i]));
}

static void loop_rsqrt(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(1.0f / sqrtf(a[i]));
}

static void loop_exp(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(math_exp(a[i]));
}

static void loop_log(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(math_log(a[i]));
}

static void loop_sigmoid(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(math_sigmoid(a[i]));
}

static void loop_tanh(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(math_tanh(a[i]));
}

static void loop_gelu(const float *a, const float *b, const float *c, float *out, size_t count)
{
    (void)b;
    (void)c;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = canonical(math_gelu(a[i]));
}

static loop *const LOOPS[EW_OP_COUNT] = {
    [EW_ADD] = loop_add,
    [EW_SUB] = loop_sub,
    [EW_MUL] = loop_mul,
    [EW_DIV] = loop_div,
    [EW_MAX] = loop_max,
    [EW_MIN] = loop_min,
    [EW_WHERE] = loop_where,
    [EW_RELU] = loop_relu,
    [EW_NEG] = loop_neg,
    [EW_ABS] = loop_abs,
    [EW_SQRT] = loop_sqrt,
    [EW_RSQRT] = loop_rsqrt,
    [EW_EXP] = loop_exp,
    [EW_LOG] = loop_log,
    [EW_SIGMOID] = loop_sigmoid,
    [EW_TANH] = loop_tanh,
    [EW_GELU] = loop_gelu,
};

static void add_f32(const float *a, const float *b, float *out, size_t count)
{
    loop_add(a, b, NULL, out, count);
}

static void mul_f32(const float *a, const float *b, float *out, size_t count)
{
    loop_mul(a, b, NULL, out, count);
}

static void relu_f32(const float *a, float *out, size_t count)
{
    loop_relu(a, NULL, NULL, out, count);
}

/* The frequent operations need no block of fp32. */
static void add_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = round_to_bf16(bits_of(float_of(widen(a[i])) + float_of(widen(b[i]))));
}

static void mul_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = round_to_bf16(bits_of(float_of(widen(a[i])) * float_of(widen(b[i]))));
}

static void relu_bf16(const uint16_t *a, uint16_t *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = (uint16_t)(rectify(widen(a[i])) >> 16);
}

static void cast_f32_to_bf16(const float *a, uint16_t *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = round_to_bf16(bits_of(a[i]));
}

static void cast_bf16_to_f32(const uint16_t *a, float *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = float_of(widen(a[i]));
}

static void run_f32(enum ew_op op, const float *a, const float *b, const float *c, float *out, size_t count)
{
    LOOPS[op](a, b, c, out, count);
}

static void run_in_blocks(enum ew_op op, const uint16_t *a, const uint16_t *b, const uint16_t *c, uint16_t *out, size_t count)
{
    const uint16_t *operands[3] = {a, b, c};
    float wide[3][BLOCK];
    for (size_t start = 0; start < count; start += BLOCK) {
        size_t size = count - start < BLOCK ? count - start : BLOCK;
        for (int k = 0; k < 3; k++)
            if (operands[k] != NULL)
                cast_bf16_to_f32(operands[k] + start, wide[k], size);
        LOOPS[op](wide[0], wide[1], wide[2], wide[0], size);
        cast_f32_to_bf16(wide[0], out + start, size);
    }
}

static void run_bf16(enum ew_op op, const uint16_t *a, const uint16_t *b, const uint16_t *c, uint16_t *out, size_t count)
{
    switch (op) {
    case EW_ADD:
        add_bf16(a, b, out, count);
        return;
    case EW_MUL:
        mul_bf16(a, b, out, count);
        return;
    case EW_RELU:
        relu_bf16(a, out, count);
        return;
    default:
        run_in_blocks(op, a, b, c, out, count);
    }
}

#endif
