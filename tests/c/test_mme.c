/* Every available MME variant against the plain definition, bit for bit; and the plain definition against known answers.
 *
 * First it is shown that the inputs tell wrong arithmetic from right: other orders of addition, and denormals that are kept,
 * have to give other bits on them.  Prints "N passed, N failed" as its last line; exit status 0 when nothing failed.
 *
 * Build: with the sources of csrc/kernels, -I csrc/kernels, -lm, -pthread.
 */
#include "crc32c.h"
#include "crc32c_kernel.h"
#include "elementwise.h"
#include "elementwise_kernel.h"
#include "mme.h"
#include "mme_kernel.h"

#include <errno.h>
#include <fenv.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct {
    size_t passed, failed;
} results; /* one thread */

static void check(bool is_right, const char *what, const char *detail)
{
    if (is_right) {
        results.passed++;
        return;
    }
    results.failed++;
    printf("FAILED: %s %s\n", what, detail);
}

/* xorshift64*: the same inputs on every host. */
struct random {
    uint64_t state;
};

static uint32_t draw(struct random *random)
{
    random->state ^= random->state >> 12;
    random->state ^= random->state << 25;
    random->state ^= random->state >> 27;
    return (uint32_t)(random->state * UINT64_C(2685821657736338717) >> 32);
}

static size_t draw_below(struct random *random, size_t bound)
{
    return draw(random) % bound;
}

static uint32_t bits_of(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    return bits;
}

static float float_of(uint32_t bits)
{
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

static float widen(uint16_t value)
{
    return float_of((uint32_t)value << 16);
}

/* bf16 from its fields. */
static uint16_t bf16(unsigned sign, int exponent, unsigned mantissa)
{
    return (uint16_t)(sign << 15 | (unsigned)(exponent + 127) << 7 | mantissa);
}

/* What the elements of a matrix are like. */
enum kind { EVEN_EXPONENTS, WIDE_EXPONENTS, CANCELLATION, DENORMAL_BORDER, TININESS, DENORMAL_OPERANDS, SPECIALS, KIND_COUNT };

static const char *const KIND_NAMES[KIND_COUNT] = {
    "even exponents", "wide exponents", "cancellation", "denormal border", "tininess", "denormal operands", "specials"};

static uint16_t draw_special(struct random *random)
{
    static const uint16_t specials[] = {0x0000, 0x8000, 0x7f80, 0xff80, 0x7fc0, 0xffc1, 0x7f81, 0x0001, 0x807f,
                                        0x0080, 0x8080, 0x7f7f, 0xff7f, 0x3f80, 0xbf80};
    return specials[draw_below(random, sizeof specials / sizeof *specials)];
}

static uint16_t draw_element(struct random *random, enum kind kind)
{
    const unsigned sign = draw(random) & 1;
    const unsigned mantissa = draw(random) & 0x7f;
    switch (kind) {
    case WIDE_EXPONENTS:
        return bf16(sign, (int)draw_below(random, 60) - 30, mantissa);
    case DENORMAL_BORDER: /* products around 2^-126, with few mantissa bits so that exact ties occur */
        return bf16(sign, (int)draw_below(random, 26) - 76, mantissa & 0x60);
    case TININESS: /* products of 2^-126 exactly, and of about half a unit in the last place of what lies below it */
        return draw(random) & 1 ? bf16(sign, -63, 0) : bf16(sign, (int)draw_below(random, 2) - 76, mantissa & 0x60);
    case DENORMAL_OPERANDS:
        if (draw_below(random, 4) == 0)
            return bf16(sign, -127, mantissa);
        return bf16(sign, (int)draw_below(random, 240) - 126, mantissa);
    case SPECIALS:
        if (draw_below(random, 40) == 0)
            return draw_special(random);
        return bf16(sign, (int)draw_below(random, 8) - 4, mantissa);
    default:
        return bf16(sign, (int)draw_below(random, 4) - 2, mantissa);
    }
}

/* CANCELLATION repeats an earlier element negated, perhaps off by one bit. */
static void fill(struct random *random, enum kind kind, uint16_t *values, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        values[i] = draw_element(random, kind);
        if (kind == CANCELLATION && i >= 2 && draw_below(random, 4) != 0)
            values[i] = (uint16_t)(values[i - 2] ^ 0x8000 ^ (draw(random) & 1));
    }
}

/* One test case with its memory.  Made by make_case, which fills it at random; free_case ends it. */
struct test_case {
    struct mme_gemm gemm;
    struct mme_epilogue epilogue;
    uint16_t *a, *b;
    float *bias;
    size_t output_bytes; /* of C with its guards */
    uint8_t *expected, *output;
};

enum { GUARD_BYTES = 192, GUARD_VALUE = 0xa5 };

static void *must_allocate(size_t bytes)
{
    void *memory = malloc(bytes);
    if (!memory) {
        printf("no memory\n0 passed, 1 failed\n");
        exit(1);
    }
    return memory;
}

struct shape {
    size_t m, n, k, slack; /* slack: leading dimension beyond the width */
    bool transpose_a, transpose_b;
};

static struct test_case make_case(struct random *random, const struct shape *shape, enum kind kind, unsigned epilogue)
{
    struct test_case test = {.gemm = {.m = shape->m,
                                      .n = shape->n,
                                      .k = shape->k,
                                      .lda = (shape->transpose_a ? shape->m : shape->k) + shape->slack,
                                      .ldb = (shape->transpose_b ? shape->k : shape->n) + shape->slack,
                                      .ldc = shape->n + shape->slack,
                                      .transpose_a = shape->transpose_a,
                                      .transpose_b = shape->transpose_b}};
    /* No memory behind the last element used, so that a sanitizer sees every overrun. */
    const size_t a_rows = shape->transpose_a ? shape->k : shape->m;
    const size_t b_rows = shape->transpose_b ? shape->n : shape->k;
    const size_t a_count = a_rows * test.gemm.lda - shape->slack;
    const size_t b_count = b_rows * test.gemm.ldb - shape->slack;
    test.a = must_allocate(a_count * sizeof *test.a);
    test.b = must_allocate(b_count * sizeof *test.b);
    test.bias = must_allocate(shape->n * sizeof *test.bias);
    fill(random, kind, test.a, a_count);
    fill(random, kind == CANCELLATION ? EVEN_EXPONENTS : kind, test.b, b_count);
    if (kind == CANCELLATION)
        for (size_t i = 2; i < b_count; i++)
            test.b[i] = i % 8 < 6 ? test.b[i - 2] : test.b[i];
    for (size_t i = 0; i < shape->n; i++)
        test.bias[i] = float_of((uint32_t)draw_element(random, kind) << 16 | (draw(random) & 0xffff));
    test.gemm.a = test.a;
    test.gemm.b = test.b;
    test.output_bytes = 2 * GUARD_BYTES + shape->m * test.gemm.ldc * sizeof(float);
    test.expected = must_allocate(test.output_bytes);
    test.output = must_allocate(test.output_bytes);
    test.epilogue = (struct mme_epilogue){
        .bias = epilogue & 1 ? test.bias : NULL, .relu = epilogue & 2, .output_bf16 = epilogue & 4};
    return test;
}

static void free_case(struct test_case *test)
{
    free(test->a);
    free(test->b);
    free(test->bias);
    free(test->expected);
    free(test->output);
}

/* The gemm of a case, writing between the guards of `memory`, which are renewed. */
static struct mme_gemm aim(struct test_case *test, uint8_t *memory)
{
    struct mme_gemm gemm = test->gemm;
    memset(memory, GUARD_VALUE, test->output_bytes);
    gemm.c = test->epilogue.output_bf16 ? NULL : (float *)(void *)(memory + GUARD_BYTES);
    test->epilogue.c16 = (uint16_t *)(void *)(memory + GUARD_BYTES);
    gemm.epilogue = test->epilogue.bias || test->epilogue.relu || test->epilogue.output_bf16 ? &test->epilogue : NULL;
    return gemm;
}

/* ---- wrong arithmetic: has to be told from right -------------------------------------------------------------------- */

enum wrong { ONE_CHAIN, BLOCKS_OF_16, PAIRS_FIRST, HALVES, DENORMALS_KEPT, FLUSH_BEFORE_ROUNDING, WRONG_COUNT };

static const char *const WRONG_NAMES[WRONG_COUNT] = {
    "one accumulator in sequence", "blocks of 16", "pairs first, as VDPBF16PS", "first and second half instead of even and odd",
    "denormals kept",              "tininess before rounding"};

static float flush(float value)
{
    return fabsf(value) < FLT_MIN ? copysignf(0.0f, value) : value;
}

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
    check(mme_gemm_bf16(MME_PLAIN, &gemm, 1) == 0, "plain runs on", KIND_NAMES[kind]);
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
        const int status = mme_gemm_bf16(variant, &gemm, 1);
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
        check(mme_gemm_bf16(variant, &gemm, 1) == 0 && memcmp(c, expected[relu], sizeof c) == 0, "known epilogue",
              mme_variant_name(variant));
    }
}

/* ---- variants against plain ----------------------------------------------------------------------------------------- */

static void run_plain(struct test_case *test)
{
    const struct mme_gemm gemm = aim(test, test->expected);
    check(mme_gemm_bf16(MME_PLAIN, &gemm, 1) == 0, "plain", "runs");
}

/* Equal in every byte: the guards in front, behind and between the rows are part of the comparison. */
static void compare(struct test_case *test, enum mme_variant variant, int status, const char *how)
{
    char detail[200];
    snprintf(detail, sizeof detail, "%s %s m %zu n %zu k %zu lda %zu ldb %zu ldc %zu transpose %d %d relu %d bias %d bf16 %d",
             mme_variant_name(variant), how, test->gemm.m, test->gemm.n, test->gemm.k, test->gemm.lda, test->gemm.ldb,
             test->gemm.ldc, test->gemm.transpose_a, test->gemm.transpose_b, test->epilogue.relu, test->epilogue.bias != NULL,
             test->epilogue.output_bf16);
    check(status == 0 && memcmp(test->expected, test->output, test->output_bytes) == 0, "equal to plain:", detail);
}

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
            compare(&test, v, mme_gemm_bf16(v, &gemm, 1), "public");
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
    check(mme_gemm_bf16(MME_PLAIN, &gemm, 2) == 0, "plain with two threads", "runs");
    for (int variant = MME_AVX2; variant < MME_VARIANT_COUNT; variant++)
        for (int threads = 1; threads <= 2; threads++) {
            if (!mme_variant_available((enum mme_variant)variant))
                continue;
            gemm = aim(&test, test.output);
            compare(&test, (enum mme_variant)variant, mme_gemm_bf16((enum mme_variant)variant, &gemm, threads), "large");
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
    const int status = mme_gemm_bf16(variant, &gemm, 1);
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
    check(mme_gemm_bf16(variant, &gemm, 1) == 0 && smallest_normal * 0.5f > 0.0f, "FTZ and DAZ are gone after",
          mme_variant_name(variant));
}

/* ---- errors --------------------------------------------------------------------------------------------------------- */

static void expect(const struct mme_gemm *gemm, enum mme_variant variant, int threads, int status, const char *what)
{
    check(mme_gemm_bf16(variant, gemm, threads) == status, "error for", what);
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

/* ---- CRC-32C -------------------------------------------------------------------------------------------------------- */

static void test_crc32c(void)
{
    enum { BYTES = 20000 };
    struct random random = {3};
    uint8_t *data = must_allocate(BYTES);
    for (size_t i = 0; i < BYTES; i++)
        data[i] = (uint8_t)draw(&random);
    check(crc32c(0, "123456789", 9) == 0xe3069283, "crc32c", "known answer");
    check(crc32c_plain(0, "123456789", 9) == 0xe3069283, "crc32c plain", "known answer");
    check(crc32c(5, NULL, 0) == 5, "crc32c", "of nothing");
    for (size_t round = 0; round < 300; round++) {
        const size_t start = draw_below(&random, 100);
        const size_t bytes = draw_below(&random, round % 3 ? 900 : BYTES - start);
        const uint32_t crc = draw(&random);
        check(crc32c(crc, data + start, bytes) == crc32c_plain(crc, data + start, bytes), "crc32c", "equal to plain");
    }
    check(crc32c(crc32c(0, data, 7001), data + 7001, BYTES - 7001) == crc32c(0, data, BYTES), "crc32c", "in two parts");
    uint32_t by_row = 0;
    for (size_t row = 0; row < 17; row++)
        by_row = crc32c(by_row, data + row * 1000, 613);
    check(crc32c_rows(0, data, 613, 1000, 17) == by_row, "crc32c_rows", "equal to rows one by one");
    check(crc32c_rows(0, data, 1000, 1000, 20) == crc32c(0, data, BYTES), "crc32c_rows", "without gaps");
    free(data);
}

/* ---- elementwise ---------------------------------------------------------------------------------------------------- */

/* The rule of the cast, by search of nearness instead of by adding halves. */
static uint16_t slow_cast(float value)
{
    if (isnan(value))
        return 0x7fc0;
    const float flushed = flush(value);
    const uint16_t below = (uint16_t)(bits_of(flushed) >> 16); /* towards zero */
    if (isinf(flushed) || widen(below) == flushed)
        return below;
    const uint16_t above = (uint16_t)(below + 1);
    const double limit = (above & 0x7fff) == 0x7f80 ? copysign(0x1p128, (double)value) : (double)widen(above);
    const double to_below = fabs((double)flushed - (double)widen(below));
    const double to_above = fabs(limit - (double)flushed);
    if (to_below != to_above)
        return to_below < to_above ? below : above;
    return below & 1 ? above : below;
}

static bool is_same(float a, float b)
{
    return bits_of(a) == (isnan(b) ? 0x7fc00000 : bits_of(b));
}

static float flush_widen(uint16_t value)
{
    return flush(widen(value));
}

static float rectify(float value)
{
    return isnan(value) || value > 0.0f ? value : 0.0f;
}

static void test_elementwise_variant(const struct ew_functions *ew)
{
    enum { COUNT = 4099 };
    static float a[COUNT], b[COUNT], sum[COUNT], product[COUNT], positive[COUNT], wide[COUNT];
    static uint16_t ha[COUNT], hb[COUNT], hsum[COUNT], hproduct[COUNT], hpositive[COUNT], cast[COUNT];
    struct random random = {11};
    size_t wrong = 0;
    for (size_t i = 0; i < COUNT; i++) {
        a[i] = float_of(draw(&random)); /* every class of numbers, ties made likely */
        if (i % 3 == 0)
            a[i] = float_of(bits_of(a[i]) & 0xffff8000);
        b[i] = i % 5 ? float_of(draw(&random)) : -a[i];
        ha[i] = i % 7 ? (uint16_t)draw(&random) : draw_special(&random);
        hb[i] = i % 11 ? (uint16_t)draw(&random) : draw_special(&random);
    }
    ew->add_f32(a, b, sum, COUNT);
    ew->mul_f32(a, b, product, COUNT);
    ew->relu_f32(a, positive, COUNT);
    ew->add_bf16(ha, hb, hsum, COUNT);
    ew->mul_bf16(ha, hb, hproduct, COUNT);
    ew->relu_bf16(ha, hpositive, COUNT);
    ew->cast_f32_to_bf16(a, cast, COUNT);
    ew->cast_bf16_to_f32(ha, wide, COUNT);
    for (size_t i = 0; i < COUNT; i++) {
        wrong += !is_same(sum[i], a[i] + b[i]);
        wrong += !is_same(product[i], a[i] * b[i]);
        wrong += !is_same(positive[i], rectify(a[i]));
        wrong += hsum[i] != slow_cast(flush_widen(ha[i]) + flush_widen(hb[i]));
        wrong += hproduct[i] != slow_cast(flush_widen(ha[i]) * flush_widen(hb[i]));
        wrong += hpositive[i] != slow_cast(rectify(flush_widen(ha[i])));
        wrong += cast[i] != slow_cast(a[i]);
        wrong += !is_same(wide[i], flush_widen(ha[i]));
    }
    char detail[40];
    snprintf(detail, sizeof detail, "%zu values differ", wrong);
    check(wrong == 0, "elementwise equal to slow rules:", detail);

    ew->add_f32(a, b, a, COUNT);
    check(memcmp(a, sum, sizeof sum) == 0, "elementwise", "in place");
    ew->mul_bf16(ha, hb, hb, COUNT);
    check(memcmp(hb, hproduct, sizeof hproduct) == 0, "elementwise bf16", "in place");
}

/* The public functions are one call each; the table behind them is what has variants. */
static void test_elementwise(void)
{
    test_elementwise_variant(&ew_functions_plain);
    test_elementwise_variant(ew_probe());
    test_elementwise_variant(&(const struct ew_functions){.add_f32 = ew_add_f32,
                                                          .add_bf16 = ew_add_bf16,
                                                          .mul_f32 = ew_mul_f32,
                                                          .mul_bf16 = ew_mul_bf16,
                                                          .relu_f32 = ew_relu_f32,
                                                          .relu_bf16 = ew_relu_bf16,
                                                          .cast_f32_to_bf16 = ew_cast_f32_to_bf16,
                                                          .cast_bf16_to_f32 = ew_cast_bf16_to_f32});
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
        test_environment(v);
        test_denormals_live_on(v);
    }
    test_random_shapes(240);
    test_large_shape(false, 530);
    test_large_shape(true, 700);
    test_errors();
    test_crc32c();
    test_elementwise();
    printf("%zu passed, %zu failed\n", results.passed, results.failed);
    return results.failed == 0 ? 0 : 1;
}
