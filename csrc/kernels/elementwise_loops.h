/* Private: the elementwise loops.  Included, not linked, so that the compiler vectorises them for the instruction set of each
 * including file, which puts them into its struct ew_functions.
 *
 * "omp simd" (-fopenmp-simd, no OpenMP runtime) promises that iterations are independent, which holds for `out` equal to an
 * operand too; without it the compiler would test for overlap and take the slow path.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_LOOPS_H
#define GAUDI_KERNELS_ELEMENTWISE_LOOPS_H

#include "elementwise_kernel.h"

#include <string.h>

static inline uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static inline float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* Hosts differ in the sign and the payload of the NaN they make. */
static inline uint32_t canonical_nan(uint32_t bits)
{
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits;
}

static inline uint32_t flush(uint32_t bits)
{
    return (bits & 0x7f800000) == 0 ? bits & 0x80000000 : bits;
}

/* For canonical bits: a set sign means negative or -0. */
static inline uint32_t rectify(uint32_t bits)
{
    return bits >> 31 ? 0 : bits;
}

/* Adding just less than half a unit, or half where the unit is odd, rounds to nearest even; the canonical NaN and Inf pass
 * unharmed, and a carry into the exponent is right. */
static inline uint16_t round_to_bf16(uint32_t bits)
{
    bits = flush(canonical_nan(bits));
    return (uint16_t)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}

static inline uint32_t widen(uint16_t value)
{
    return canonical_nan(flush((uint32_t)value << 16));
}

static void add_f32(const float *a, const float *b, float *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = float_of(canonical_nan(bits_of(a[i] + b[i])));
}

static void add_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = round_to_bf16(bits_of(float_of(widen(a[i])) + float_of(widen(b[i]))));
}

static void mul_f32(const float *a, const float *b, float *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = float_of(canonical_nan(bits_of(a[i] * b[i])));
}

static void mul_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = round_to_bf16(bits_of(float_of(widen(a[i])) * float_of(widen(b[i]))));
}

static void relu_f32(const float *a, float *out, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        out[i] = float_of(rectify(canonical_nan(bits_of(a[i]))));
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

#endif
