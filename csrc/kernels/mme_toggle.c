/* How much an operand toggles, by looking at some of it. */
#include "mme.h"

#include <string.h>

/* So many runs, evenly spread, of so many pairs of neighbours. */
enum { RUNS = 32, RUN_PAIRS = 64 };

static uint32_t element(const uint8_t *data, size_t bytes, size_t at)
{
    uint32_t value = 0;
    memcpy(&value, data + at * bytes, bytes);
    return value;
}

double mme_toggle_rate(const void *data, size_t element_bytes, size_t elements)
{
    const size_t pairs = elements > 0 ? elements - 1 : 0;
    const size_t runs = pairs / RUN_PAIRS < RUNS ? pairs / RUN_PAIRS + 1 : RUNS;
    size_t toggled = 0, looked_at = 0;
    if (!data || element_bytes > sizeof(uint32_t))
        return 0.0;
    for (size_t run = 0; run < runs; run++) {
        const size_t first = pairs / runs * run;
        for (size_t i = first; i < pairs && i < first + RUN_PAIRS; i++, looked_at++)
            toggled += (size_t)__builtin_popcount(element(data, element_bytes, i) ^ element(data, element_bytes, i + 1));
    }
    return looked_at > 0 ? (double)toggled / (double)(looked_at * element_bytes * 8) : 0.0;
}
