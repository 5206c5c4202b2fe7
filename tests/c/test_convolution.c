/* Gathered windows against a search for every element, bounds of the arguments, and toggle rates. */
#include "check.h"
#include "convolution.h"
#include "mme.h"

#include <errno.h>
#include <stdint.h>

static struct conv_axis random_axis(struct random *random)
{
    struct conv_axis axis = {
        .source = 1 + draw_below(random, 6),
        .output = 1 + draw_below(random, 6),
        .kernel = 1 + draw_below(random, 3),
        .output_step = 1 + (ptrdiff_t)draw_below(random, 3),
        .kernel_step = (ptrdiff_t)draw_below(random, 5) - 2,
        .offset = (ptrdiff_t)draw_below(random, 7) - 3,
        .divisor = 1 + draw_below(random, 3),
    };
    return axis;
}

/* The place of the source that stands at an element of a row, by trying all of them; -1 for a zero. */
static ptrdiff_t search(const struct conv_axis *axis, size_t output, size_t kernel)
{
    for (size_t place = 0; place < axis->source; place++)
        if ((ptrdiff_t)place * (ptrdiff_t)axis->divisor ==
            (ptrdiff_t)output * axis->output_step + (ptrdiff_t)kernel * axis->kernel_step + axis->offset)
            return (ptrdiff_t)place;
    return -1;
}

static uint8_t wanted(const struct conv_window *w, const uint8_t *source, size_t row, size_t at)
{
    const size_t point = w->channels * w->element_bytes;
    const size_t byte = at % point, kx = at / point % w->x.kernel, ky = at / point / w->x.kernel;
    const size_t column = row % w->x.output, line = row / w->x.output % w->y.output;
    const size_t image = row / w->x.output / w->y.output;
    const ptrdiff_t y = search(&w->y, line, ky), x = search(&w->x, column, kx);
    if (y < 0 || x < 0)
        return 0;
    return source[((image * w->y.source + (size_t)y) * w->x.source + (size_t)x) * point + byte];
}

static void test_gather(void)
{
    struct random random = {21};
    size_t wrong = 0;
    for (size_t round = 0; round < 300; round++) {
        const struct conv_window w = {1 + draw_below(&random, 2), 1 + draw_below(&random, 3), 2 * (1 + draw_below(&random, 2)),
                                      random_axis(&random), random_axis(&random)};
        const size_t size = w.batch * w.y.source * w.x.source * w.channels * w.element_bytes;
        const size_t width = w.y.kernel * w.x.kernel * w.channels * w.element_bytes;
        const size_t rows = w.batch * w.y.output * w.x.output;
        const size_t first = draw_below(&random, rows), count = 1 + draw_below(&random, rows - first);
        uint8_t *source = must_allocate(size), *out = must_allocate(count * width);
        for (size_t i = 0; i < size; i++)
            source[i] = (uint8_t)(1 + draw_below(&random, 255));
        check(conv_gather(&w, source, first, count, out, 1 + (int)(round % 3)) == 0, "gather", "runs");
        for (size_t row = 0; row < count; row++)
            for (size_t at = 0; at < width; at++)
                wrong += out[row * width + at] != wanted(&w, source, first + row, at);
        free(source);
        free(out);
    }
    check(wrong == 0, "gather", "equal to a search");
}

static void test_errors(void)
{
    const struct conv_axis axis = {4, 4, 1, 1, 1, 0, 1};
    const struct conv_window good = {1, 1, 2, axis, axis};
    uint16_t source[16] = {0}, out[16];
    check(conv_gather(&good, source, 0, 16, out, 1) == 0, "gather", "the good window");
    check(conv_gather(&good, source, 16, 0, out, 1) == 0, "gather", "nothing, behind the last row");
    check(conv_gather(&good, source, 16, 1, out, 1) == -EINVAL, "gather", "a row too far");
    check(conv_gather(&good, source, 0, 16, out, 0) == -EINVAL, "gather", "no thread");
    check(conv_gather(&good, NULL, 0, 16, out, 1) == -EINVAL, "gather", "no source");
    struct conv_window bad[5] = {good, good, good, good, good};
    bad[0].channels = 0;
    bad[1].x.divisor = 0;
    bad[2].y.kernel_step = PTRDIFF_MAX;
    bad[3].batch = bad[3].channels = (size_t)1 << 30;
    bad[4].y.source = SIZE_MAX;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        check(conv_gather(&bad[i], source, 0, 1, out, 1) == -EINVAL, "gather", "a bad window");
}

static void test_toggle_rate(void)
{
    const uint16_t halves[4] = {0x0000, 0xffff, 0x0000, 0xffff};
    const float zeros[3] = {0.0f, 0.0f, 0.0f};
    struct random random = {22};
    uint8_t *bytes = must_allocate(100003);
    for (size_t i = 0; i < 100003; i++)
        bytes[i] = (uint8_t)draw(&random);
    check(mme_toggle_rate(halves, 2, 4) == 1.0, "toggle rate", "of everything");
    check(mme_toggle_rate(zeros, 4, 3) == 0.0, "toggle rate", "of nothing");
    check(mme_toggle_rate(halves, 2, 1) == 0.0 && mme_toggle_rate(NULL, 2, 9) == 0.0, "toggle rate", "without neighbours");
    const double rate = mme_toggle_rate(bytes, 1, 100003);
    check(rate > 0.47 && rate < 0.53, "toggle rate", "of random bits is one half");
    free(bytes);
}

int main(void)
{
    test_gather();
    test_errors();
    test_toggle_rate();
    return conclude();
}
