/* Private: reductions along a dimension that is not the fast one, included like elementwise_loops.h.  The lanes of a block of
 * columns lie side by side, so that the vector runs over the columns. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_COLUMNS_H
#define GAUDI_KERNELS_ELEMENTWISE_COLUMNS_H

#include "elementwise_rows.h"

static inline __attribute__((always_inline)) void take_run(float *lane, const float *elements, size_t width,
                                                           term_function *take)
{
#pragma omp simd
    for (size_t i = 0; i < width; i++)
        lane[i] = take(lane[i], elements[i]);
}

static void take_block(enum ew_row_op op, float *lane, const float *elements, size_t width)
{
    if (op == EW_ROW_MAX)
        take_run(lane, elements, width, larger);
    else if (op == EW_ROW_MIN)
        take_run(lane, elements, width, smaller);
    else
        take_run(lane, elements, width, plus);
}

static void run_columns(const struct ew_columns *columns, size_t outer, size_t block, float *scratch)
{
    const size_t bytes = ew_type_bytes(columns->type);
    const size_t first = block * EW_COLUMN_BLOCK, left = columns->inner - first;
    const size_t width = left < EW_COLUMN_BLOCK ? left : EW_COLUMN_BLOCK;
    const float start = columns->op == EW_ROW_MAX ? -INFINITY : columns->op == EW_ROW_MIN ? INFINITY : 0.0f;
    const uint8_t *x = (const uint8_t *)columns->x + (outer * columns->count * columns->inner + first) * bytes;
    float *lanes = scratch, *elements = scratch + EW_LANES * EW_COLUMN_BLOCK;
    for (size_t i = 0; i < EW_LANES * EW_COLUMN_BLOCK; i++)
        lanes[i] = start;
    for (size_t k = 0; k < columns->count; k++) {
        load_run(x + k * columns->inner * bytes, columns->type, elements, width);
        take_block(columns->op, lanes + k % EW_LANES * EW_COLUMN_BLOCK, elements, width);
    }
    for (size_t lane = EW_LANES / 2; lane > 0; lane /= 2)
        for (size_t j = 0; j < lane; j++)
            take_block(columns->op, lanes + j * EW_COLUMN_BLOCK, lanes + (j + lane) * EW_COLUMN_BLOCK, width);
    if (columns->op == EW_ROW_MEAN)
        for (size_t i = 0; i < width; i++)
            lanes[i] = lanes[i] / (float)columns->count;
    finish_run(lanes, columns->type, (uint8_t *)columns->out + (outer * columns->inner + first) * bytes, width);
}

#endif
