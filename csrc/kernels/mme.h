/* Matrix multiplication as the emulated MME defines it: bf16 or fp32 operands, fp32 result, the same bits on every host.
 *
 * THE ARITHMETIC (mme_plain.c is its one definition):
 *   - a product is not rounded before it is added (of two bf16 values it is exact in fp32 anyway);
 *   - the common dimension K is cut into blocks of 32 elements, the last one padded with +0;
 *   - within a block two fp32 accumulators start at +0: one takes the elements at even, one those at odd positions, in
 *     ascending order, each by one fused multiply-add;
 *   - the result starts at +0 and becomes result + (even + odd) after every block;
 *   - every fused multiply-add and every addition rounds to nearest even; a denormal operand counts as zero of its sign;
 *     a result that is below 2^-126 after rounding with unbounded exponent becomes zero of its sign;
 *   - a NaN is stored as 0x7fc00000.
 * For bf16 it equals the AMX instruction TDPBF16PS, for both types x86 FMA with FTZ and DAZ set.  VDPBF16PS orders otherwise.
 *
 * THREADS: every function here may be called from any number of threads at once, and after fork().  The floating point
 * environment of the caller (MXCSR: modes and flags) is the same after a call as before it, and does not alter the result.
 */
#ifndef GAUDI_KERNELS_MME_H
#define GAUDI_KERNELS_MME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Implementations of the one arithmetic, slowest first.  Only their speed differs.  MME_AMX multiplies fp32 as MME_AVX512. */
enum mme_variant { MME_PLAIN, MME_AVX2, MME_AVX512, MME_AMX, MME_VARIANT_COUNT };

/* What happens to a finished element, in this order; owned by the caller, read during the call only.
 *   bias         n values, bias[j] is added to column j in fp32 under the rules above; NULL adds nothing.
 *   relu         max(x, 0): -0 becomes +0, NaN stays 0x7fc00000.
 *   output_bf16  store bf16 into c16 (m x n, ldc elements a row) and leave mme_gemm.c alone (it may be NULL).  Rounded to
 *                nearest even; too large is Inf; NaN is 0x7fc0; no denormal can come out.
 */
struct mme_epilogue {
    const float *bias;
    bool relu;
    bool output_bf16;
    uint16_t *c16;
};

/* One multiplication C = A x B, all row major; owned by the caller, not modified, read during the call only.
 *   a    m x k with lda >= k elements from row to row; with transpose_a: k x m, lda >= m.
 *   b    k x n, ldb >= n; with transpose_b: n x k, ldb >= k.
 *        Both are bf16 in a and b, or both fp32 in a32 and b32; then a and b are NULL.
 *   c    m x n fp32, ldc >= n; overwritten, never read.  Elements between n and ldc are left alone.
 * C must not overlap A, B or the bias.  m, n and k are at least 1.  Natural alignment suffices; 64 bytes is fastest.
 */
struct mme_gemm {
    const uint16_t *a;
    const uint16_t *b;
    const float *a32;
    const float *b32;
    float *c;
    size_t m, n, k;
    size_t lda, ldb, ldc;
    bool transpose_a, transpose_b;
    const struct mme_epilogue *epilogue; /* NULL: store fp32 as it is */
};

/* Whether this build, CPU and operating system can run the variant; false for values outside the enum.  The first call asks
 * the kernel for permission to use the AMX tiles (arch_prctl ARCH_REQ_XCOMP_PERM, valid for the whole process); a refusal,
 * for instance by a container's seccomp profile or a small sigaltstack, makes MME_AMX unavailable.  Cached.  MME_PLAIN is
 * always available. */
bool mme_variant_available(enum mme_variant variant);

/* The fastest variant that is available. */
enum mme_variant mme_best_variant(void);

/* "plain", "avx2", "avx512", "amx"; "unknown" for values outside the enum.  Static storage. */
const char *mme_variant_name(enum mme_variant variant);

/* Carry out one multiplication.  `threads` (>= 1) is an upper bound that includes the caller's thread; small shapes use
 * fewer, and a thread that cannot be started is done without.  Threads are joined before the return; the result does not
 * depend on their number.  Working memory is at most 40 MiB, plus 2 KiB times k, plus 1 MiB a thread; one block of at most
 * 64 MiB is kept for the next call.
 *
 * Returns 0, or with C untouched:
 *   -EINVAL   NULL where a matrix is needed, a dimension of 0, a leading dimension below the width, a matrix whose size in
 *             bytes exceeds PTRDIFF_MAX, threads < 1, or a variant outside the enum
 *   -ENOTSUP  the variant is not available here
 *   -ENOMEM   no working memory
 */
int mme_multiply(enum mme_variant variant, const struct mme_gemm *gemm, int threads);

/* Share of bits, 0..1, that differ between one element and the next as an operand lies in memory, from up to 2048 pairs that
 * are spread evenly: what the wires of the MME toggle.  element_bytes is 1, 2 or 4; fewer than two elements give 0. */
double mme_toggle_rate(const void *data, size_t element_bytes, size_t elements);

#ifdef __cplusplus
}
#endif

#endif
