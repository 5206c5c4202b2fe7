/* Private to csrc/kernels: the CPU variants of the elementwise operations.  The names are those of elementwise.h. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_KERNEL_H
#define GAUDI_KERNELS_ELEMENTWISE_KERNEL_H

#include "elementwise.h"

/* One CPU variant.  Constant; made by its file, read by everybody. */
struct ew_functions {
    void (*run_f32)(enum ew_op op, const float *a, const float *b, const float *c, float *out, size_t count);
    void (*run_bf16)(enum ew_op op, const uint16_t *a, const uint16_t *b, const uint16_t *c, uint16_t *out, size_t count);
    void (*add_f32)(const float *a, const float *b, float *out, size_t count);
    void (*add_bf16)(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count);
    void (*mul_f32)(const float *a, const float *b, float *out, size_t count);
    void (*mul_bf16)(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count);
    void (*relu_f32)(const float *a, float *out, size_t count);
    void (*relu_bf16)(const uint16_t *a, uint16_t *out, size_t count);
    void (*cast_f32_to_bf16)(const float *a, uint16_t *out, size_t count);
    void (*cast_bf16_to_f32)(const uint16_t *a, float *out, size_t count);
    void (*rows_f32)(enum ew_row_op op, const struct ew_rows *shape, const float *x, float *out);
    void (*rows_bf16)(enum ew_row_op op, const struct ew_rows *shape, const uint16_t *x, uint16_t *out);
};

extern const struct ew_functions ew_functions_plain; /* what the compiler's baseline has */
extern const struct ew_functions ew_functions_avx2;

/* The fastest one for this CPU.  variants_x86.c or variants_generic.c, as the build selects. */
const struct ew_functions *ew_probe(void);

#endif
