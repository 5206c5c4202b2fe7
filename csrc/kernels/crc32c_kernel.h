/* Private to csrc/kernels: the CPU variants of crc32c().  Each does all that crc32c() does. */
#ifndef GAUDI_KERNELS_CRC32C_KERNEL_H
#define GAUDI_KERNELS_CRC32C_KERNEL_H

#include "crc32c.h"

typedef uint32_t crc32c_function(uint32_t crc, const void *data, size_t bytes);

crc32c_function crc32c_plain;
crc32c_function crc32c_sse42; /* needs SSE4.2 and PCLMULQDQ */
crc32c_function crc32c_avx512; /* needs AVX-512 F and VL, VPCLMULQDQ, and what sse42 needs */

/* The fastest one for this CPU.  variants_x86.c or variants_generic.c, as the build selects. */
crc32c_function *crc32c_probe(void);

#endif
