/* CRC-32C and the elementwise loops: variants against slow rules and known answers. Last line: "N passed, N failed". */
#include "check.h"
#include "crc32c.h"
#include "crc32c_kernel.h"
#include "elementwise.h"
#include "elementwise_kernel.h"

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
    test_crc32c();
    test_elementwise();
    return conclude();
}
