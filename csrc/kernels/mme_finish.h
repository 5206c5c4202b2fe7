/* Private to the CPU variants of the MME: from a tile of results to C.  Included, not linked, so that the compiler
 * vectorises it for the instruction set of each.  Needs FTZ and DAZ in MXCSR: the addition of the bias relies on them. */
#ifndef GAUDI_KERNELS_MME_FINISH_H
#define GAUDI_KERNELS_MME_FINISH_H

#include "mme_kernel.h"

#include <immintrin.h>
#include <string.h>

/* Results from which C is stored past the caches: 1 MiB of fp32, half of an L2 cache.  A smaller C is likely to be read soon;
 * a larger one would be fetched from memory only to be overwritten (5 to 70 % of the time of a multiplication). */
enum { MME_STREAMED_RESULTS = 256 * 1024 };

/* Whole cache lines only.  The variant's leave() makes what is streamed visible to other threads. */
static inline void mme_store_row(void *to, const void *from, size_t bytes, bool is_streamed)
{
    if (!is_streamed || (uintptr_t)to % 64 != 0 || bytes % 64 != 0) {
        memcpy(to, from, bytes);
        return;
    }
    for (size_t i = 0; i < bytes; i += sizeof(__m256i)) {
        const __m256i part = _mm256_loadu_si256((const void *)((const uint8_t *)from + i));
        _mm256_stream_si256((void *)((uint8_t *)to + i), part);
    }
}

/* After this a set sign bit means a negative number or -0, never a NaN. */
static inline uint32_t mme_canonical_nan(uint32_t bits)
{
    return (bits & 0x7fffffff) > 0x7f800000 ? 0x7fc00000 : bits;
}

static inline void mme_finish_row(const struct mme_gemm *gemm, const float *values, size_t row, size_t column, size_t count,
                                  bool is_streamed)
{
    const struct mme_epilogue *epilogue = gemm->epilogue;
    const size_t at = row * gemm->ldc + column;
    float sums[MME_MAX_NR];
    uint32_t bits[MME_MAX_NR];
    uint16_t halves[MME_MAX_NR];

    if (epilogue && epilogue->bias) {
        for (size_t i = 0; i < count; i++)
            sums[i] = values[i] + epilogue->bias[column + i];
        values = sums;
    }
    memcpy(bits, values, count * sizeof *bits);
    for (size_t i = 0; i < count; i++)
        bits[i] = mme_canonical_nan(bits[i]);
    if (epilogue && epilogue->relu)
        for (size_t i = 0; i < count; i++)
            bits[i] = bits[i] >> 31 ? 0 : bits[i];
    if (!epilogue || !epilogue->output_bf16) {
        mme_store_row(gemm->c + at, bits, count * sizeof *bits, is_streamed);
        return;
    }
    /* Nearest even; the canonical NaN and Inf pass through unharmed, and there are no denormals. */
    for (size_t i = 0; i < count; i++)
        halves[i] = (uint16_t)((bits[i] + 0x7fff + ((bits[i] >> 16) & 1)) >> 16);
    mme_store_row(epilogue->c16 + at, halves, count * sizeof *halves, is_streamed);
}

/* mr and nr are constants in every caller; the full width is apart so that its loops have a constant length. */
static inline void mme_finish_tile(const struct mme_gemm *gemm, const float *tile, size_t row, size_t column, size_t mr,
                                   size_t nr)
{
    const size_t rows = gemm->m - row < mr ? gemm->m - row : mr;
    const size_t columns = gemm->n - column < nr ? gemm->n - column : nr;
    const bool is_streamed = gemm->m * gemm->n > MME_STREAMED_RESULTS;
    if (columns == nr) {
        for (size_t i = 0; i < rows; i++)
            mme_finish_row(gemm, tile + i * nr, row + i, column, nr, is_streamed);
        return;
    }
    for (size_t i = 0; i < rows; i++)
        mme_finish_row(gemm, tile + i * nr, row + i, column, columns, is_streamed);
}

#endif
