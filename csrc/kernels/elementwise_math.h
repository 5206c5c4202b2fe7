/* Private: the functions that no IEEE operation gives, defined as a fixed sequence of fp32 operations.
 *
 * No fused multiply-add (-ffp-contract=off for the whole build), no libm but sqrt, which IEEE 754 defines; branches are
 * selections, so that loops vectorise.  The polynomials are those of the Cephes library (S. Moshier), expf, logf and tanhf.
 * device/graph/reference_math.py says the same in numpy; change both or neither.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_MATH_H
#define GAUDI_KERNELS_ELEMENTWISE_MATH_H

#include "elementwise_bits.h"

#include <float.h>
#include <math.h>

/* 1.5 * 2^23: adding it rounds to a whole number, which then stands in the low bits. */
static const float ROUNDER = 12582912.0f;

/* 2^n for -126 <= n <= 127. */
static inline float power_of_two(int32_t n)
{
    return float_of((uint32_t)(n + 127) << 23);
}

/* x = n ln 2 + r; a polynomial for exp(r), scaled in two steps so that denormal results are rounded once, at the end. */
static inline float math_exp(float x)
{
    x = x > 89.0f ? 89.0f : x;
    x = x < -104.0f ? -104.0f : x;
    float shifted = x * 1.44269504f + ROUNDER;
    int32_t n = (int32_t)(bits_of(shifted) - bits_of(ROUNDER));
    float whole = shifted - ROUNDER;
    float r = x - whole * 0.693359375f;
    r = r - whole * -2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    int32_t half = n >> 1;
    return p * power_of_two(half) * power_of_two(n - half);
}

/* x = 2^e m with m in [sqrt(1/2), sqrt(2)); a polynomial for log(m). */
static inline float math_log(float x)
{
    float scaled = x < FLT_MIN ? x * 8388608.0f : x;
    float lowered = x < FLT_MIN ? 23.0f : 0.0f;
    uint32_t bits = bits_of(scaled) - 0x3f3504f3u; /* sqrt(1/2) */
    float e = (float)((int32_t)bits >> 23) - lowered;
    float m = float_of((bits & 0x007fffffu) + 0x3f3504f3u) - 1.0f;
    float p = 7.0376836292e-2f;
    p = p * m + -1.1514610310e-1f;
    p = p * m + 1.1676998740e-1f;
    p = p * m + -1.2420140846e-1f;
    p = p * m + 1.4249322787e-1f;
    p = p * m + -1.6668057665e-1f;
    p = p * m + 2.0000714765e-1f;
    p = p * m + -2.4999993993e-1f;
    p = p * m + 3.3333331174e-1f;
    float square = m * m;
    p = p * m * square;
    p = p + e * -2.12194440e-4f;
    p = p - 0.5f * square;
    float result = m + p + e * 0.693359375f;
    result = x == 0.0f ? -INFINITY : result;
    result = x == INFINITY ? INFINITY : result;
    return x >= 0.0f ? result : NAN;
}

static inline float math_tanh(float x)
{
    float size = fabsf(x);
    float square = x * x;
    float p = -5.70498872745e-3f;
    p = p * square + 2.06390887954e-2f;
    p = p * square + -5.37397155531e-2f;
    p = p * square + 1.33314422036e-1f;
    p = p * square + -3.33332819422e-1f;
    float near = p * square * x + x;
    float far = 1.0f - 2.0f / (math_exp(size + size) + 1.0f);
    return size < 0.625f ? near : x < 0.0f ? -far : far;
}

static inline float math_sigmoid(float x)
{
    return 1.0f / (1.0f + math_exp(-x));
}

/* The sign of the result, times exp(y log|x|): off by about |y log x| units in the last place.  As IEEE 754 has it, x^0 and
 * 1^y are 1 even for a NaN; a negative x needs a whole y (every float from 2^24 on is even). */
static inline float math_pow(float x, float y)
{
    float size = fabsf(y);
    float whole = size < 8388608.0f ? size + 8388608.0f - 8388608.0f : size;
    uint32_t is_odd = bits_of((size < 8388608.0f ? whole : 0.0f) + 8388608.0f) & 1;
    is_odd = size >= 8388608.0f && size < 16777216.0f ? bits_of(size) & 1 : is_odd;
    float result = math_exp(y * math_log(fabsf(x)));
    result = x < 0.0f && whole != size ? NAN : result;
    result = fabsf(x) == 1.0f && (x == 1.0f || whole == size) ? 1.0f : result;
    result = y == 0.0f ? 1.0f : result;
    uint32_t sign = whole == size && is_odd ? bits_of(x) & 0x80000000 : 0;
    return y != 0.0f && x != x ? NAN : float_of(bits_of(result) ^ sign);
}

/* -Inf would give Inf * 0; the lowest finite number gives -0, as the limit does. */
static inline float math_gelu(float x)
{
    x = x < -FLT_MAX ? -FLT_MAX : x;
    float h = 0.5f * x;
    float inner = 0.79788456f * (x + 0.044715f * x * x * x);
    return h + h * math_tanh(inner);
}

#endif
