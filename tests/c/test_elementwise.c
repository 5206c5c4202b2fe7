/* CRC-32C and the elementwise loops: variants against slow rules and known answers. Last line: "N passed, N failed". */
#include "check.h"
#include "crc32c.h"
#include "crc32c_kernel.h"
#include "elementwise.h"
#include "elementwise_kernel.h"
#include "mme.h"

#include <errno.h>

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

/* One operation through a variant, as a program of one step. */
static void run_one(const struct ew_functions *ew, enum ew_op op, enum ew_type type, enum ew_type result, const void *a,
                    const void *b, void *out, size_t count)
{
    static _Alignas(64) uint32_t registers[3 * EW_BLOCK];
    const struct ew_input inputs[2] = {{a, type, 1, count}, {b, type, 1, count}};
    const struct ew_step step = {.op = op, .type = type, .result = result, .sources = {0, 1, 0}};
    const struct ew_program program = {
        .inputs = inputs, .steps = &step, .input_count = 2, .step_count = 1, .out = out, .count = count};
    ew->run(&program, 0, count, registers);
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
    run_one(ew, EW_ADD, EW_F32, EW_F32, a, b, sum, COUNT);
    run_one(ew, EW_MUL, EW_F32, EW_F32, a, b, product, COUNT);
    run_one(ew, EW_RELU, EW_F32, EW_F32, a, a, positive, COUNT);
    run_one(ew, EW_ADD, EW_BF16, EW_BF16, ha, hb, hsum, COUNT);
    run_one(ew, EW_MUL, EW_BF16, EW_BF16, ha, hb, hproduct, COUNT);
    run_one(ew, EW_RELU, EW_BF16, EW_BF16, ha, ha, hpositive, COUNT);
    run_one(ew, EW_CAST, EW_F32, EW_BF16, a, a, cast, COUNT);
    run_one(ew, EW_CAST, EW_BF16, EW_F32, ha, ha, wide, COUNT);
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

    run_one(ew, EW_ADD, EW_F32, EW_F32, a, b, a, COUNT);
    check(memcmp(a, sum, sizeof sum) == 0, "elementwise", "in place");
    run_one(ew, EW_MUL, EW_BF16, EW_BF16, ha, hb, hb, COUNT);
    check(memcmp(hb, hproduct, sizeof hproduct) == 0, "elementwise bf16", "in place");
}

/* Every operation on every type that has it, bit for bit what the plain variant gives. */
static void test_variants_agree(const struct ew_functions *ew)
{
    enum { COUNT = 1031 };
    static uint32_t a[COUNT], b[COUNT], wanted[COUNT], found[COUNT];
    struct random random = {12};
    size_t wrong = 0, compared = 0;
    for (size_t i = 0; i < COUNT; i++) {
        a[i] = i % 2 ? draw(&random) : bits_of((float)(int32_t)draw(&random) / 268435456.0f);
        b[i] = i % 3 ? draw(&random) : bits_of((float)(int32_t)(draw(&random) % 9) - 4.0f);
    }
    for (int op = 0; op < EW_OP_COUNT; op++)
        for (int type = 0; type < EW_TYPE_COUNT; type++)
            for (int result = 0; result < EW_TYPE_COUNT; result++) {
                struct ew_input inputs[2] = {{a, (enum ew_type)type, 1, COUNT}, {b, (enum ew_type)type, 1, COUNT}};
                struct ew_step step = {(enum ew_op)op, (enum ew_type)type, (enum ew_type)result, {0, 1, 0}};
                struct ew_program program = {inputs, NULL, &step, 2, 0, 1, wanted, COUNT};
                memset(wanted, 0, sizeof wanted);
                memset(found, 0, sizeof found);
                if (ew_run(&program, 1) != 0)
                    continue; /* not an operation of that type */
                static _Alignas(64) uint32_t registers[3 * EW_BLOCK];
                ew_functions_plain.run(&program, 0, COUNT, registers);
                program.out = found;
                ew->run(&program, 0, COUNT, registers);
                wrong += memcmp(wanted, found, sizeof wanted) != 0;
                compared++;
            }
    char detail[60];
    snprintf(detail, sizeof detail, "%zu of %zu differ from the plain variant", wrong, compared);
    check(wrong == 0 && compared > 80, "elementwise variants:", detail);
}

/* Threads, in items that are cut within a row or a repeat. */
static void test_elementwise_threads(void)
{
    enum { COUNT = 3000001 };
    float *a = malloc(COUNT * sizeof *a), *one = malloc(COUNT * sizeof *a), *many = malloc(COUNT * sizeof *a);
    struct random random = {13};
    if (!a || !one || !many)
        exit(1);
    for (size_t i = 0; i < COUNT; i++)
        a[i] = float_of(draw(&random));
    const struct ew_input inputs[2] = {{a, EW_F32, 1, COUNT}, {a, EW_F32, COUNT, 1}};
    const struct ew_step steps[2] = {{EW_MUL, EW_F32, EW_F32, {0, 1, 0}}, {EW_EXP, EW_F32, EW_F32, {2, 0, 0}}};
    struct ew_program program = {inputs, NULL, steps, 2, 0, 2, one, COUNT};
    check(ew_run(&program, 1) == 0, "elementwise", "one thread");
    program.out = many;
    check(ew_run(&program, 4) == 0 && memcmp(one, many, COUNT * sizeof *a) == 0, "elementwise", "four threads, same bits");
    struct ew_rows rows = {EW_ROW_SOFTMAX, EW_F32, COUNT / 1000, 1000, a, one, NULL, NULL, 0.0f};
    check(ew_run_rows(&rows, 1) == 0, "rows", "one thread");
    rows.out = many;
    check(ew_run_rows(&rows, 4) == 0 && memcmp(one, many, COUNT / 1000 * 1000 * sizeof *a) == 0, "rows", "four threads");
    struct ew_columns columns = {EW_ROW_SUM, EW_F32, 3, 1000, 1000, a, one};
    check(ew_run_columns(&columns, 1) == 0, "columns", "one thread");
    columns.out = many;
    check(ew_run_columns(&columns, 4) == 0 && memcmp(one, many, 3000 * sizeof *a) == 0, "columns", "four threads");
    free(a);
    free(one);
    free(many);
}

static void test_elementwise_errors(void)
{
    float x[4] = {0}, out[4];
    const struct ew_input inputs[1] = {{x, EW_F32, 1, 4}};
    const struct ew_step good = {EW_ADD, EW_F32, EW_F32, {0, 0, 0}};
    struct ew_step bad[] = {good, good, good, good, good};
    bad[0].op = EW_OP_COUNT;
    bad[1].sources[1] = 1;
    bad[2].result = EW_BF16;
    bad[3].type = bad[3].result = EW_BF16;
    bad[4] = (struct ew_step){EW_EXP, EW_I32, EW_I32, {0, 0, 0}};
    struct ew_program program = {inputs, NULL, &good, 1, 0, 1, out, 4};
    check(ew_run(&program, 1) == 0, "elementwise", "the good program runs");
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        program.steps = &bad[i];
        check(ew_run(&program, 1) == -EINVAL, "elementwise", "a bad step is refused");
    }
    struct ew_rows rows = {EW_ROW_LAYER_NORM, EW_F32, 1, 4, x, out, NULL, NULL, 0.0f};
    check(ew_run_rows(&rows, 1) == -EINVAL, "rows", "a norm without gamma is refused");
    struct ew_columns columns = {EW_ROW_SOFTMAX, EW_F32, 1, 2, 2, x, out};
    check(ew_run_columns(&columns, 1) == -EINVAL, "columns", "only reductions");
}

static void test_elementwise(void)
{
    test_elementwise_variant(&ew_functions_plain);
    test_elementwise_variant(ew_probe());
    test_variants_agree(ew_probe());
#ifdef __x86_64__
    if (mme_variant_available(MME_AVX2)) {
        test_elementwise_variant(&ew_functions_avx2);
        test_variants_agree(&ew_functions_avx2);
    }
#endif
    test_elementwise_threads();
    test_elementwise_errors();
}

int main(void)
{
    test_crc32c();
    test_elementwise();
    return conclude();
}
