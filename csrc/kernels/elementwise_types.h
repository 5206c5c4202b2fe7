/* Private: between memory and registers, included like elementwise_loops.h.  A register holds fp32 values, of which those of a
 * narrower type use only what that type can represent, or the integers of i32. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_TYPES_H
#define GAUDI_KERNELS_ELEMENTWISE_TYPES_H

#include "elementwise_bits.h"
#include "elementwise_kernel.h"

#include <math.h>

/* An 8-bit format: width of the mantissa, bias of the exponent, largest finite number, NaN, and whether Inf exists. */
struct fp8_format {
    uint32_t mantissa, bias;
    float largest;
    uint8_t nan;
    uint32_t first_special; /* magnitudes from here on are Inf and NaN */
    float below_nan;        /* what the first special one is: Inf, or NaN where there is no Inf */
};

static const struct fp8_format FP8_F8 = {2, 15, 57344.0f, 0x7e, 0x7c, INFINITY};
static const struct fp8_format FP8_HF8 = {3, 7, 240.0f, 0x7c, 0x78, INFINITY};
static const struct fp8_format FP8_HF8_448 = {3, 7, 448.0f, 0x7f, 0x7f, NAN};

static inline const struct fp8_format *fp8_format_of(enum ew_type type)
{
    return type == EW_F8 ? &FP8_F8 : type == EW_HF8 ? &FP8_HF8 : &FP8_HF8_448;
}

/* The smallest normal number, and the distance of denormal ones. */
static inline float fp8_smallest_normal(const struct fp8_format *format)
{
    return float_of((128 - format->bias) << 23);
}

static inline float fp8_unit(const struct fp8_format *format)
{
    return float_of((128 - format->bias - format->mantissa) << 23);
}

static inline float round_to_i32_grid(float x)
{
    float size = fabsf(x);
    float rounded = size < 8388608.0f ? size + 8388608.0f - 8388608.0f : size;
    return x < 0.0f ? -rounded : rounded;
}

static inline int32_t i32_of(float x)
{
    float whole = round_to_i32_grid(x);
    float high = whole < 2147483648.0f ? whole : 2147483520.0f; /* the largest float below 2^31 */
    float low = high > -2147483648.0f ? high : -2147483648.0f;
    int32_t value = (int32_t)(x == x ? low : 0.0f);
    return whole >= 2147483648.0f ? INT32_MAX : value;
}

/* The number of the format that is nearest, as fp32. */
static inline float round_to_fp8(float x, const struct fp8_format *format)
{
    const uint32_t dropped = 23 - format->mantissa;
    const uint32_t bits = canonical_nan(bits_of(x));
    const uint32_t size = bits & 0x7fffffff;
    const uint32_t half = (1u << (dropped - 1)) - 1;
    const uint32_t normal = (size + half + ((size >> dropped) & 1)) >> dropped << dropped;
    const float shifter = 8388608.0f * fp8_unit(format);
    const float tiny = float_of(size) + shifter - shifter;
    float rounded = float_of(size) < fp8_smallest_normal(format) ? tiny : float_of(normal);
    rounded = rounded > format->largest ? format->largest : rounded;
    const uint32_t kept = size > 0x7f800000 ? 0x7fc00000 : bits_of(rounded) | (bits & 0x80000000);
    return float_of(kept);
}

/* For a number that the format has. */
static inline uint8_t encode_fp8(float x, const struct fp8_format *format)
{
    const uint32_t bits = bits_of(x);
    const uint32_t size = bits & 0x7fffffff;
    const uint32_t normal = (size >> (23 - format->mantissa)) - ((127 - format->bias) << format->mantissa);
    const float units = float_of(size > 0x7f800000 ? 0 : size) * (1.0f / fp8_unit(format));
    const uint32_t tiny = (uint32_t)(int32_t)(units > 255.0f ? 255.0f : units);
    const uint32_t finite = float_of(size) < fp8_smallest_normal(format) ? tiny : normal;
    return (uint8_t)(size > 0x7f800000 ? format->nan : finite | (bits >> 24 & 0x80));
}

static inline float decode_fp8(uint8_t byte, const struct fp8_format *format)
{
    const uint32_t size = byte & 0x7fu;
    const uint32_t normal = (size << (23 - format->mantissa)) + ((127 - format->bias) << 23);
    const float tiny = (float)(int32_t)size * fp8_unit(format);
    float value = size >> format->mantissa == 0 ? tiny : float_of(normal);
    value = size == format->first_special ? format->below_nan : value;
    value = size > format->first_special ? NAN : value;
    return float_of(canonical_nan(bits_of(value) | (byte & 0x80u) << 24));
}

/* `count` elements from memory into a register. */
static void load_run(const void *from, enum ew_type type, float *to, size_t count)
{
    if (type == EW_F32 || type == EW_I32) {
        memcpy(to, from, count * sizeof *to);
    } else if (type == EW_BF16) {
        const uint16_t *halves = from;
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            to[i] = float_of(widen(halves[i]));
    } else {
        const struct fp8_format format = *fp8_format_of(type);
        const uint8_t *bytes = from;
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            to[i] = decode_fp8(bytes[i], &format);
    }
}

/* And back. */
static void store_run(const float *from, enum ew_type type, void *to, size_t count)
{
    if (type == EW_F32 || type == EW_I32) {
        if (to != from)
            memcpy(to, from, count * sizeof *from);
    } else if (type == EW_BF16) {
        uint16_t *halves = to;
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            halves[i] = (uint16_t)(bits_of(from[i]) >> 16);
    } else {
        const struct fp8_format format = *fp8_format_of(type);
        uint8_t *bytes = to;
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            bytes[i] = encode_fp8(from[i], &format);
    }
}

/* fp32 values to those that `type` has; they stay fp32. */
static void round_run(float *values, enum ew_type type, size_t count)
{
    if (type == EW_BF16) {
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            values[i] = float_of((uint32_t)round_to_bf16(bits_of(values[i])) << 16);
    } else if (type != EW_F32) {
        const struct fp8_format format = *fp8_format_of(type);
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            values[i] = round_to_fp8(values[i], &format);
    }
}

static void cast_run(const void *from, enum ew_type type, float *to, enum ew_type result, size_t count)
{
    const float *wide = from;
    if (type == EW_I32) {
        const int32_t *whole = from;
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            to[i] = (float)whole[i];
        wide = to;
    }
    if (result == EW_I32) {
        int32_t *whole = (int32_t *)(void *)to;
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            whole[i] = i32_of(wide[i]);
        return;
    }
    if (wide != to)
#pragma omp simd
        for (size_t i = 0; i < count; i++)
            to[i] = canonical(wide[i]);
    round_run(to, result, count);
}

#endif
