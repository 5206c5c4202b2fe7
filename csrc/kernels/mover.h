/* Moving, filling and checking bytes: what the DMA engines and the TPCs do with memory and no arithmetic.
 *
 * A pattern gives every 64-bit word of an address space a value that depends on its position alone, so a memory of 96 GiB
 * is described by a few bytes, and any part of it can be made or checked without the rest.  Positions and sizes are
 * multiples of 8 bytes; words are little-endian.  All functions are thread-safe, allocate nothing and cannot fail;
 * `threads` is an upper bound, and small sizes stay on the caller's thread. */
#ifndef GAUDI_KERNELS_MOVER_H
#define GAUDI_KERNELS_MOVER_H

#include <stddef.h>
#include <stdint.h>

enum mv_kind {
    MV_CONSTANT = 0, /* seed */
    MV_ADDRESS = 1,  /* position ^ seed: what is read says where it was meant to lie */
    MV_RANDOM = 2    /* both halves of the word from 32-bit numbers; within 16 GiB no two of them are equal */
};

/* The value of a word is that of its kind, ^ flip. */
struct mv_pattern {
    uint32_t kind;
    uint32_t reserved;
    uint64_t seed;
    uint64_t flip;
};

/* A word that differs.  `offset` counts bytes from the start of what was checked. */
struct mv_mismatch {
    uint64_t offset;
    uint64_t expected;
    uint64_t actual;
};

/* Any sizes and alignments; the ranges do not overlap. */
void mv_copy(void *to, const void *from, size_t size, unsigned threads);

/* `size` bytes of the same byte. */
void mv_set(void *to, uint8_t value, size_t size, unsigned threads);

/* Write what the pattern has from `position` on. */
void mv_generate(const struct mv_pattern *pattern, uint64_t position, void *to, size_t size, unsigned threads);

/* Compare with what the pattern has; the number of words that differ, the first `most` of them in `found`, in order. */
size_t mv_check(const struct mv_pattern *pattern, uint64_t position, const void *from, size_t size,
                struct mv_mismatch *found, size_t most, unsigned threads);

/* The same for contents that are themselves a pattern: they are made piece by piece, in a buffer that fits the cache. */
size_t mv_check_generated(const struct mv_pattern *contents, uint64_t contents_position, const struct mv_pattern *pattern,
                          uint64_t position, size_t size, struct mv_mismatch *found, size_t most, unsigned threads);

/* Compare two ranges; `expected` is of `wanted`, `actual` of `from`. */
size_t mv_compare(const void *wanted, const void *from, size_t size, struct mv_mismatch *found, size_t most,
                  unsigned threads);

#endif
