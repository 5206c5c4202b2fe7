/* The definition of the MME's arithmetic against known answers, for every variant; and that the inputs of these tests tell wrong
 * arithmetic from right: other orders of addition, and denormals that are kept, have to give other bits on them. Last
 * line: "N passed, N failed". */
#include "mme_cases.h"

/* ---- wrong arithmetic: has to be told from right -------------------------------------------------------------------- */

enum wrong { ONE_CHAIN, BLOCKS_OF_16, PAIRS_FIRST, HALVES, DENORMALS_KEPT, FLUSH_BEFORE_ROUNDING, WRONG_COUNT };

static const char *const WRONG_NAMES[WRONG_COUNT] = {
    "one accumulator in sequence", "blocks of 16", "pairs first, as VDPBF16PS", "first and second half instead of even and odd",
    "denormals kept",              "tininess before rounding"};

/* Right but at the border, where it takes the unrounded result; the naive way to write it. */
static float fma_before_rounding(float a, float b, float c)
{
    const double exact_enough = (double)a * (double)b + (double)c;
    const float rounded = fmaf(a, b, c);
    return fabs(exact_enough) < (double)FLT_MIN ? copysignf(0.0f, rounded) : rounded;
}

/* The rules with one of them broken. */
static float wrong_dot(enum wrong wrong, const struct mme_gemm *gemm, size_t row, size_t column)
{
    const size_t block = wrong == ONE_CHAIN ? SIZE_MAX : wrong == BLOCKS_OF_16 ? 16 : 32;
    float result = 0.0f;
    float sum[2] = {0.0f, 0.0f};
    for (size_t k = 0; k < gemm->k; k++) {
        const float raw_a = widen(gemm->a[row * gemm->lda + k]);
        const float raw_b = widen(gemm->b[k * gemm->ldb + column]);
        const float a = wrong == DENORMALS_KEPT ? raw_a : flush(raw_a);
        const float b = wrong == DENORMALS_KEPT ? raw_b : flush(raw_b);
        float *into = &sum[wrong == ONE_CHAIN ? 0 : wrong == HALVES ? k % 32 / 16 : k % 2];
        if (wrong == PAIRS_FIRST && k % 2 == 1)
            into = &sum[0];
        if (wrong == DENORMALS_KEPT)
            *into = fmaf(a, b, *into);
        else if (wrong == FLUSH_BEFORE_ROUNDING)
            *into = fma_before_rounding(a, b, *into);
        else
            *into = flush(fmaf(a, b, *into));
        if ((block != SIZE_MAX && k % block == block - 1) || k == gemm->k - 1) {
            const float both = wrong == DENORMALS_KEPT ? sum[0] + sum[1] : flush(sum[0] + sum[1]);
            result = wrong == DENORMALS_KEPT ? result + both : flush(result + both);
            sum[0] = sum[1] = 0.0f;
        }
    }
    return isnan(result) ? float_of(0x7fc00000) : result;
}

static size_t count_differences(enum wrong wrong, enum kind kind)
{
    struct random random = {77};
    const struct shape shape = {48, 48, 96, 0, false, false};
    struct test_case test = make_case(&random, &shape, kind, 0);
    struct mme_gemm gemm = aim(&test, test.expected);
    size_t differences = 0;
    check(mme_multiply(MME_PLAIN, &gemm, 1) == 0, "plain runs on", KIND_NAMES[kind]);
    for (size_t i = 0; i < gemm.m; i++)
        for (size_t j = 0; j < gemm.n; j++)
            differences += bits_of(wrong_dot(wrong, &gemm, i, j)) != bits_of(gemm.c[i * gemm.ldc + j]);
    free_case(&test);
    return differences;
}

static void test_inputs_reveal_wrong_arithmetic(void)
{
    for (int wrong = 0; wrong < WRONG_COUNT; wrong++) {
        size_t total = 0;
        printf("%-46s differs in", WRONG_NAMES[wrong]);
        for (int kind = 0; kind < KIND_COUNT; kind++) {
            const size_t differences = count_differences((enum wrong)wrong, (enum kind)kind);
            printf(" %zu", differences);
            total += differences;
        }
        printf(" of 2304 each\n");
        check(total > 0, "inputs reveal", WRONG_NAMES[wrong]);
    }
}

/* ---- known answers -------------------------------------------------------------------------------------------------- */

/* A row of pairs (a, b); the element k of the row is pairs[k], all others are +0. */
struct known {
    const char *name;
    struct {
        size_t k;
        uint16_t a, b;
    } pairs[4];
    size_t pair_count, k;
    uint32_t result;
};

/* 2^e, and minus 2^e. */
#define POWER(e) ((uint16_t)(((e) + 127) << 7))
#define MINUS(e) ((uint16_t)(0x8000 | POWER(e)))

static const struct known KNOWN[] = {
    {"one product", {{0, 0x4040, 0x40a0}}, 1, 1, 0x41700000},
    {"a sum of -0 is +0", {{0, 0x8000, 0x3f80}}, 1, 1, 0x00000000},
    {"tiny product is +0", {{0, POWER(-64), POWER(-63)}}, 1, 1, 0x00000000},
    {"flushed negative sum, then padded or followed by +0", {{0, MINUS(-64), POWER(-63)}}, 1, 1, 0x00000000},
    {"smallest normal stays", {{0, POWER(-63), POWER(-63)}}, 1, 1, 0x00800000},
    {"2^-126 - 2^-152 rounds up to normal", {{0, POWER(-63), POWER(-63)}, {2, MINUS(-76), POWER(-76)}}, 2, 32, 0x00800000},
    {"2^-126 - 2^-151 is a tie, to even, normal", {{0, POWER(-63), POWER(-63)}, {2, MINUS(-76), POWER(-75)}}, 2, 32, 0x00800000},
    {"2^-126 - 1.5 * 2^-151 is tiny", {{0, POWER(-63), POWER(-63)}, {2, 0x8000 | (51 << 7) | 0x40, POWER(-75)}}, 2, 32, 0},
    {"the same, negative, stays normal", {{0, MINUS(-63), POWER(-63)}, {2, POWER(-76), POWER(-75)}}, 2, 32, 0x80800000},
    {"2^-126 - 2^-150 is tiny", {{0, POWER(-63), POWER(-63)}, {2, MINUS(-75), POWER(-75)}}, 2, 32, 0},
    {"denormal operand is zero", {{0, 0x007f, POWER(100)}}, 1, 1, 0},
    {"Inf times denormal is NaN", {{0, 0x7f80, 0x0001}}, 1, 1, 0x7fc00000},
    {"Inf - Inf is NaN", {{0, 0x7f80, 0x3f80}, {1, 0xff80, 0x3f80}}, 2, 2, 0x7fc00000},
    {"NaN loses sign and payload", {{0, 0xffc5, 0x3f80}}, 1, 1, 0x7fc00000},
    {"overflow is Inf", {{0, 0x7f7f, 0xff7f}}, 1, 1, 0xff800000},
    {"even and odd apart: 2^24 + 1 + 1 keeps both ones", {{0, POWER(12), POWER(12)}, {1, 0x3f80, 0x3f80}, {3, 0x3f80, 0x3f80}}, 3, 32, 0x4b800001},
    {"one chain: 2^24 + 1 + 1 loses both ones", {{0, POWER(12), POWER(12)}, {2, 0x3f80, 0x3f80}, {4, 0x3f80, 0x3f80}}, 3, 32, 0x4b800000},
    {"blocks apart: 2^24 in one, 1 + 1 in the next", {{0, POWER(12), POWER(12)}, {32, 0x3f80, 0x3f80}, {34, 0x3f80, 0x3f80}}, 3, 64, 0x4b800001},
    {"what cancellation leaves is exact", {{0, MINUS(0), POWER(0)}, {2, 0x3f81, 0x3f7f}}, 2, 32, 0x3b7e0000},
};

static void test_known_answers(enum mme_variant variant)
{
    for (size_t i = 0; i < sizeof KNOWN / sizeof *KNOWN; i++) {
        uint16_t a[64] = {0}, b[64] = {0};
        float c = -1.0f;
        for (size_t p = 0; p < KNOWN[i].pair_count; p++) {
            a[KNOWN[i].pairs[p].k] = KNOWN[i].pairs[p].a;
            b[KNOWN[i].pairs[p].k] = KNOWN[i].pairs[p].b;
        }
        const size_t k = KNOWN[i].k;
        const struct mme_gemm gemm = {.a = a, .b = b, .c = &c, .m = 1, .n = 1, .k = k, .lda = k, .ldb = 1, .ldc = 1};
        char detail[160];
        const int status = mme_multiply(variant, &gemm, 1);
        snprintf(detail, sizeof detail, "%s: %s gives 0x%08x, not 0x%08x", KNOWN[i].name, mme_variant_name(variant),
                 (unsigned)bits_of(c), (unsigned)KNOWN[i].result);
        check(status == 0 && bits_of(c) == KNOWN[i].result, "known answer", detail);
    }
}

static void test_known_epilogue(enum mme_variant variant)
{
    const uint16_t a[1] = {0x3f80};
    const uint16_t b[8] = {0x3f80, 0xbf80, 0x8000, 0x7fc0, 0xff80, 0x3f80, 0x7f7f, 0x0000};
    const float bias[8] = {0x1p-8f, -1.0f, -0.0f, 1.0f, 1.0f, 3 * 0x1p-8f, 0x1.fep127f, 0x1p-130f};
    static const uint16_t expected[2][8] = {{0x3f80, 0xc000, 0x0000, 0x7fc0, 0xff80, 0x3f82, 0x7f80, 0x0000},
                                            {0x3f80, 0x0000, 0x0000, 0x7fc0, 0x0000, 0x3f82, 0x7f80, 0x0000}};
    for (size_t relu = 0; relu < 2; relu++) {
        uint16_t c[8] = {0};
        const struct mme_epilogue epilogue = {.bias = bias, .relu = relu, .output_bf16 = true, .c16 = c};
        const struct mme_gemm gemm = {
            .a = a, .b = b, .m = 1, .n = 8, .k = 1, .lda = 1, .ldb = 8, .ldc = 8, .epilogue = &epilogue};
        check(mme_multiply(variant, &gemm, 1) == 0 && memcmp(c, expected[relu], sizeof c) == 0, "known epilogue",
              mme_variant_name(variant));
    }
}

int main(void)
{
    test_inputs_reveal_wrong_arithmetic();
    for (int variant = MME_PLAIN; variant < MME_VARIANT_COUNT; variant++) {
        const enum mme_variant v = (enum mme_variant)variant;
        printf("%-6s %s\n", mme_variant_name(v), mme_variant_available(v) ? "available" : "not available here");
        if (!mme_variant_available(v))
            continue;
        test_known_answers(v);
        test_known_epilogue(v);
    }
    return conclude();
}
