/* Private to csrc/kernels: what a CPU variant provides, and the blocking that drives all of them. */
#ifndef GAUDI_KERNELS_MME_KERNEL_H
#define GAUDI_KERNELS_MME_KERNEL_H

#include "mme.h"

/* Elements of K between two updates of the result: part of the arithmetic, not a tuning knob. */
enum { MME_STEP_K = 32 };

/* The widest micro tile of any variant, in columns. */
enum { MME_MAX_NR = 32 };

/* A or B seen alike: `outer` runs over rows of A or columns of B.  One of the two strides is 1. */
struct mme_operand {
    const uint16_t *base; /* bf16, or NULL: then fp32 */
    const float *base32;
    size_t outer_count, k_count;
    size_t outer_stride, k_stride; /* in elements */
};

/* What will be multiplied a while later and should be in the L2 cache by then; a hint.  Each step of a multiplication may
 * prefetch MME_SOON_BYTES at `a` and at `b`, and moves on by them.  Readable memory, even if there is nothing to come. */
enum { MME_SOON_BYTES = 256 };

struct mme_soon {
    const uint8_t *a, *b;
};

/* One CPU variant.  Constant; made by its file, read by everybody.
 *
 * A panel is mr rows of A (nr columns of B).  A cell is what a panel holds of one step (32 elements of K), packed the way
 * the variant likes it; cells of a panel that follow each other in K lie behind each other.  A tile is mr x nr fp32 results,
 * row major, aligned to 64 bytes.
 */
struct mme_kernel {
    size_t mr, nr;
    size_t a_cell_bytes, b_cell_bytes; /* multiples of 64 */
    size_t k_block_steps;              /* a panel of B of so many steps fits in the L1 cache */
    size_t block_rows, block_columns;  /* panels of A and of B in a macro tile; with their results they fit in the L2 cache */
    size_t thread_macs;                /* multiply-adds below which another thread costs more than it gives */

    /* Pack one cell; what lies outside of the matrix is packed as +0. */
    void (*pack_a)(const struct mme_operand *a, size_t row, size_t k, void *cell);
    void (*pack_b)(const struct mme_operand *b, size_t column, size_t k, void *cell);

    /* Put the CPU of this thread into the mode that multiply and finish need; leave takes what enter returned
     * and makes what finish has stored visible to other threads. */
    unsigned (*enter)(void);
    void (*leave)(unsigned saved);

    /* tile = tile + a x b over `steps` cells; is_first: the tile counts as +0, whatever it holds. */
    void (*multiply)(const void *a, const void *b, size_t steps, bool is_first, float *tile, const struct mme_soon *soon);

    /* Apply the epilogue to a tile and store the part of it that lies inside of C. */
    void (*finish)(const struct mme_gemm *gemm, const float *tile, size_t row, size_t column);
};

/* How much of A and B may lie packed at one time, in bytes.  A is the inner chunk. */
struct mme_chunk_limits {
    size_t a_bytes, b_bytes;
};

/* The kernel of a variant; NULL for MME_PLAIN, for a CPU that lacks it, and in builds without it.  Not cached: one or two
 * system calls.  variants_x86.c or variants_generic.c, as the build selects. */
const struct mme_kernel *mme_probe_kernel(enum mme_variant variant);

/* The definition: rows [row, row + rows) of a checked gemm, on this thread. */
void mme_plain_rows(const struct mme_gemm *gemm, size_t row, size_t rows);

/* A checked gemm by a kernel, with `threads` threads whatever the size.  Returns 0 or -ENOMEM. */
int mme_gemm_blocked(const struct mme_kernel *kernel, const struct mme_gemm *gemm, const struct mme_chunk_limits *limits,
                     unsigned threads);

/* Pack `width` panel members of one step as fp32: cell[k][outer].  For the variants that multiply in fp32. */
void mme_pack_f32(const struct mme_operand *operand, size_t outer, size_t width, size_t k, float *cell);

extern const struct mme_kernel mme_kernel_avx2;
extern const struct mme_kernel mme_kernel_avx512;
extern const struct mme_kernel mme_kernel_amx;

#endif
