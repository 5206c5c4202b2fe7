/* MME by fp32 fused multiply-adds of 512 bits.  Needs AVX-512 F. */
#include "mme_finish.h"

#include <immintrin.h>

/* 6 rows x 2 vectors x (even, odd) are 24 of the 32 registers; 12 independent chains a parity cover the latency of 4 cycles. */
enum { MR = 6, VECTORS = 2, LANES = 16, NR = VECTORS * LANES };

/* All exceptions masked, nearest even, FTZ, DAZ. */
static const unsigned MXCSR_FTZ_DAZ = 0x9fc0;

static void pack_a(const struct mme_operand *a, size_t row, size_t k, void *cell)
{
    mme_pack_f32(a, row, MR, k, cell);
}

static void pack_b(const struct mme_operand *b, size_t column, size_t k, void *cell)
{
    mme_pack_f32(b, column, NR, k, cell);
}

static unsigned enter(void)
{
    const unsigned saved = _mm_getcsr();
    _mm_setcsr(MXCSR_FTZ_DAZ);
    return saved;
}

static void leave(unsigned saved)
{
    _mm_sfence();
    _mm_setcsr(saved);
}

static inline void add_product(__m512 sums[MR][VECTORS], const float *a, const float *b)
{
    const __m512 left = _mm512_load_ps(b);
    const __m512 right = _mm512_load_ps(b + LANES);
    for (size_t i = 0; i < MR; i++) {
        const __m512 factor = _mm512_set1_ps(a[i]);
        sums[i][0] = _mm512_fmadd_ps(factor, left, sums[i][0]);
        sums[i][1] = _mm512_fmadd_ps(factor, right, sums[i][1]);
    }
}

static inline void multiply_step(const float *a, const float *b, bool is_first, float *tile)
{
    __m512 even[MR][VECTORS], odd[MR][VECTORS];
    for (size_t i = 0; i < MR; i++)
        for (size_t v = 0; v < VECTORS; v++)
            even[i][v] = odd[i][v] = _mm512_setzero_ps();
    for (size_t k = 0; k < MME_STEP_K; k += 2) {
        add_product(even, a + k * MR, b + k * NR);
        add_product(odd, a + (k + 1) * MR, b + (k + 1) * NR);
    }
    for (size_t i = 0; i < MR; i++)
        for (size_t v = 0; v < VECTORS; v++) {
            float *at = tile + i * NR + v * LANES;
            const __m512 old = is_first ? _mm512_setzero_ps() : _mm512_load_ps(at);
            _mm512_store_ps(at, _mm512_add_ps(old, _mm512_add_ps(even[i][v], odd[i][v])));
        }
}

static void multiply(const void *a, const void *b, size_t steps, bool is_first, float *tile, const struct mme_soon *soon)
{
    const float *a_cell = a;
    const float *b_cell = b;
    (void)soon; /* not worth it: these variants are bound by their arithmetic */
    for (size_t step = 0; step < steps; step++) {
        multiply_step(a_cell, b_cell, is_first && step == 0, tile);
        a_cell += MME_STEP_K * MR;
        b_cell += MME_STEP_K * NR;
    }
}

static void finish(const struct mme_gemm *gemm, const float *tile, size_t row, size_t column)
{
    mme_finish_tile(gemm, tile, row, column, MR, NR);
}

const struct mme_kernel mme_kernel_avx512 = {
    .mr = MR,
    .nr = NR,
    .a_cell_bytes = MME_STEP_K * MR * sizeof(float),
    .b_cell_bytes = MME_STEP_K * NR * sizeof(float),
    .k_block_steps = 8,
    .block_rows = 40,
    .block_columns = 8,
    .thread_macs = 8 * 1000 * 1000,
    .pack_a = pack_a,
    .pack_b = pack_b,
    .enter = enter,
    .leave = leave,
    .multiply = multiply,
    .finish = finish,
};
