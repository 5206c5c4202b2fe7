/* The TPC engine over raw buffers: elementwise programs, operations along rows, reductions along any dimension.
 *
 * Arithmetic: fp32, each step rounded to nearest even, no fused multiply-add, and NaN results are 0x7fc00000 on every host.
 *   f32   denormals are kept, as in IEEE 754.
 *   bf16  operands are widened exactly, a denormal one counting as zero of its sign; a result is rounded to nearest even, too
 *         large becomes Inf, an fp32 denormal counts as zero of its sign, NaN is 0x7fc0.
 *   fp8   only casts: widened exactly, denormals included.  A result is rounded to nearest even; what is larger than the
 *         largest finite number, Inf included, becomes that number (OCP 8-bit floating point, saturating); NaN is 0x7e in
 *         f8, 0x7c in hf8, 0x7f in hf8_448.
 *   i32   two's complement, modulo 2^32.  From a float: nearest even, too large becomes the nearest of -2^31 and 2^31 - 1, NaN
 *         becomes 0; to a float: nearest even.
 * A cast between any two types goes through fp32.
 * exp, log, tanh, pow are the sequences of elementwise_math.h, step by step: a definition, the same bits everywhere
 * (device/graph/reference_math.py is the same in numpy, and a test compares).
 * The caller's floating point environment has to be the default one (nearest even, no FTZ or DAZ).
 *
 * No state, any thread.  `threads` (>= 1) is an upper bound that includes the caller's thread; a small job uses fewer; the
 * result does not depend on it.  Functions return 0, or with the output untouched -EINVAL (a count, type, operation or
 * register that does not fit) or -ENOMEM.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_H
#define GAUDI_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* How an element lies in memory.  f8 is e5m2; hf8 is e4m3 with Inf (largest number 240), hf8_448 e4m3 without (448). */
enum ew_type { EW_F32, EW_BF16, EW_I32, EW_F8, EW_HF8, EW_HF8_448, EW_TYPE_COUNT };

/* Operands a, b, c in this order; unary ones use a, binary ones a and b.  A comparison gives 1 or 0 of the operands' type. */
enum ew_op {
    EW_ADD,
    EW_SUB,
    EW_MUL,
    EW_DIV,
    EW_MAX,     /* NaN if either is NaN; b where both are equal, so that the sign of a zero is defined */
    EW_MIN,     /* likewise */
    EW_POW,     /* sign * exp(b * log(|a|)); see elementwise_math.h for the special cases */
    EW_EQUAL,
    EW_NOT_EQUAL,
    EW_LESS,
    EW_LESS_EQUAL,
    EW_GREATER,
    EW_GREATER_EQUAL,
    EW_WHERE,   /* a != 0 ? b : c; a NaN counts as true */
    EW_RELU,    /* max(a, 0); -0 becomes +0, NaN stays NaN.  A positive denormal is kept in fp32, +0 in bf16. */
    EW_NEG,
    EW_ABS,
    EW_SQRT,    /* correctly rounded */
    EW_RSQRT,   /* 1 / sqrt(a), two roundings */
    EW_RECIPROCAL,
    EW_EXP,
    EW_LOG,
    EW_SIGMOID, /* 1 / (1 + exp(-a)) */
    EW_TANH,
    EW_GELU,    /* h + h * tanh(0.79788456 * (a + 0.044715 * a * a * a)) with h = a / 2 */
    EW_CAST,    /* the only one whose result has another type */
    EW_OP_COUNT,
};

/* Element i of the result reads element (i / repeat) % period. */
struct ew_input {
    const void *data;
    enum ew_type type;
    size_t repeat, period;
};

/* The same number for all elements; `bits` as its type lies in memory. */
struct ew_constant {
    uint32_t bits;
    enum ew_type type;
};

/* One operation on registers of `type`, into a register of `result`.  Registers are numbered: inputs, constants, steps. */
struct ew_step {
    enum ew_op op;
    enum ew_type type, result;
    unsigned sources[3];
};

/* More registers than this are refused. */
enum { EW_MAX_REGISTERS = 1024 };

/* One pass over memory: blocks of elements go through all steps while they lie in the cache; the last one is the output.
 * Owned by the caller, not modified.  Every type but in a cast is f32, bf16 or, where the operation has one, i32.  `out` may
 * be the same buffer as an input whose elements all are read once, and overlaps no other. */
struct ew_program {
    const struct ew_input *inputs;
    const struct ew_constant *constants;
    const struct ew_step *steps;
    size_t input_count, constant_count, step_count;
    void *out;
    size_t count;
};

int ew_run(const struct ew_program *program, int threads);

/* Along rows.  A sum has 64 lanes: lane j starts at +0 and adds the elements j, j + 64, ... in order; then lane j adds lane
 * j + 32, j + 16, ... j + 1.  A maximum is taken in the same order from -Inf, by the rule of EW_MAX with the lane as a; a
 * minimum likewise from Inf. */
enum ew_row_op {
    EW_ROW_SUM,
    EW_ROW_MEAN,        /* sum / n */
    EW_ROW_MAX,
    EW_ROW_MIN,
    EW_ROW_SOFTMAX,     /* e / sum(e) with e = exp(x - max(x)) */
    EW_ROW_LOG_SOFTMAX, /* d - log(sum(exp(d))) with d = x - max(x) */
    EW_ROW_LAYER_NORM,  /* d * (1 / sqrt(sum(d * d) / n + epsilon)) * gamma + beta with d = x - sum(x) / n */
    EW_ROW_RMS_NORM,    /* x * (1 / sqrt(sum(x * x) / n + epsilon)) * gamma */
    EW_ROW_OP_COUNT,
};

/* x is rows x columns of f32 or bf16; the four reductions write one element a row, the others a row.  gamma and beta have
 * `columns` elements and may be NULL where the operation has none.  Buffers do not overlap.  columns is 1 or more. */
struct ew_rows {
    enum ew_row_op op;
    enum ew_type type;
    size_t rows, columns;
    const void *x;
    void *out;
    const float *gamma, *beta;
    float epsilon;
};

int ew_run_rows(const struct ew_rows *rows, int threads);

/* One of the four reductions along the middle dimension of x, which is outer x count x inner, into outer x inner: what the
 * same reduction along rows gives after a transpose.  Buffers do not overlap. */
struct ew_columns {
    enum ew_row_op op;
    enum ew_type type;
    size_t outer, count, inner;
    const void *x;
    void *out;
};

int ew_run_columns(const struct ew_columns *columns, int threads);

#ifdef __cplusplus
}
#endif

#endif
