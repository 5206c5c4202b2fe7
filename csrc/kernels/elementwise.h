/* Elementwise operations of the TPC engine over raw buffers.
 *
 * Arithmetic: fp32, round to nearest even, and NaN results are 0x7fc00000 (0x7fc0 in bf16) on every host.
 *   fp32  denormals are kept, as in IEEE 754.
 *   bf16  operands are widened exactly, a denormal one counting as zero of its sign; the fp32 result is cast by the rule of
 *         ew_cast_f32_to_bf16.
 * The caller's floating point environment has to be the default one (nearest even, no FTZ or DAZ).
 *
 * Every function: `count` elements each; `out` may be the same buffer as an operand, and must not overlap one otherwise;
 * count 0 does nothing.  No errors, no state, any thread.
 */
#ifndef GAUDI_KERNELS_ELEMENTWISE_H
#define GAUDI_KERNELS_ELEMENTWISE_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* out = a + b */
void ew_add_f32(const float *a, const float *b, float *out, size_t count);
void ew_add_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count);

/* out = a * b */
void ew_mul_f32(const float *a, const float *b, float *out, size_t count);
void ew_mul_bf16(const uint16_t *a, const uint16_t *b, uint16_t *out, size_t count);

/* out = max(a, 0); -0 becomes +0, NaN stays NaN.  A positive denormal is kept in fp32, +0 in bf16. */
void ew_relu_f32(const float *a, float *out, size_t count);
void ew_relu_bf16(const uint16_t *a, uint16_t *out, size_t count);

/* Nearest even; too large becomes Inf; an fp32 denormal counts as zero of its sign, so no bf16 denormal comes out. */
void ew_cast_f32_to_bf16(const float *a, uint16_t *out, size_t count);

/* Exact; a bf16 denormal becomes zero of its sign.  In place is impossible: the sizes differ. */
void ew_cast_bf16_to_f32(const uint16_t *a, float *out, size_t count);

#ifdef __cplusplus
}
#endif

#endif
