/* Private to csrc/kernels: the CPU variants of the TPC's operations.  Arguments have been checked. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_KERNEL_H
#define GAUDI_KERNELS_ELEMENTWISE_KERNEL_H

#include "elementwise.h"

/* A register holds this many elements of 4 bytes at a time: even a long program stays in the second-level cache. */
enum { EW_BLOCK = 512 };

/* Columns that are reduced side by side, and lanes of a reduction. */
enum { EW_COLUMN_BLOCK = 128, EW_LANES = 64 };

/* One CPU variant.  Constant; made by its file, read by everybody. */
struct ew_functions {
    /* Elements [first, first + count) of a program; `registers` is room for all registers, one EW_BLOCK each, aligned. */
    void (*run)(const struct ew_program *program, size_t first, size_t count, uint32_t *registers);
    /* Rows [first, first + count); `scratch` is room for one row in fp32. */
    void (*rows)(const struct ew_rows *rows, size_t first, size_t count, float *scratch);
    /* Block number `block` of EW_COLUMN_BLOCK columns, of outer index `outer`; scratch: (EW_LANES + 1) * EW_COLUMN_BLOCK. */
    void (*columns)(const struct ew_columns *columns, size_t outer, size_t block, float *scratch);
};

extern const struct ew_functions ew_functions_plain; /* what the compiler's baseline has */
extern const struct ew_functions ew_functions_avx2;
extern const struct ew_functions ew_functions_avx512;

/* The fastest one for this CPU.  variants_x86.c or variants_generic.c, as the build selects. */
const struct ew_functions *ew_probe(void);

size_t ew_type_bytes(enum ew_type type);

#endif
