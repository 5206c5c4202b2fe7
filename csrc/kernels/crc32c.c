#include "crc32c_kernel.h"

#include <pthread.h>

static const uint32_t POLYNOMIAL = 0x82f63b78;

/* table[i][v]: what byte v turns into when i more bytes follow it.  Filled once, constant afterwards. */
static pthread_once_t table_once = PTHREAD_ONCE_INIT;
static uint32_t table[8][256];

/* Chosen once, constant afterwards. */
static pthread_once_t choice_once = PTHREAD_ONCE_INIT;
static crc32c_function *chosen;

static void fill_table(void)
{
    for (uint32_t value = 0; value < 256; value++) {
        uint32_t crc = value;
        for (int bit = 0; bit < 8; bit++)
            crc = crc & 1 ? crc >> 1 ^ POLYNOMIAL : crc >> 1;
        table[0][value] = crc;
    }
    for (size_t i = 1; i < 8; i++)
        for (size_t value = 0; value < 256; value++)
            table[i][value] = table[i - 1][value] >> 8 ^ table[0][table[i - 1][value] & 0xff];
}

static void choose(void)
{
    chosen = crc32c_probe();
}

/* Eight bytes at a time: their contributions are independent of each other. */
uint32_t crc32c_plain(uint32_t crc, const void *data, size_t bytes)
{
    const uint8_t *at = data;
    pthread_once(&table_once, fill_table);
    crc = ~crc;
    for (; bytes >= 8; bytes -= 8, at += 8)
        crc = table[7][at[0] ^ (crc & 0xff)] ^ table[6][at[1] ^ (crc >> 8 & 0xff)] ^ table[5][at[2] ^ (crc >> 16 & 0xff)] ^
              table[4][at[3] ^ crc >> 24] ^ table[3][at[4]] ^ table[2][at[5]] ^ table[1][at[6]] ^ table[0][at[7]];
    for (; bytes > 0; bytes--, at++)
        crc = crc >> 8 ^ table[0][(crc ^ *at) & 0xff];
    return ~crc;
}

uint32_t crc32c(uint32_t crc, const void *data, size_t bytes)
{
    pthread_once(&choice_once, choose);
    return chosen(crc, data, bytes);
}

uint32_t crc32c_rows(uint32_t crc, const void *base, size_t row_bytes, size_t stride_bytes, size_t rows)
{
    const uint8_t *at = base;
    pthread_once(&choice_once, choose);
    for (size_t row = 0; row < rows; row++)
        crc = chosen(crc, at + row * stride_bytes, row_bytes);
    return crc;
}
