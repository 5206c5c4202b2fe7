/* What the arithmetic tests share: counting checks, reproducible random numbers, the bits of numbers. One thread. */
#ifndef CHECK_H
#define CHECK_H

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    size_t passed, failed;
} results;

static inline void check(bool is_right, const char *what, const char *detail)
{
    if (is_right) {
        results.passed++;
        return;
    }
    results.failed++;
    printf("FAILED: %s %s\n", what, detail);
}

/* xorshift64*: the same inputs on every host. */
struct random {
    uint64_t state;
};

static inline uint32_t draw(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)(random->state * UINT64_C(2685821657736338717) >> 32);
}

static inline size_t draw_below(struct random *random, size_t bound)
{
    return draw(random) % bound;
}

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

static inline float widen(uint16_t value)
{
    return float_of((uint32_t)value << 16);
}

/* bf16 from its fields. */
static inline uint16_t bf16(unsigned sign, int exponent, unsigned mantissa)
{
    return (uint16_t)(sign << 15 | (unsigned)(exponent + 127) << 7 | mantissa);
}

static inline float flush(float value)
{
    return fabsf(value) < FLT_MIN ? copysignf(0.0f, value) : value;
}

static inline uint16_t draw_special(struct random *random)
{
    static const uint16_t specials[] = {0x0000, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0xffc1, 0x7f81, 0x0001, 0x807f,
                                        0x0080, 0x8080, 0x7f7f, 0xff7f, 0x3f80, 0xbf80};
    return specials[draw_below(random, sizeof specials / sizeof *specials)];
}

static inline void *must_allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory) {
        printf("no memory\n0 passed, 1 failed\n");
        exit(1);
    }
    return memory;
}

/* The last line of a program, and its exit status. */
static inline int conclude(void)
{
    printf("%zu passed, %zu failed\n", results.passed, results.failed);
    return results.failed == 0 ? 0 : 1;
}

#endif
