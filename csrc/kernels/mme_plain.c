/* The definition of the MME arithmetic: slow, obvious, portable.  Every other variant is tested equal to this one. */
#include "mme_kernel.h"

#include <fenv.h>
#include <float.h>
#include <math.h>
#include <string.h>

_Static_assert(FLT_EVAL_METHOD == 0, "every operation has to round to its own type");

static const uint32_t NAN_BITS = 0x7fc00000;

static float float_of_bits(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static uint32_t bits_of_float(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

/* A denormal becomes zero of its sign. */
static float flush(float value)
{
    return fabsf(value) < FLT_MIN ? copysignf(0.0f, value) : value;
}

static float widen_bf16(uint16_t value)
{
    return flush(float_of_bits((uint32_t)value << 16));
}

/* The sum of two normal numbers is exact where it is denormal, so there is no question of rounding first. */
static float add_flushed(float a, float b)
{
    return flush(a + b);
}

/* Whether |a*b + c|, rounded to 24 bits with unbounded exponent, stays below 2^-126, given that fmaf() returned +-2^-126.
 * That is so below 2^-126 - 2^-151, half way to the next number of 24 bits; the tie itself rounds up to the even 2^-126.
 * Nothing here rounds: a*b has 48 bits.  If |c| is above 2^-124, the two cancel to less than half of either, and their sum is
 * exact; else the bound less c is a multiple of 2^-151 below 2^-123. */
static bool rounds_below_normal(float a, float b, float c, float rounded)
{
    const double bound = 0x1p-126 - 0x1p-151;
    const double sign = rounded < 0.0f ? -1.0 : 1.0;
    const double product = sign * (double)a * (double)b, rest = sign * (double)c;
    return fabs(rest) > 0x1p-124 ? product + rest < bound : product < bound - rest;
}

static float fma_flushed(float a, float b, float c)
{
    const float rounded = fmaf(a, b, c);
    if (fabsf(rounded) == FLT_MIN && rounds_below_normal(a, b, c, rounded))
        return copysignf(0.0f, rounded);
    return flush(rounded);
}

static float a_element(const struct mme_gemm *gemm, size_t row, size_t k)
{
    const size_t at = gemm->transpose_a ? k * gemm->lda + row : row * gemm->lda + k;
    return gemm->a ? widen_bf16(gemm->a[at]) : flush(gemm->a32[at]);
}

static float b_element(const struct mme_gemm *gemm, size_t k, size_t column)
{
    const size_t at = gemm->transpose_b ? column * gemm->ldb + k : k * gemm->ldb + column;
    return gemm->b ? widen_bf16(gemm->b[at]) : flush(gemm->b32[at]);
}

/* Padding with +0 is visible: it turns an accumulator of -0, the flushed trace of a tiny negative sum, into +0. */
static float dot(const struct mme_gemm *gemm, size_t row, size_t column)
{
    float result = 0.0f;
    for (size_t block = 0; block < gemm->k; block += MME_STEP_K) {
        float sum[2] = {0.0f, 0.0f};
        for (size_t i = 0; i < MME_STEP_K; i++) {
            const bool is_inside = i < gemm->k - block;
            const float a = is_inside ? a_element(gemm, row, block + i) : 0.0f;
            const float b = is_inside ? b_element(gemm, block + i, column) : 0.0f;
            sum[i % 2] = fma_flushed(a, b, sum[i % 2]);
        }
        result = add_flushed(result, add_flushed(sum[0], sum[1]));
    }
    return result;
}

static float rectify(float value)
{
    if (isnan(value))
        return value;
    return value > 0.0f ? value : 0.0f;
}

/* No denormal comes in, so none goes out.  Adding just less than half a unit, or half where the unit is odd, is rounding to
 * nearest even; a carry into the exponent is right as well, up to Inf. */
static uint16_t round_to_bf16(float value)
{
    const uint32_t bits = bits_of_float(value);
    if (isnan(value))
        return (uint16_t)(NAN_BITS >> 16);
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static void store(const struct mme_gemm *gemm, size_t row, size_t column, float value)
{
    const struct mme_epilogue *epilogue = gemm->epilogue;
    const size_t at = row * gemm->ldc + column;
    if (epilogue && epilogue->bias)
        value = add_flushed(value, flush(epilogue->bias[column]));
    if (epilogue && epilogue->relu)
        value = rectify(value);
    if (epilogue && epilogue->output_bf16)
        epilogue->c16[at] = round_to_bf16(value);
    else
        gemm->c[at] = isnan(value) ? float_of_bits(NAN_BITS) : value;
}

/* The default environment rounds to nearest even and keeps denormals, which the rules above need to see. */
void mme_plain_rows(const struct mme_gemm *gemm, size_t row, size_t rows)
{
    fenv_t saved;
    fegetenv(&saved);
    fesetenv(FE_DFL_ENV);
    for (size_t i = row; i < row + rows; i++)
        for (size_t j = 0; j < gemm->n; j++)
            store(gemm, i, j, dot(gemm, i, j));
    fesetenv(&saved);
}
