/* Elementwise and row operations of the TPC engine over raw buffers.
 *
 * Arithmetic: fp32, each step rounded to nearest even, no fused multiply-add, and NaN results are 0x7fc00000 (0x7fc0 in bf16)
 * on every host.
 *   fp32  denormals are kept, as in IEEE 754.
 *   bf16  operands are widened exactly, a denormal one counting as zero of its sign; the fp32 result is cast by the rule of
 *         ew_cast_f32_to_bf16.
 * exp, log and tanh are the polynomials of elementwise_math.h, step by step: a definition, the same bits everywhere, within
 * 2 units in the last place of the true value (device/graph/reference_math.py is the same in numpy, and a test compares).
 * The caller's floating point environment has to be the default one (nearest even, no FTZ or DAZ).
 *
 * Every function: buffers do not overlap, but `out` of an elementwise one may be the same buffer as an operand of its size;
 * count 0 does nothing.
 * No errors, no state, any thread.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_H
#define GAUDI_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Operands a, b, c in this order; unary ones use a, binary ones a and b. */
enum ew_op {
    EW_ADD,
    EW_SUB,
    EW_MUL,
    EW_DIV,
    EW_MAX,     /* NaN if either is NaN; b where both are equal, so that the sign of a zero is defined */
    EW_MIN,     /* likewise */
    EW_WHERE,   /* a != 0 ? b : c; a NaN counts as true */
    EW_RELU,    /* max(a, 0); -0 becomes +0, NaN stays NaN.  A positive denormal is kept in fp32, +0 in bf16. */
    EW_NEG,
    EW_ABS,
    EW_SQRT,    /* correctly rounded */
    EW_RSQRT,   /* 1 / sqrt(a), two roundings */
    EW_EXP,
    EW_LOG,
    EW_SIGMOID, /* 1 / (1 + exp(-a)) */
    EW_TANH,
    EW_GELU,    /* h + h * tanh(0.79788456 * (a + 0.044715 * a * a * a)) with h = a / 2 */
    EW_OP_COUNT,
};

/* out[i] = op(a[i], b[i], c[i]) for i < count; what `op` does not use may be NULL. */
void ew_run_f32(enum ew_op op, const float *a, const float *b, const float *c, float *out, size_t count);
void ew_run_bf16(enum ew_op op, const uint16_t *a, const uint16_t *b, const uint16_t *c, uint16_t *out, size_t count);

/* The same with a name, for the three most frequent operations. */
void ew_add_f32(const float *a, const float *b, float *out, size_t count);
void ew_add_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count);
void ew_mul_f32(const float *a, const float *b, float *out, size_t count);
void ew_mul_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count);
void ew_relu_f32(const float *a, float *out, size_t count);
void ew_relu_bf16(const uint16_t *a, uint16_t *out, size_t count);

/* Nearest even; too large becomes Inf; an fp32 denormal counts as zero of its sign, so no bf16 denormal comes out. */
void ew_cast_f32_to_bf16(const float *a, uint16_t *out, size_t count);

/* Exact; a bf16 denormal becomes zero of its sign.  In place is impossible: the sizes differ. */
void ew_cast_bf16_to_f32(const uint16_t *a, float *out, size_t count);

/* Along rows.  A sum has 64 lanes: lane j starts at +0 and adds the elements j, j + 64, ... in order; then lane j adds lane
 * j + 32, j + 16, ... j + 1.  A maximum is taken in the same order from -Inf, by the rule of EW_MAX with the lane as a. */
enum ew_row_op {
    EW_ROW_SUM,
    EW_ROW_MAX,
    EW_ROW_SOFTMAX,    /* e / sum(e) with e = exp(x - max(x)) */
    EW_ROW_LAYER_NORM, /* d * (1 / sqrt(sum(d * d) / n + epsilon)) * gamma + beta with d = x - sum(x) / n */
    EW_ROW_RMS_NORM,   /* x * (1 / sqrt(sum(x * x) / n + epsilon)) * gamma */
    EW_ROW_OP_COUNT,
};

/* What is the same for all rows.  The caller owns what it points to; gamma and beta have `columns` elements and may be NULL
 * where the operation has none; `scratch` is room for `columns` elements. */
struct ew_rows {
    size_t rows, columns;
    const float *gamma, *beta;
    float epsilon;
    float *scratch;
};

/* x is rows x columns; a sum or a maximum writes one element a row, the others a row.  columns is 1 or more. */
void ew_rows_f32(enum ew_row_op op, const struct ew_rows *shape, const float *x, float *out);
void ew_rows_bf16(enum ew_row_op op, const struct ew_rows *shape, const uint16_t *x, uint16_t *out);

#ifdef __cplusplus
}
#endif

#endif
