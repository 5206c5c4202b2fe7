/* CRC-32C by the instruction of SSE4.2.  It takes 3 cycles but can start one each cycle, so long buffers are cut into three
 * lanes that run at the same time and are joined by a carry-less multiplication. */
#include "crc32c_kernel.h"

#include <immintrin.h>
#include <string.h>

/* Lanes of one length.  To append n zero bytes is to multiply by x^(8n) modulo the polynomial; the instruction itself
 * contributes x^32 and the reflected product x, so the factors are x^(8n - 33), reflected, for n = one and two lanes. */
struct lanes {
    size_t bytes;
    uint32_t past_one, past_two;
};
static const struct lanes LONG_LANES = {1024, 0x170076fa, 0xa51b6135};
static const struct lanes SHORT_LANES = {128, 0x0d3b6092, 0xb9e02b86};

static inline uint64_t load64(const uint8_t *at)
{
    uint64_t value;
    memcpy(&value, at, sizeof value);
    return value;
}

static inline uint64_t append_zeros(uint64_t crc, uint32_t factor)
{
    const __m128i product =
        _mm_clmulepi64_si128(_mm_cvtsi32_si128((int)(uint32_t)crc), _mm_cvtsi32_si128((int)factor), 0);
    return _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(product));
}

/* The CRC (without the inversions) of three lanes that follow each other. */
static inline uint64_t three_lanes(uint64_t crc, const uint8_t *at, const struct lanes *lanes)
{
    uint64_t second = 0, third = 0;
    for (size_t i = 0; i < lanes->bytes; i += 8) {
        crc = _mm_crc32_u64(crc, load64(at + i));
        second = _mm_crc32_u64(second, load64(at + lanes->bytes + i));
        third = _mm_crc32_u64(third, load64(at + 2 * lanes->bytes + i));
    }
    return append_zeros(crc, lanes->past_two) ^ append_zeros(second, lanes->past_one) ^ third;
}

uint32_t crc32c_sse42(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    uint64_t state = ~crc;
    for (; bytes >= 3 * LONG_LANES.bytes; bytes -= 3 * LONG_LANES.bytes, at += 3 * LONG_LANES.bytes)
        state = three_lanes(state, at, &LONG_LANES);
    for (; bytes >= 3 * SHORT_LANES.bytes; bytes -= 3 * SHORT_LANES.bytes, at += 3 * SHORT_LANES.bytes)
        state = three_lanes(state, at, &SHORT_LANES);
    for (; bytes >= 8; bytes -= 8, at += 8)
        state = _mm_crc32_u64(state, load64(at));
    for (; bytes > 0; bytes--, at++)
        state = _mm_crc32_u8((uint32_t)state, *at);
    return ~(uint32_t)state;
}
