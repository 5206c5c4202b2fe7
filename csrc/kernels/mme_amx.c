/* MME by AMX tiles.  TDPBF16PS carries out one step (32 elements of K) of the arithmetic, for 16 x 16 results.
 * Needs AMX-TILE, AMX-BF16, and AVX-512 F, BW, VL for packing. */
#include "mme_finish.h"

#include <immintrin.h>
#include <stdatomic.h>

/* 2 x 2 tiles of results, two of A and two of B: all eight, and the most products (4) for the tiles loaded (4). */
enum { TILE = 16, MR = 2 * TILE, NR = 2 * TILE, TILE_BYTES = 1024, PAIRS = MME_STEP_K / 2 };

/* All exceptions masked, nearest even, FTZ, DAZ.  The tiles do not look at it, the bias of the epilogue does. */
static const unsigned MXCSR_FTZ_DAZ = 0x9fc0;

/* Palette 1: eight tiles of 16 rows of 64 bytes.  Constant, because GCC believes that LDTILECFG reads 8 bytes only and would
 * drop the stores that fill a variable. */
struct tile_config {
    uint8_t palette, start_row, reserved[14];
    uint16_t row_bytes[16];
    uint8_t rows[16];
};
_Static_assert(sizeof(struct tile_config) == 64, "as LDTILECFG wants it");

static const _Alignas(64) struct tile_config TILE_CONFIG = {
    .palette = 1,
    .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
    .rows = {16, 16, 16, 16, 16, 16, 16, 16},
};

/* GCC's tile intrinsics do not say that they read and write memory; without this, it moves other accesses across them. */
static inline void tile_memory_barrier(void)
{
    atomic_signal_fence(memory_order_seq_cst);
}

/* 16 x 16 words of 32 bits, in place. */
static inline void transpose(__m512i v[TILE])
{
    __m512i t[TILE];
    for (int i = 0; i < TILE; i += 2) {
        t[i] = _mm512_unpacklo_epi32(v[i], v[i + 1]);
        t[i + 1] = _mm512_unpackhi_epi32(v[i], v[i + 1]);
    }
    for (int i = 0; i < TILE; i += 4) {
        v[i] = _mm512_unpacklo_epi64(t[i], t[i + 2]);
        v[i + 1] = _mm512_unpackhi_epi64(t[i], t[i + 2]);
        v[i + 2] = _mm512_unpacklo_epi64(t[i + 1], t[i + 3]);
        v[i + 3] = _mm512_unpackhi_epi64(t[i + 1], t[i + 3]);
    }
    for (int i = 0; i < 4; i++) {
        t[i] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0x88);
        t[i + 4] = _mm512_shuffle_i32x4(v[i], v[i + 4], 0xdd);
        t[i + 8] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0x88);
        t[i + 12] = _mm512_shuffle_i32x4(v[i + 8], v[i + 12], 0xdd);
    }
    for (int i = 0; i < 4; i++) {
        v[i] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0x88);
        v[i + 4] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0x88);
        v[i + 8] = _mm512_shuffle_i32x4(t[i], t[i + 8], 0xdd);
        v[i + 12] = _mm512_shuffle_i32x4(t[i + 4], t[i + 12], 0xdd);
    }
}

/* v[i] = the 16 pairs along K of outer index `outer + i`, for an operand that is contiguous along K. */
static inline void load_by_outer(const struct mme_operand *operand, size_t outer, size_t k, __m512i v[TILE])
{
    const size_t k_left = operand->k_count - k;
    const uint32_t inside = k_left < MME_STEP_K ? (UINT32_C(1) << k_left) - 1 : UINT32_MAX;
    for (size_t i = 0; i < TILE; i++) {
        v[i] = _mm512_setzero_si512();
        if (outer + i < operand->outer_count)
            v[i] = _mm512_maskz_loadu_epi16(inside, operand->base + (outer + i) * operand->outer_stride + k);
    }
}

static inline __m512i load_outer_row(const struct mme_operand *operand, size_t outer, size_t k, unsigned inside)
{
    if (k >= operand->k_count || !inside)
        return _mm512_setzero_si512();
    const uint16_t *row = operand->base + k * operand->k_stride + outer;
    return _mm512_cvtepu16_epi32(_mm256_maskz_loadu_epi16((__mmask16)inside, row));
}

/* v[i] = the pair of elements k + 2i, k + 2i + 1 of 16 outer indices, for an operand that is contiguous along them. */
static inline void load_by_pair(const struct mme_operand *operand, size_t outer, size_t k, __m512i v[TILE])
{
    const size_t left = operand->outer_count > outer ? operand->outer_count - outer : 0;
    const unsigned inside = left < TILE ? (1u << left) - 1 : UINT16_MAX;
    for (size_t i = 0; i < PAIRS; i++) {
        const __m512i low = load_outer_row(operand, outer, k + 2 * i, inside);
        const __m512i high = load_outer_row(operand, outer, k + 2 * i + 1, inside);
        v[i] = _mm512_or_si512(low, _mm512_slli_epi32(high, 16));
    }
}

static inline void store_tile(uint8_t *at, const __m512i v[TILE])
{
    for (size_t i = 0; i < TILE; i++)
        _mm512_store_si512((void *)(at + 64 * i), v[i]);
}

/* A tile of A has a row for each row of A. */
static void pack_a(const struct mme_operand *a, size_t row, size_t k, void *cell)
{
    uint8_t *at = cell;
    for (size_t tile = 0; tile < 2; tile++) {
        __m512i v[TILE];
        if (a->k_stride == 1) {
            load_by_outer(a, row + tile * TILE, k, v);
        } else {
            load_by_pair(a, row + tile * TILE, k, v);
            transpose(v);
        }
        store_tile(at + tile * TILE_BYTES, v);
    }
}

/* A tile of B has a row for each pair of elements along K. */
static void pack_b(const struct mme_operand *b, size_t column, size_t k, void *cell)
{
    uint8_t *at = cell;
    for (size_t tile = 0; tile < 2; tile++) {
        __m512i v[TILE];
        if (b->k_stride == 1) {
            load_by_outer(b, column + tile * TILE, k, v);
            transpose(v);
        } else {
            load_by_pair(b, column + tile * TILE, k, v);
        }
        store_tile(at + tile * TILE_BYTES, v);
    }
}

static unsigned enter(void)
{
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(MXCSR_FTZ_DAZ);
    _tile_loadconfig(&TILE_CONFIG);
    return saved;
}

static void leave(unsigned saved)
{
    _mm_sfence();
    _tile_release();
    _mm_setcsr(saved);
}

static inline void prefetch_quarter(const struct mme_soon *soon, size_t step, size_t quarter, const float *next_tile)
{
    const size_t at = step * MME_SOON_BYTES + quarter * (MME_SOON_BYTES / 4);
    _mm_prefetch((const char *)soon->a + at, _MM_HINT_T1);
    _mm_prefetch((const char *)soon->b + at, _MM_HINT_T1);
    _mm_prefetch((const char *)next_tile + at, _MM_HINT_T0);
}

/* Tiles 0-3: results, row by row; 4, 5: A; 6, 7: B.
 *
 * A and the results are loaded with the hint that they need not stay in the L1 cache, so that the panel of B can: 2.7 instead
 * of 2.4 TFLOP/s.  The prefetches stand between the products because the CPU has 16 buffers for lines under way; all of
 * them at the beginning of a step were 4 % slower. */
static void multiply(const void *a, const void *b, size_t steps, bool is_first, float *tile, const struct mme_soon *soon)
{
    const uint8_t *a_cell = a;
    const uint8_t *b_cell = b;
    const float *next_tile = tile + MR * NR;
    const size_t row_bytes = NR * sizeof *tile;

    tile_memory_barrier();
    if (is_first) {
        _tile_zero(0);
        _tile_zero(1);
        _tile_zero(2);
        _tile_zero(3);
    } else {
        _tile_stream_loadd(0, tile, row_bytes);
        _tile_stream_loadd(1, tile + TILE, row_bytes);
        _tile_stream_loadd(2, tile + TILE * NR, row_bytes);
        _tile_stream_loadd(3, tile + TILE * NR + TILE, row_bytes);
    }
    for (size_t step = 0; step < steps; step++) {
        _tile_stream_loadd(4, a_cell, 64);
        prefetch_quarter(soon, step, 0, next_tile);
        _tile_loadd(6, b_cell, 64);
        _tile_dpbf16ps(0, 4, 6);
        prefetch_quarter(soon, step, 1, next_tile);
        _tile_loadd(7, b_cell + TILE_BYTES, 64);
        _tile_dpbf16ps(1, 4, 7);
        prefetch_quarter(soon, step, 2, next_tile);
        _tile_stream_loadd(5, a_cell + TILE_BYTES, 64);
        _tile_dpbf16ps(2, 5, 6);
        prefetch_quarter(soon, step, 3, next_tile);
        _tile_dpbf16ps(3, 5, 7);
        a_cell += 2 * TILE_BYTES;
        b_cell += 2 * TILE_BYTES;
    }
    _tile_stored(0, tile, row_bytes);
    _tile_stored(1, tile + TILE, row_bytes);
    _tile_stored(2, tile + TILE * NR, row_bytes);
    _tile_stored(3, tile + TILE * NR + TILE, row_bytes);
    tile_memory_barrier();
}

static void finish(const struct mme_gemm *gemm, const float *tile, size_t row, size_t column)
{
    mme_finish_tile(gemm, tile, row, column, MR, NR);
}

const struct mme_kernel mme_kernel_amx = {
    .mr = MR,
    .nr = NR,
    .a_cell_bytes = 2 * TILE_BYTES,
    .b_cell_bytes = 2 * TILE_BYTES,
    .k_block_steps = 10,
    .block_rows = 12,
    .block_columns = 12,
    .thread_macs = 100 * 1000 * 1000,
    .pack_a = pack_a,
    .pack_b = pack_b,
    .enter = enter,
    .leave = leave,
    .multiply = multiply,
    .finish = finish,
};
