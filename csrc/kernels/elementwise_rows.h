/* Private: operations along rows, included like elementwise_loops.h.  One row at a time lies as fp32 in the scratch. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_ROWS_H
#define GAUDI_KERNELS_ELEMENTWISE_ROWS_H

#include "elementwise_loops.h"
#include "elementwise_types.h"

enum { LANES = EW_LANES };

typedef float term_function(float lane, float element);

static inline float plus(float lane, float element)
{
    return lane + element;
}

static inline float plus_square(float lane, float element)
{
    return lane + element * element;
}

static inline float larger(float lane, float element)
{
    return lane > element || lane != lane ? lane : element;
}

static inline float smaller(float lane, float element)
{
    return lane < element || lane != lane ? lane : element;
}

/* `take` puts an element into a lane, `fold` one lane into another; both are inlined. */
static inline __attribute__((always_inline)) float reduce(const float *row, size_t count, float start, term_function *take,
                                                          term_function *fold)
{
    float lanes[LANES];
    for (size_t j = 0; j < LANES; j++)
        lanes[j] = start;
    size_t whole = count - count % LANES;
    for (size_t i = 0; i < whole; i += LANES)
        for (size_t j = 0; j < LANES; j++)
            lanes[j] = take(lanes[j], row[i + j]);
    for (size_t i = whole; i < count; i++)
        lanes[i - whole] = take(lanes[i - whole], row[i]);
    for (size_t width = LANES / 2; width > 0; width /= 2)
        for (size_t j = 0; j < width; j++)
            lanes[j] = fold(lanes[j], lanes[j + width]);
    return lanes[0];
}

static float row_sum(const float *row, size_t count)
{
    return reduce(row, count, 0.0f, plus, plus);
}

static float row_max(const float *row, size_t count)
{
    return reduce(row, count, -INFINITY, larger, larger);
}

static float row_min(const float *row, size_t count)
{
    return reduce(row, count, INFINITY, smaller, smaller);
}

/* 1 / sqrt(mean of squares + epsilon) */
static float row_scale(const float *row, size_t count, float epsilon)
{
    float sum = reduce(row, count, 0.0f, plus_square, plus);
    return 1.0f / sqrtf(sum / (float)count + epsilon);
}

static void row_softmax(float *row, size_t count)
{
    float top = row_max(row, count);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        row[i] = math_exp(row[i] - top);
    float sum = row_sum(row, count);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        row[i] = row[i] / sum;
}

static inline float plus_exponential(float lane, float element)
{
    return lane + math_exp(element);
}

static void row_log_softmax(float *row, size_t count)
{
    float top = row_max(row, count);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        row[i] = row[i] - top;
    float log_sum = math_log(reduce(row, count, 0.0f, plus_exponential, plus));
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        row[i] = row[i] - log_sum;
}

static void row_layer_norm(float *row, const struct ew_rows *shape)
{
    size_t count = shape->columns;
    float mean = row_sum(row, count) / (float)count;
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        row[i] = row[i] - mean;
    float scale = row_scale(row, count, shape->epsilon);
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        row[i] = row[i] * scale * shape->gamma[i] + shape->beta[i];
}

static void row_rms_norm(float *row, const struct ew_rows *shape)
{
    float scale = row_scale(row, shape->columns, shape->epsilon);
#pragma omp simd
    for (size_t i = 0; i < shape->columns; i++)
        row[i] = row[i] * scale * shape->gamma[i];
}

/* In the scratch; returns how many elements the result has. */
static size_t run_row(const struct ew_rows *shape, float *row)
{
    const size_t count = shape->columns;
    switch (shape->op) {
    case EW_ROW_SUM:
        row[0] = row_sum(row, count);
        return 1;
    case EW_ROW_MEAN:
        row[0] = row_sum(row, count) / (float)count;
        return 1;
    case EW_ROW_MAX:
        row[0] = row_max(row, count);
        return 1;
    case EW_ROW_MIN:
        row[0] = row_min(row, count);
        return 1;
    case EW_ROW_SOFTMAX:
        row_softmax(row, count);
        break;
    case EW_ROW_LOG_SOFTMAX:
        row_log_softmax(row, count);
        break;
    case EW_ROW_LAYER_NORM:
        row_layer_norm(row, shape);
        break;
    case EW_ROW_RMS_NORM:
        row_rms_norm(row, shape);
        break;
    case EW_ROW_OP_COUNT:
        break;
    }
    return count;
}

static void finish_run(float *values, enum ew_type type, void *to, size_t count)
{
#pragma omp simd
    for (size_t i = 0; i < count; i++)
        values[i] = canonical(values[i]);
    round_run(values, type, count);
    store_run(values, type, to, count);
}

static void run_rows(const struct ew_rows *shape, size_t first, size_t count, float *scratch)
{
    const size_t bytes = ew_type_bytes(shape->type);
    const uint8_t *x = shape->x;
    uint8_t *out = shape->out;
    for (size_t r = first; r < first + count; r++) {
        load_run(x + r * shape->columns * bytes, shape->type, scratch, shape->columns);
        const size_t size = run_row(shape, scratch);
        finish_run(scratch, shape->type, out + r * size * bytes, size);
    }
}

#endif
