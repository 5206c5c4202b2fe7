/* CRC-32C by folding with carry-less multiplications of 512 bits: four registers of 64 bytes run through the data, are
 * folded into one of 16 bytes, and the instruction of SSE4.2 finishes.
 *
 * To fold a register over a distance of D bits is to multiply its halves by x^(D + 32) and x^(D - 32) modulo the
 * polynomial; in the reflected representation these are the bit-reversed remainders, shifted left by one because a
 * reflected product of 64 x 64 bits comes out one bit short. */
#include "crc32c_kernel.h"

#include <immintrin.h>

enum { BLOCK_BYTES = 256 };

/* D = 2048 from block to block, 512 from register to register, 128 within a register. */
struct fold {
    long long low, high;
};
static const struct fold OVER_2048 = {0xdcb17aa4, 0xb9e02b86};
static const struct fold OVER_512 = {0x740eef02, 0x9e4addf8};
static const struct fold OVER_128 = {0xf20c0dfe, 0x14cd00bd6};

static inline __m512i fold512(__m512i value, __m512i factor, __m512i next)
{
    __m512i low = _mm512_clmulepi64_epi128(value, factor, 0x00);
    __m512i high = _mm512_clmulepi64_epi128(value, factor, 0x11);
    return _mm512_ternarylogic_epi64(low, high, next, 0x96); /* exclusive or of all three */
}

static inline __m128i fold128(__m128i value, __m128i factor, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(value, factor, 0x00);
    __m128i high = _mm_clmulepi64_si128(value, factor, 0x11);
    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

static inline __m512i factor512(struct fold fold)
{
    return _mm512_set_epi64(fold.high, fold.low, fold.high, fold.low, fold.high, fold.low, fold.high, fold.low);
}

/* The CRC, without its inversions, of whole blocks. */
static uint64_t whole_blocks(uint64_t state, const uint8_t *at, size_t blocks)
{
    const __m512i far = factor512(OVER_2048);
    const __m512i near = factor512(OVER_512);
    const __m128i within = _mm_set_epi64x(OVER_128.high, OVER_128.low);
    __m512i a = _mm512_loadu_si512(at);
    __m512i b = _mm512_loadu_si512(at + 64);
    __m512i c = _mm512_loadu_si512(at + 128);
    __m512i d = _mm512_loadu_si512(at + 192);
    a = _mm512_xor_si512(a, _mm512_zextsi128_si512(_mm_cvtsi64_si128((long long)state)));
    for (size_t i = 1; i < blocks; i++) {
        at += BLOCK_BYTES;
        a = fold512(a, far, _mm512_loadu_si512(at));
        b = fold512(b, far, _mm512_loadu_si512(at + 64));
        c = fold512(c, far, _mm512_loadu_si512(at + 128));
        d = fold512(d, far, _mm512_loadu_si512(at + 192));
    }
    d = fold512(fold512(fold512(a, near, b), near, c), near, d);
    __m128i rest = fold128(_mm512_castsi512_si128(d), within, _mm512_extracti32x4_epi32(d, 1));
    rest = fold128(rest, within, _mm512_extracti32x4_epi32(d, 2));
    rest = fold128(rest, within, _mm512_extracti32x4_epi32(d, 3));
    state = _mm_crc32_u64(0, (uint64_t)_mm_cvtsi128_si64(rest));
    return _mm_crc32_u64(state, (uint64_t)_mm_extract_epi64(rest, 1));
}

uint32_t crc32c_avx512(uint32_t crc, const void *data, size_t bytes)
{
    size_t blocks = bytes / BLOCK_BYTES;
    if (blocks == 0)
        return crc32c_sse42(crc, data, bytes);
    uint32_t state = (uint32_t)whole_blocks((uint32_t)~crc, data, blocks);
    return crc32c_sse42(~state, (const uint8_t *)data + blocks * BLOCK_BYTES, bytes % BLOCK_BYTES);
}
