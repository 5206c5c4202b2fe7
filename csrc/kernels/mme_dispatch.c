/* The public face of the MME: checks, choice of variant, number of threads. */
#include "mme_kernel.h"
#include "workers.h"

#include <errno.h>
#include <pthread.h>

/* B: all of a 4096 x 4096 matrix; A: so little that most of it is still in a cache when it is used. */
static const struct mme_chunk_limits CHUNK_LIMITS = {.a_bytes = 8 << 20, .b_bytes = 32 << 20};

/* Rows of an item of work, and work for which a second thread pays, of the plain variant. */
enum { PLAIN_ROWS = 4, PLAIN_THREAD_MACS = 100 * 1000 };

/* Filled once, constant afterwards. */
static pthread_once_t probed = PTHREAD_ONCE_INIT;
static const struct mme_kernel *kernels[MME_VARIANT_COUNT];

static void probe_all(void)
{
    for (int variant = MME_PLAIN; variant < MME_VARIANT_COUNT; variant++)
        kernels[variant] = mme_probe_kernel((enum mme_variant)variant);
}

static bool is_in_enum(enum mme_variant variant)
{
    return (int)variant >= 0 && variant < MME_VARIANT_COUNT;
}

static const struct mme_kernel *kernel_of(enum mme_variant variant)
{
    pthread_once(&probed, probe_all);
    return kernels[variant];
}

/* A rows x columns matrix with `stride` elements a row; `elements` counts up to the last one used. */
static bool is_addressable(size_t rows, size_t columns, size_t stride, size_t element_bytes)
{
    const size_t most = PTRDIFF_MAX / element_bytes;
    if (stride < columns || columns > most)
        return false;
    return rows == 1 || stride <= (most - columns) / (rows - 1);
}

static bool is_valid(const struct mme_gemm *gemm)
{
    if (!gemm || gemm->m == 0 || gemm->n == 0 || gemm->k == 0)
        return false;
    const bool is_bf16 = gemm->a && gemm->b && !gemm->a32 && !gemm->b32;
    const bool is_f32 = !gemm->a && !gemm->b && gemm->a32 && gemm->b32;
    if (!is_bf16 && !is_f32)
        return false;
    const bool output_bf16 = gemm->epilogue && gemm->epilogue->output_bf16;
    if (output_bf16 ? !gemm->epilogue->c16 : !gemm->c)
        return false;
    const size_t a_rows = gemm->transpose_a ? gemm->k : gemm->m;
    const size_t a_columns = gemm->transpose_a ? gemm->m : gemm->k;
    const size_t b_rows = gemm->transpose_b ? gemm->n : gemm->k;
    const size_t b_columns = gemm->transpose_b ? gemm->k : gemm->n;
    const size_t operand_bytes = is_f32 ? sizeof *gemm->a32 : sizeof *gemm->a;
    return is_addressable(a_rows, a_columns, gemm->lda, operand_bytes) &&
           is_addressable(b_rows, b_columns, gemm->ldb, operand_bytes) &&
           is_addressable(gemm->m, gemm->n, gemm->ldc, output_bf16 ? sizeof *gemm->epilogue->c16 : sizeof *gemm->c);
}

static size_t saturated_product(size_t a, size_t b)
{
    return b != 0 && a > SIZE_MAX / b ? SIZE_MAX : a * b;
}

/* To start and join a thread costs about 50 us here, and the first touch of its stack some more: each thread has to have
 * work for about 100 us. */
static unsigned useful_threads(const struct mme_gemm *gemm, size_t thread_macs, int threads)
{
    const size_t macs = saturated_product(saturated_product(gemm->m, gemm->n), gemm->k);
    const size_t useful = macs / thread_macs;
    const size_t bounded = threads < WORKERS_MAX ? (size_t)threads : WORKERS_MAX;
    return (unsigned)(useful > bounded ? bounded : useful > 0 ? useful : 1);
}

static size_t plain_item_count(const void *context, size_t phase)
{
    const struct mme_gemm *gemm = context;
    (void)phase;
    return gemm->m / PLAIN_ROWS + (gemm->m % PLAIN_ROWS != 0);
}

static void plain_run_item(const void *context, unsigned worker, size_t phase, size_t item)
{
    const struct mme_gemm *gemm = context;
    const size_t row = item * PLAIN_ROWS;
    (void)worker;
    (void)phase;
    mme_plain_rows(gemm, row, gemm->m - row < PLAIN_ROWS ? gemm->m - row : PLAIN_ROWS);
}

bool mme_variant_available(enum mme_variant variant)
{
    return variant == MME_PLAIN || (is_in_enum(variant) && kernel_of(variant));
}

enum mme_variant mme_best_variant(void)
{
    int variant = MME_VARIANT_COUNT - 1;
    while (!mme_variant_available((enum mme_variant)variant))
        variant--;
    return (enum mme_variant)variant;
}

const char *mme_variant_name(enum mme_variant variant)
{
    static const char *const names[MME_VARIANT_COUNT] = {
        [MME_PLAIN] = "plain", [MME_AVX2] = "avx2", [MME_AVX512] = "avx512", [MME_AMX] = "amx"};
    return is_in_enum(variant) ? names[variant] : "unknown";
}

int mme_multiply(enum mme_variant variant, const struct mme_gemm *gemm, int threads)
{
    if (!is_in_enum(variant) || threads < 1 || !is_valid(gemm))
        return -EINVAL;
    if (!mme_variant_available(variant))
        return -ENOTSUP;
    if (variant == MME_PLAIN) {
        const struct workers_plan plan = {
            .phase_count = 1, .item_count = plain_item_count, .run_item = plain_run_item, .context = gemm};
        workers_run(&plan, useful_threads(gemm, PLAIN_THREAD_MACS, threads));
        return 0;
    }
    /* Who has AMX, has AVX-512. */
    const struct mme_kernel *kernel = kernel_of(variant == MME_AMX && gemm->a32 ? MME_AVX512 : variant);
    return mme_gemm_blocked(kernel, gemm, &CHUNK_LIMITS, useful_threads(gemm, kernel->thread_macs, threads));
}
