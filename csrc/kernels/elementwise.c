#include "elementwise_kernel.h"

#include <pthread.h>

/* Chosen once, constant afterwards. */
static pthread_once_t choice_once = PTHREAD_ONCE_INIT;
static const struct ew_functions *chosen;

static void choose(void)
{
    chosen = ew_probe();
}

static const struct ew_functions *functions(void)
{
    pthread_once(&choice_once, choose);
    return chosen;
}

void ew_run_f32(enum ew_op op, const float *a, const float *b, const float *c, float *out, size_t count)
{
    functions()->run_f32(op, a, b, c, out, count);
}

void ew_run_bf16(enum ew_op op, const uint16_t *a, const uint16_t *b, const uint16_t *c, uint16_t *out, size_t count)
{
    functions()->run_bf16(op, a, b, c, out, count);
}

void ew_add_f32(const float *a, const float *b, float *out, size_t count)
{
    functions()->add_f32(a, b, out, count);
}

void ew_add_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count)
{
    functions()->add_bf16(a, b, out, count);
}

void ew_mul_f32(const float *a, const float *b, float *out, size_t count)
{
    functions()->mul_f32(a, b, out, count);
}

void ew_mul_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count)
{
    functions()->mul_bf16(a, b, out, count);
}

void ew_relu_f32(const float *a, float *out, size_t count)
{
    functions()->relu_f32(a, out, count);
}

void ew_relu_bf16(const uint16_t *a, uint16_t *out, size_t count)
{
    functions()->relu_bf16(a, out, count);
}

void ew_cast_f32_to_bf16(const float *a, uint16_t *out, size_t count)
{
    functions()->cast_f32_to_bf16(a, out, count);
}

void ew_cast_bf16_to_f32(const uint16_t *a, float *out, size_t count)
{
    functions()->cast_bf16_to_f32(a, out, count);
}

void ew_rows_f32(enum ew_row_op op, const struct ew_rows *shape, const float *x, float *out)
{
    functions()->rows_f32(op, shape, x, out);
}

void ew_rows_bf16(enum ew_row_op op, const struct ew_rows *shape, const uint16_t *x, uint16_t *out)
{
    functions()->rows_bf16(op, shape, x, out);
}
