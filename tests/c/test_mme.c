/* Every available MME variant against the plain definition, bit for bit; the floating point environment; errors. Last line:
 * "N passed, N failed". */
#include "mme_cases.h"
#include "mme_kernel.h"

#include <errno.h>
#include <fenv.h>

static size_t draw_extent(struct random *random, size_t bound)
{
    static const size_t edges[] = {1, 2, 3, 5, 6, 7, 12, 15, 16, 17, 18, 31, 32, 33, 47, 48, 49, 63, 64, 65, 96, 100};
    const size_t extent = draw(random) & 1 ? edges[draw_below(random, sizeof edges / sizeof *edges)]
                                           : 1 + draw_below(random, bound);
    return extent < bound ? extent : bound;
}

/* By the public door, and by the inner one with more threads and with chunks so small that there are several. */
static void test_random_shapes(size_t rounds)
{
    struct random random = {20240229};
    for (size_t round = 0; round < rounds; round++) {
        const struct shape shape = {.m = draw_extent(&random, 110),
                                    .n = draw_extent(&random, 110),
                                    .k = draw_extent(&random, round % 16 == 0 ? 1500 : 130),
                                    .slack = draw(&random) & 1 ? draw_below(&random, 20) : 0,
                                    .transpose_a = draw(&random) & 1,
                                    .transpose_b = draw(&random) & 1};
        const struct mme_chunk_limits limits = {.a_bytes = draw_below(&random, 60000), .b_bytes = draw_below(&random, 60000)};
        struct test_case test =
            make_case(&random, &shape, (enum kind)(round % KIND_COUNT), round % 2 ? draw(&random) % 8 : 0);
        run_plain(&test);
        for (int variant = MME_AVX2; variant < MME_VARIANT_COUNT; variant++) {
            const enum mme_variant v = (enum mme_variant)variant;
            if (!mme_variant_available(v))
                continue;
            struct mme_gemm gemm = aim(&test, test.output);
            compare(&test, v, mme_multiply(v, &gemm, 1), "public");
            for (unsigned threads = 1; threads <= 3; threads++) {
                struct mme_kernel kernel = *mme_probe_kernel(v);
                kernel.block_rows = 1 + draw_below(&random, 3);
                kernel.block_columns = 1 + draw_below(&random, 3);
                kernel.k_block_steps = 1 + draw_below(&random, 4);
                gemm = aim(&test, test.output);
                compare(&test, v, mme_gemm_blocked(&kernel, &gemm, &limits, threads), "small blocks");
            }
        }
        free_case(&test);
    }
}

/* Large enough for a second thread by the public door, for macro tiles in both directions and several K-blocks. */
static void test_large_shape(bool transpose, size_t k)
{
    struct random random = {5};
    const struct shape shape = {613, 619, k, 3, transpose, transpose};
    struct test_case test = make_case(&random, &shape, WIDE_EXPONENTS, transpose ? 7 : 0);
    struct mme_gemm gemm = aim(&test, test.expected);
    check(mme_multiply(MME_PLAIN, &gemm, 2) == 0, "plain with two threads", "runs");
    for (int variant = MME_AVX2; variant < MME_VARIANT_COUNT; variant++)
        for (int threads = 1; threads <= 2; threads++) {
            if (!mme_variant_available((enum mme_variant)variant))
                continue;
            gemm = aim(&test, test.output);
            compare(&test, (enum mme_variant)variant, mme_multiply((enum mme_variant)variant, &gemm, threads), "large");
        }
    free_case(&test);
}

/* ---- the floating point environment --------------------------------------------------------------------------------- */

/* A program in another rounding mode and with a flag raised gets the same bits, and has its environment back. */
static void test_environment(enum mme_variant variant)
{
    struct random random = {9};
    const struct shape shape = {20, 20, 70, 0, false, false};
    struct test_case test = make_case(&random, &shape, SPECIALS, 1);
    run_plain(&test);
    const struct mme_gemm gemm = aim(&test, test.output);

    feclearexcept(FE_ALL_EXCEPT);
    feraiseexcept(FE_DIVBYZERO);
    fesetround(FE_UPWARD);
    const int status = mme_multiply(variant, &gemm, 1);
    const int round = fegetround();
    const int flags = fetestexcept(FE_ALL_EXCEPT);
    fesetround(FE_TONEAREST);
    feclearexcept(FE_ALL_EXCEPT);

    compare(&test, variant, status, "rounding upward outside");
    check(round == FE_UPWARD, "rounding mode restored by", mme_variant_name(variant));
    check(flags == FE_DIVBYZERO, "flags restored by", mme_variant_name(variant));
    free_case(&test);
}

static volatile float smallest_normal = FLT_MIN;

static void test_denormals_live_on(enum mme_variant variant)
{
    const uint16_t one = 0x3f80;
    float c = 0.0f;
    const struct mme_gemm gemm = {.a = &one, .b = &one, .c = &c, .m = 1, .n = 1, .k = 1, .lda = 1, .ldb = 1, .ldc = 1};
    check(mme_multiply(variant, &gemm, 1) == 0 && smallest_normal * 0.5f > 0.0f, "FTZ and DAZ are gone after",
          mme_variant_name(variant));
}

/* ---- errors --------------------------------------------------------------------------------------------------------- */

static void expect(const struct mme_gemm *gemm, enum mme_variant variant, int threads, int status, const char *what)
{
    check(mme_multiply(variant, gemm, threads) == status, "error for", what);
}

static void test_errors(void)
{
    const uint16_t a[6] = {0}, b[6] = {0};
    float c[4] = {1.0f, 1.0f, 1.0f, 1.0f};
    const struct mme_gemm good = {.a = a, .b = b, .c = c, .m = 2, .n = 2, .k = 2, .lda = 2, .ldb = 2, .ldc = 2};
    const struct mme_epilogue no_c16 = {.output_bf16 = true};
    struct mme_gemm bad;
    expect(NULL, MME_PLAIN, 1, -EINVAL, "no gemm");
    expect(&good, MME_PLAIN, 0, -EINVAL, "no threads");
    expect(&good, MME_VARIANT_COUNT, 1, -EINVAL, "variant outside the enum");
    expect(&good, (enum mme_variant)(-1), 1, -EINVAL, "negative variant");
    bad = good, bad.a = NULL, expect(&bad, MME_PLAIN, 1, -EINVAL, "no a");
    bad = good, bad.b = NULL, expect(&bad, MME_PLAIN, 1, -EINVAL, "no b");
    bad = good, bad.c = NULL, expect(&bad, MME_PLAIN, 1, -EINVAL, "no c");
    bad = good, bad.m = 0, expect(&bad, MME_PLAIN, 1, -EINVAL, "m = 0");
    bad = good, bad.n = 0, expect(&bad, MME_PLAIN, 1, -EINVAL, "n = 0");
    bad = good, bad.k = 0, expect(&bad, MME_PLAIN, 1, -EINVAL, "k = 0");
    bad = good, bad.lda = 1, expect(&bad, MME_PLAIN, 1, -EINVAL, "lda below k");
    bad = good, bad.ldb = 1, expect(&bad, MME_PLAIN, 1, -EINVAL, "ldb below n");
    bad = good, bad.ldc = 1, expect(&bad, MME_PLAIN, 1, -EINVAL, "ldc below n");
    bad = good, bad.k = 3, bad.lda = 2, bad.transpose_a = true, expect(&bad, MME_PLAIN, 1, 0, "nothing: k x m with lda = m");
    bad = good, bad.m = SIZE_MAX / 2, expect(&bad, MME_PLAIN, 1, -EINVAL, "m beyond the address space");
    bad = good, bad.ldc = SIZE_MAX, expect(&bad, MME_PLAIN, 1, -EINVAL, "ldc beyond the address space");
    bad = good, bad.n = SIZE_MAX, bad.ldb = SIZE_MAX, bad.ldc = SIZE_MAX, expect(&bad, MME_PLAIN, 1, -EINVAL, "huge n");
    bad = good, bad.epilogue = &no_c16, expect(&bad, MME_PLAIN, 1, -EINVAL, "bf16 without c16");
    for (int variant = MME_PLAIN; variant < MME_VARIANT_COUNT; variant++)
        if (!mme_variant_available((enum mme_variant)variant))
            expect(&good, (enum mme_variant)variant, 1, -ENOTSUP, "unavailable variant");
    check(strcmp(mme_variant_name(MME_AMX), "amx") == 0, "name of", "amx");
    check(strcmp(mme_variant_name(MME_VARIANT_COUNT), "unknown") == 0, "name of", "nothing");
    check(mme_variant_available(mme_best_variant()), "best variant", "is available");
}

int main(void)
{
    for (int variant = MME_PLAIN; variant < MME_VARIANT_COUNT; variant++) {
        const enum mme_variant v = (enum mme_variant)variant;
        if (!mme_variant_available(v))
            continue;
        test_environment(v);
        test_denormals_live_on(v);
    }
    test_random_shapes(240);
    test_large_shape(false, 530);
    test_large_shape(true, 700);
    test_errors();
    return conclude();
}
