#include "convolution.h"
#include "workers.h"

#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Bytes that one item of work gathers, at least a row. */
enum { ITEM_BYTES = 128 * 1024 };

/* The largest extent and step: products of a few of them fit in 64 bits. */
static const size_t LARGEST = (size_t)1 << 31;

struct job {
    const struct conv_window *window;
    const uint8_t *source;
    uint8_t *rows;
    size_t first, count;
    size_t point_bytes, row_bytes, item_rows;
};

static bool is_step(ptrdiff_t step)
{
    return step >= -(ptrdiff_t)LARGEST && step <= (ptrdiff_t)LARGEST;
}

static bool is_extent(size_t extent)
{
    return extent > 0 && extent < LARGEST;
}

static bool is_axis(const struct conv_axis *axis)
{
    return is_extent(axis->source) && is_extent(axis->output) && is_extent(axis->kernel) && is_extent(axis->divisor) &&
           is_step(axis->output_step) && is_step(axis->kernel_step) && is_step(axis->offset);
}

/* *product *= factor; false if that exceeds what memory can have. */
static bool grow(size_t *product, size_t factor)
{
    if (*product > PTRDIFF_MAX / factor)
        return false;
    *product *= factor;
    return true;
}

static bool is_valid(const struct conv_window *window, size_t first, size_t count)
{
    const struct conv_axis *y = &window->y, *x = &window->x;
    if (!is_extent(window->batch) || !is_extent(window->channels) || !is_extent(window->element_bytes) || !is_axis(y) ||
        !is_axis(x))
        return false;
    size_t source = window->element_bytes, row = window->element_bytes, rows = 1;
    if (!grow(&source, window->channels) || !grow(&source, x->source) || !grow(&source, y->source) ||
        !grow(&source, window->batch) || !grow(&row, window->channels) || !grow(&row, x->kernel) || !grow(&row, y->kernel) ||
        !grow(&rows, window->batch) || !grow(&rows, y->output) || !grow(&rows, x->output))
        return false;
    return first <= rows && count <= rows - first && (count == 0 || row <= PTRDIFF_MAX / count);
}

/* -1: nothing there. */
static ptrdiff_t meeting(const struct conv_axis *axis, size_t output, size_t kernel)
{
    const ptrdiff_t at =
        (ptrdiff_t)output * axis->output_step + (ptrdiff_t)kernel * axis->kernel_step + axis->offset;
    const ptrdiff_t divisor = (ptrdiff_t)axis->divisor;
    if (at < 0 || at % divisor != 0 || at / divisor >= (ptrdiff_t)axis->source)
        return -1;
    return at / divisor;
}

static void gather_row(const struct job *job, size_t row, uint8_t *to)
{
    const struct conv_window *window = job->window;
    const size_t column = row % window->x.output, line = row / window->x.output % window->y.output;
    const size_t image = row / window->x.output / window->y.output;
    for (size_t ky = 0; ky < window->y.kernel; ky++) {
        const ptrdiff_t y = meeting(&window->y, line, ky);
        for (size_t kx = 0; kx < window->x.kernel; kx++) {
            const ptrdiff_t x = y < 0 ? -1 : meeting(&window->x, column, kx);
            if (x < 0)
                memset(to, 0, job->point_bytes);
            else
                memcpy(to,
                       job->source +
                           ((image * window->y.source + (size_t)y) * window->x.source + (size_t)x) * job->point_bytes,
                       job->point_bytes);
            to += job->point_bytes;
        }
    }
}

static size_t item_count(const void *context, size_t phase)
{
    const struct job *job = context;
    (void)phase;
    return (job->count + job->item_rows - 1) / job->item_rows;
}

static void run_item(const void *context, unsigned worker, size_t phase, size_t item)
{
    const struct job *job = context;
    const size_t first = item * job->item_rows;
    const size_t end = first + job->item_rows < job->count ? first + job->item_rows : job->count;
    (void)worker;
    (void)phase;
    for (size_t row = first; row < end; row++)
        gather_row(job, job->first + row, job->rows + row * job->row_bytes);
}

int conv_gather(const struct conv_window *window, const void *source, size_t first, size_t count, void *rows, int threads)
{
    if (threads < 1 || !source || !rows || !is_valid(window, first, count))
        return -EINVAL;
    if (count == 0)
        return 0;
    const size_t point_bytes = window->channels * window->element_bytes;
    const size_t row_bytes = point_bytes * window->x.kernel * window->y.kernel;
    const struct job job = {.window = window,
                            .source = source,
                            .rows = rows,
                            .first = first,
                            .count = count,
                            .point_bytes = point_bytes,
                            .row_bytes = row_bytes,
                            .item_rows = row_bytes < ITEM_BYTES ? ITEM_BYTES / row_bytes : 1};
    const struct workers_plan plan = {.phase_count = 1, .item_count = item_count, .run_item = run_item, .context = &job};
    /* A thread has to have work for about 100 us: 1 MiB. */
    const size_t useful = count * row_bytes >> 20;
    const size_t most = threads < WORKERS_MAX ? (size_t)threads : WORKERS_MAX;
    workers_run(&plan, (unsigned)(useful < 1 ? 1 : useful < most ? useful : most));
    return 0;
}
