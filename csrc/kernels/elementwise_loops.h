/* Private: one loop for each elementwise operation on fp32 and i32 registers.  Included, not linked, so that the compiler
 * vectorises them for the instruction set of each including file, which puts them into its struct ew_functions.
 *
 * "omp simd" (-fopenmp-simd, no OpenMP runtime) promises that iterations are independent, which holds for `out` equal to an
 * operand too; without it the compiler would test for overlap and take the slow path.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_LOOPS_H
#define GAUDI_KERNELS_ELEMENTWISE_LOOPS_H

#include "elementwise_kernel.h"
#include "elementwise_math.h"

/* The registers hold what the operation's type says. */
typedef void loop(const void *a, const void *b, const void *c, void *out, size_t count);

/* `expression` of x, y and z, the elements of the operands. */
#define LOOP(name, number, expression)                                                                                         \
    static void loop_##name(const void *a, const void *b, const void *c, void *out, size_t count)                              \
    {                                                                                                                          \
        const number *in_a = a, *in_b = b ? b : a, *in_c = c ? c : a;                                        \
        number *result = out;                                                                                                  \
        _Pragma("omp simd") for (size_t i = 0; i < count; i++)                                                                 \
        {                                                                                                                      \
            const number x = in_a[i], y = in_b[i], z = in_c[i];                                              \
            (void)x, (void)y, (void)z;                                                                                         \
            result[i] = expression;                                                                                            \
        }                                                                                                                      \
    }

#define FLOAT_LOOP(name, expression) LOOP(name, float, canonical(expression))
/* Unsigned, because only that is defined to wrap around. */
#define WHOLE_LOOP(name, expression) LOOP(name, uint32_t, expression)
#define SIGNED_LOOP(name, expression) LOOP(name, int32_t, expression)

FLOAT_LOOP(add, x + y)
FLOAT_LOOP(sub, x - y)
FLOAT_LOOP(mul, x * y)
FLOAT_LOOP(div, x / y)
FLOAT_LOOP(max, x > y || x != x ? x : y)
FLOAT_LOOP(min, x < y || x != x ? x : y)
FLOAT_LOOP(pow, math_pow(x, y))
FLOAT_LOOP(equal, x == y ? 1.0f : 0.0f)
FLOAT_LOOP(not_equal, x != y ? 1.0f : 0.0f)
FLOAT_LOOP(less, x < y ? 1.0f : 0.0f)
FLOAT_LOOP(less_equal, x <= y ? 1.0f : 0.0f)
FLOAT_LOOP(greater, x > y ? 1.0f : 0.0f)
FLOAT_LOOP(greater_equal, x >= y ? 1.0f : 0.0f)
FLOAT_LOOP(where, x != 0.0f ? y : z)
FLOAT_LOOP(relu, float_of(rectify(canonical_nan(bits_of(x)))))
FLOAT_LOOP(neg, -x)
FLOAT_LOOP(abs, fabsf(x))
FLOAT_LOOP(sqrt, sqrtf(x))
FLOAT_LOOP(rsqrt, 1.0f / sqrtf(x))
FLOAT_LOOP(reciprocal, 1.0f / x)
FLOAT_LOOP(exp, math_exp(x))
FLOAT_LOOP(log, math_log(x))
FLOAT_LOOP(sigmoid, math_sigmoid(x))
FLOAT_LOOP(tanh, math_tanh(x))
FLOAT_LOOP(gelu, math_gelu(x))

WHOLE_LOOP(add_i32, x + y)
WHOLE_LOOP(sub_i32, x - y)
WHOLE_LOOP(mul_i32, x * y)
WHOLE_LOOP(equal_i32, x == y)
WHOLE_LOOP(not_equal_i32, x != y)
WHOLE_LOOP(where_i32, x != 0 ? y : z)
WHOLE_LOOP(neg_i32, 0u - x)
WHOLE_LOOP(abs_i32, x >> 31 ? 0u - x : x)
SIGNED_LOOP(max_i32, x > y ? x : y)
SIGNED_LOOP(min_i32, x < y ? x : y)
SIGNED_LOOP(less_i32, x < y)
SIGNED_LOOP(less_equal_i32, x <= y)
SIGNED_LOOP(greater_i32, x > y)
SIGNED_LOOP(greater_equal_i32, x >= y)
SIGNED_LOOP(relu_i32, x > 0 ? x : 0)

#undef LOOP
#undef FLOAT_LOOP
#undef WHOLE_LOOP
#undef SIGNED_LOOP

static loop *const FLOAT_LOOPS[EW_OP_COUNT] = {
    [EW_ADD] = loop_add,
    [EW_SUB] = loop_sub,
    [EW_MUL] = loop_mul,
    [EW_DIV] = loop_div,
    [EW_MAX] = loop_max,
    [EW_MIN] = loop_min,
    [EW_POW] = loop_pow,
    [EW_EQUAL] = loop_equal,
    [EW_NOT_EQUAL] = loop_not_equal,
    [EW_LESS] = loop_less,
    [EW_LESS_EQUAL] = loop_less_equal,
    [EW_GREATER] = loop_greater,
    [EW_GREATER_EQUAL] = loop_greater_equal,
    [EW_WHERE] = loop_where,
    [EW_RELU] = loop_relu,
    [EW_NEG] = loop_neg,
    [EW_ABS] = loop_abs,
    [EW_SQRT] = loop_sqrt,
    [EW_RSQRT] = loop_rsqrt,
    [EW_RECIPROCAL] = loop_reciprocal,
    [EW_EXP] = loop_exp,
    [EW_LOG] = loop_log,
    [EW_SIGMOID] = loop_sigmoid,
    [EW_TANH] = loop_tanh,
    [EW_GELU] = loop_gelu,
};

/* NULL: i32 does not have it; ew_run() has refused it (EW_I32_OPS in elementwise.c). */
static loop *const I32_LOOPS[EW_OP_COUNT] = {
    [EW_ADD] = loop_add_i32,
    [EW_SUB] = loop_sub_i32,
    [EW_MUL] = loop_mul_i32,
    [EW_MAX] = loop_max_i32,
    [EW_MIN] = loop_min_i32,
    [EW_EQUAL] = loop_equal_i32,
    [EW_NOT_EQUAL] = loop_not_equal_i32,
    [EW_LESS] = loop_less_i32,
    [EW_LESS_EQUAL] = loop_less_equal_i32,
    [EW_GREATER] = loop_greater_i32,
    [EW_GREATER_EQUAL] = loop_greater_equal_i32,
    [EW_WHERE] = loop_where_i32,
    [EW_RELU] = loop_relu_i32,
    [EW_NEG] = loop_neg_i32,
    [EW_ABS] = loop_abs_i32,
};

#endif
