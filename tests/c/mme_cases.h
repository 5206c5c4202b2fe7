/* Random matrix products for the tests of the MME: operands of several kinds, guards around the result. */
#ifndef MME_CASES_H
#define MME_CASES_H

#include "check.h"
#include "mme.h"

/* What the elements of a matrix are like. */
enum kind { EVEN_EXPONENTS, WIDE_EXPONENTS, CANCELLATION, DENORMAL_BORDER, TININESS, DENORMAL_OPERANDS, SPECIALS, KIND_COUNT };

static const char *const KIND_NAMES[KIND_COUNT] = {
    "even exponents", "wide exponents", "cancellation", "denormal border", "tininess", "denormal operands", "specials"};

static inline uint16_t draw_element(struct random *random, enum kind kind)
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
static inline void fill(struct random *random, enum kind kind, uint16_t *values, size_t count)
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

struct shape {
    size_t m, n, k, slack; /* slack: leading dimension beyond the width */
    bool transpose_a, transpose_b;
};

static inline struct test_case make_case(struct random *random, const struct shape *shape, enum kind kind, unsigned epilogue)
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

static inline void free_case(struct test_case *test)
{
    free(test->a);
    free(test->b);
    free(test->bias);
    free(test->expected);
    free(test->output);
}

/* The gemm of a case, writing between the guards of `memory`, which are renewed. */
static inline struct mme_gemm aim(struct test_case *test, uint8_t *memory)
{
    struct mme_gemm gemm = test->gemm;
    memset(memory, GUARD_VALUE, test->output_bytes);
    gemm.c = test->epilogue.output_bf16 ? NULL : (float *)(void *)(memory + GUARD_BYTES);
    test->epilogue.c16 = (uint16_t *)(void *)(memory + GUARD_BYTES);
    gemm.epilogue = test->epilogue.bias || test->epilogue.relu || test->epilogue.output_bf16 ? &test->epilogue : NULL;
    return gemm;
}

static inline void run_plain(struct test_case *test)
{
    const struct mme_gemm gemm = aim(test, test->expected);
    check(mme_multiply(MME_PLAIN, &gemm, 1) == 0, "plain", "runs");
}

/* Equal in every byte: the guards in front, behind and between the rows are part of the comparison. */
static inline void compare(struct test_case *test, enum mme_variant variant, int status, const char *how)
{
    char detail[200];
    snprintf(detail, sizeof detail, "%s %s m %zu n %zu k %zu lda %zu ldb %zu ldc %zu transpose %d %d relu %d bias %d bf16 %d",
             mme_variant_name(variant), how, test->gemm.m, test->gemm.n, test->gemm.k, test->gemm.lda, test->gemm.ldb,
             test->gemm.ldc, test->gemm.transpose_a, test->gemm.transpose_b, test->epilogue.relu, test->epilogue.bias != NULL,
             test->epilogue.output_bf16);
    check(status == 0 && memcmp(test->expected, test->output, test->output_bytes) == 0, "equal to plain:", detail);
}

#endif
