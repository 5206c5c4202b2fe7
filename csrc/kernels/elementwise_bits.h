/* Private: floats as bits, and the rounding to bf16. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_BITS_H
#define GAUDI_KERNELS_ELEMENTWISE_BITS_H

#include <stdint.h>
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

static inline float canonical(float value)
{
    return float_of(canonical_nan(bits_of(value)));
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

#endif
