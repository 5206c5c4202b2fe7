/* Packing of operands as fp32, for the variants that have no bf16 arithmetic. */
#include "mme_kernel.h"

#include <string.h>

static float widen(uint16_t value)
{
    const uint32_t bits = (uint32_t)value << 16;
    float wide;
    memcpy(&wide, &bits, sizeof wide);
    return wide;
}

static float element(const struct mme_operand *operand, size_t at)
{
    return operand->base ? widen(operand->base[at]) : operand->base32[at];
}

/* Read along the stride of 1: the source may be far larger than the caches, the cell is not. */
void mme_pack_f32(const struct mme_operand *operand, size_t outer, size_t width, size_t k, float *cell)
{
    const size_t outer_left = operand->outer_count - outer;
    const size_t k_left = operand->k_count - k;
    const size_t members = outer_left < width ? outer_left : width;
    const size_t elements = k_left < MME_STEP_K ? k_left : MME_STEP_K;
    const size_t first = outer * operand->outer_stride + k * operand->k_stride;

    if (members < width || elements < MME_STEP_K)
        memset(cell, 0, MME_STEP_K * width * sizeof *cell);
    if (operand->k_stride == 1) {
        for (size_t i = 0; i < members; i++)
            for (size_t j = 0; j < elements; j++)
                cell[j * width + i] = element(operand, first + i * operand->outer_stride + j);
        return;
    }
    for (size_t j = 0; j < elements; j++)
        for (size_t i = 0; i < members; i++)
            cell[j * width + i] = element(operand, first + j * operand->k_stride + i);
}
