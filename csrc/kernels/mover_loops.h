/* Private to csrc/kernels: the pattern loops, compiled once per CPU variant.  Written so that the compiler makes vectors of
 * them: no branch inside, counters that only grow by a constant. */
#include <string.h>

#include "mover_kernel.h"

/* Odd, so that lanes of a block of 2^32 all differ; 2^32 over the golden ratio. */
static const uint32_t LANE_STEP = UINT32_C(0x9E3779B1);

/* A bijection of 32 bits: the multiplier is odd, a shift with exclusive or can be undone. */
static inline uint32_t mixed(uint32_t x)
{
    x ^= x >> 15;
    x *= UINT32_C(0x85EBCA6B);
    return x ^ (x >> 13);
}

/* Differs from block to block of 2^32 lanes. */
static inline uint32_t block_key(uint64_t seed, uint64_t block)
{
    uint64_t x = (seed + block + 1) * UINT64_C(0x9E3779B97F4A7C15);
    x ^= x >> 32;
    x *= UINT64_C(0xD6E8FEB86659FD93);
    return (uint32_t)(x >> 32);
}

/* The accumulator of the first lane at `position`, which lies in one block with all that follow. */
static inline uint32_t first_lane(const struct mv_pattern *pattern, uint64_t position)
{
    uint64_t lane = position / 4;
    return (uint32_t)lane * LANE_STEP + block_key(pattern->seed, lane >> 32);
}

/* Words until the end of the block of 2^32 lanes, at most `count`. */
static inline size_t within_block(uint64_t position, size_t count)
{
    uint64_t left = ((UINT64_C(1) << 34) - (position & ((UINT64_C(1) << 34) - 1))) / 8;
    return count < left ? count : (size_t)left;
}

/* Lanes written as words of the host, which is little-endian (asserted in csrc/segment.c). */
static void random_lanes(uint32_t lane, uint32_t flip_low, uint32_t flip_high, uint64_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        uint64_t low = mixed(lane) ^ flip_low;
        uint64_t high = mixed(lane + LANE_STEP) ^ flip_high;
        to[i] = low | high << 32;
        lane += 2 * LANE_STEP;
    }
}

static void generate(const struct mv_pattern *pattern, uint64_t position, uint64_t *to, size_t count)
{
    const uint64_t mask = pattern->seed ^ pattern->flip;
    if (pattern->kind == MV_CONSTANT) {
        for (size_t i = 0; i < count; i++)
            to[i] = mask;
    } else if (pattern->kind == MV_ADDRESS) {
        for (size_t i = 0; i < count; i++)
            to[i] = (position + 8 * i) ^ mask;
    } else {
        while (count > 0) {
            const size_t part = within_block(position, count);
            random_lanes(first_lane(pattern, position), (uint32_t)pattern->flip, (uint32_t)(pattern->flip >> 32), to,
                         part);
            position += 8 * part;
            to += part;
            count -= part;
        }
    }
}

static bool is_same(const uint64_t *a, const uint64_t *b, size_t count)
{
    uint64_t different = 0;
    for (size_t i = 0; i < count; i++)
        different |= a[i] ^ b[i];
    return different == 0;
}

static bool is_random(uint32_t lane, uint32_t flip_low, uint32_t flip_high, const uint64_t *from, size_t count)
{
    uint64_t different = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t low = mixed(lane) ^ flip_low;
        uint64_t high = mixed(lane + LANE_STEP) ^ flip_high;
        different |= from[i] ^ (low | high << 32);
        lane += 2 * LANE_STEP;
    }
    return different == 0;
}

static bool is_pattern(const struct mv_pattern *pattern, uint64_t position, const uint64_t *from, size_t count)
{
    const uint64_t mask = pattern->seed ^ pattern->flip;
    uint64_t different = 0;
    if (pattern->kind == MV_CONSTANT) {
        for (size_t i = 0; i < count; i++)
            different |= from[i] ^ mask;
    } else if (pattern->kind == MV_ADDRESS) {
        for (size_t i = 0; i < count; i++)
            different |= from[i] ^ (position + 8 * i) ^ mask;
    } else {
        while (count > 0) {
            const size_t part = within_block(position, count);
            if (!is_random(first_lane(pattern, position), (uint32_t)pattern->flip, (uint32_t)(pattern->flip >> 32), from,
                           part))
                return false;
            position += 8 * part;
            from += part;
            count -= part;
        }
    }
    return different == 0;
}
