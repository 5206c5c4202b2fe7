/* Patterns and comparisons of memory: every CPU variant against the definition word by word, threads, borders of blocks,
 * and that nothing outside of the range is touched. Last line: "N passed, N failed". */
#include "check.h"
#include "mover.h"
#include "mover_kernel.h"

enum { WORDS = 3000, GUARD = 16, MOST = 8, LARGE = 5 << 20 };

static const uint64_t BLOCK = UINT64_C(1) << 34; /* bytes in which no 32-bit number repeats */

/* The definition of mover.h, one half of a word at a time. */
static uint32_t lane_value(uint64_t seed, uint64_t lane)
{
    uint64_t key = (seed + (lane >> 32) + 1) * UINT64_C(0x9E3779B97F4A7C15);
    key = (key ^ key >> 32) * UINT64_C(0xD6E8FEB86659FD93);
    uint32_t x = (uint32_t)lane * UINT32_C(0x9E3779B1) + (uint32_t)(key >> 32);
    x = (x ^ x >> 15) * UINT32_C(0x85EBCA6B);
    return x ^ x >> 13;
}

static uint64_t word_value(const struct mv_pattern *pattern, uint64_t position)
{
    uint64_t value = pattern->seed;
    if (pattern->kind == MV_ADDRESS)
        value = position ^ pattern->seed;
    if (pattern->kind == MV_RANDOM)
        value = lane_value(pattern->seed, position / 4) | (uint64_t)lane_value(pattern->seed, position / 4 + 1) << 32;
    return value ^ pattern->flip;
}

static void test_variant(const struct mv_functions *cpu, const char *name)
{
    struct random random = {17};
    uint64_t *words = must_allocate((WORDS + 2 * GUARD) * sizeof *words);
    for (unsigned round = 0; round < 240; round++) {
        const struct mv_pattern pattern = {round % 3, 0, (uint64_t)draw(&random) << 32 | draw(&random),
                                           round % 2 ? UINT64_MAX : 0};
        const size_t count = draw_below(&random, round % 5 ? 70 : WORDS);
        /* Every fourth range crosses the border of a block. */
        const uint64_t base = round % 4 ? UINT64_C(0x1001000030000000) : 3 * BLOCK - 8 * draw_below(&random, 64);
        uint64_t *data = words + GUARD;
        bool is_right = true;
        memset(words, 0xA5, (WORDS + 2 * GUARD) * sizeof *words);
        cpu->generate(&pattern, base, data, count);
        for (size_t i = 0; i < count; i++)
            is_right = is_right && data[i] == word_value(&pattern, base + 8 * i);
        check(is_right, name, "generates the definition");
        check(words[GUARD - 1] == UINT64_C(0xA5A5A5A5A5A5A5A5) && data[count] == UINT64_C(0xA5A5A5A5A5A5A5A5), name,
              "stays inside");
        check(cpu->is_pattern(&pattern, base, data, count), name, "knows its own");
        check(cpu->is_same(data, data, count), name, "is the same");
        if (count == 0)
            continue;
        uint64_t *copy = must_allocate(count * sizeof *copy);
        const size_t place = draw_below(&random, count);
        memcpy(copy, data, count * sizeof *copy);
        copy[place] ^= UINT64_C(1) << draw_below(&random, 64);
        check(!cpu->is_pattern(&pattern, base, copy, count), name, "sees one wrong bit");
        check(!cpu->is_same(data, copy, count), name, "sees one different bit");
        free(copy);
    }
    free(words);
}

/* Wrong words are counted, and the lowest ones given in order, with any number of threads. */
static void test_searches(unsigned threads)
{
    static const size_t WRONG[] = {0, 511, 512, 70000, 131071, 131072, 500000, LARGE / 8 - 1};
    enum { COUNT = sizeof WRONG / sizeof *WRONG };
    const struct mv_pattern pattern = {MV_RANDOM, 0, 5, 0};
    const struct mv_pattern other = {MV_RANDOM, 0, 6, 0};
    const uint64_t base = UINT64_C(0x1001000000000000);
    uint64_t *wanted = must_allocate(LARGE);
    uint64_t *actual = must_allocate(LARGE);
    struct mv_mismatch found[MOST];
    mv_generate(&pattern, base, wanted, LARGE, threads);
    mv_copy(actual, wanted, LARGE, threads);
    check(mv_check(&pattern, base, actual, LARGE, found, MOST, threads) == 0, "mv_check", "finds nothing wrong");
    for (size_t i = 0; i < COUNT; i++)
        actual[WRONG[i]] ^= 1;
    for (size_t most = 0; most <= MOST; most++) {
        bool is_ordered = true;
        const size_t count = mv_check(&pattern, base, actual, LARGE, found, most, threads);
        for (size_t i = 0; i < most && i < COUNT; i++)
            is_ordered = is_ordered && found[i].offset == 8 * WRONG[i] && (found[i].expected ^ found[i].actual) == 1;
        check(count == COUNT, "mv_check", "counts all");
        check(is_ordered, "mv_check", "gives the first in order");
        check(mv_compare(wanted, actual, LARGE, found, most, threads) == COUNT, "mv_compare", "counts all");
    }
    check(mv_check_generated(&pattern, base, &pattern, base, LARGE, found, MOST, threads) == 0, "generated", "right");
    check(mv_check_generated(&other, base, &pattern, base, LARGE, found, MOST, threads) > LARGE / 8 - 10, "generated",
          "of another seed");
    mv_set(actual, 7, LARGE - 3, threads);
    check(((uint8_t *)actual)[LARGE - 4] == 7 && ((uint8_t *)actual)[LARGE - 3] != 7, "mv_set", "stays inside");
    check(mv_check(&pattern, base, actual, 0, NULL, 0, threads) == 0, "mv_check", "of nothing");
    free(wanted);
    free(actual);
}

int main(void)
{
    test_variant(&mv_functions_plain, "plain");
    test_variant(mv_probe(), "fastest");
    test_searches(1);
    test_searches(2);
    return conclude();
}
