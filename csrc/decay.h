/* The one function that every evaluation of the published future spends its time in. Written out here: the same bits with
 * every C library and on every machine, no call, and no symbol newer than those that we promise. */
#ifndef GAUDI_DECAY_H
#define GAUDI_DECAY_H

#include <stdint.h>
#include <string.h>

/* 2^k for k in -1022 .. 0. */
static inline double gaudi_power_of_two(int64_t k)
{
    uint64_t bits = (uint64_t)(k + 1023) << 52;
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

/* exp(-x) for x >= 0 to within 2^-51 of its value, 1 for 0; 0 from 64 on, which is below anything that can be seen, and for
 * NaN. -x = k ln 2 + r with |r| <= ln 2 / 2, then the Taylor series of exp(r): its 14th term is below 2^-57. */
static inline double gaudi_decay(double x)
{
    static const double SHIFT = 0x1.8p52; /* adding and subtracting it rounds to a whole number */
    static const double LOG2_E = 0x1.71547652b82fep+0;
    static const double LN2_HIGH = 0x1.62e42fee00000p-1; /* 32 bits, so that its product with k is exact */
    static const double LN2_LOW = 0x1.a39ef35793c76p-33;
    if (!(x < 64.0))
        return 0.0;
    double k = SHIFT - x * LOG2_E - SHIFT;
    double r = (-x - k * LN2_HIGH) - k * LN2_LOW;
    double r2 = r * r;
    double r4 = r2 * r2;
    double low = (1.0 + r) + r2 * (1.0 / 2 + r * (1.0 / 6));
    double middle = (1.0 / 24 + r * (1.0 / 120)) + r2 * (1.0 / 720 + r * (1.0 / 5040));
    double high = (1.0 / 40320 + r * (1.0 / 362880)) + r2 * (1.0 / 3628800 + r * (1.0 / 39916800));
    double highest = 1.0 / 479001600 + r * (1.0 / 6227020800.0);
    return (low + r4 * (middle + r4 * (high + r4 * highest))) * gaudi_power_of_two((int64_t)k);
}

/* Nanoseconds in seconds. Signed: the conversion of an unsigned number takes twice as long. */
static inline double gaudi_seconds(uint64_t ns)
{
    return (double)(int64_t)ns * 1e-9;
}

#endif
