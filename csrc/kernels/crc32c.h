/* CRC-32C (Castagnoli; reflected polynomial 0x82f63b78, as iSCSI, NVMe/TCP and ext4 use it).
 * No state, no errors, any thread. */
#ifndef GAUDI_KERNELS_CRC32C_H
#define GAUDI_KERNELS_CRC32C_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* The CRC of `bytes` bytes at `data` appended to what `crc` covers; 0 begins.  crc32c(0, "123456789", 9) is 0xe3069283.
 * data may be NULL if bytes is 0. */
uint32_t crc32c(uint32_t crc, const void *data, size_t bytes);

/* The CRC of a two-dimensional region as if its rows followed each other: `rows` rows of row_bytes, the next one begins
 * stride_bytes after the last one's beginning (>= row_bytes unless rows are meant to overlap). */
uint32_t crc32c_rows(uint32_t crc, const void *base, size_t row_bytes, size_t stride_bytes, size_t rows);

#ifdef __cplusplus
}
#endif

#endif
