/* Speed of the compute kernels: GFLOP/s of the MME per variant, GB/s of CRC-32C and of the elementwise loops.
 * Usage: bench_mme [threads [seconds a figure]]; defaults 2 and 0.5.  Every figure is the best of the repetitions that fit
 * into its time: the machine may be shared, and the fastest run is the one least disturbed. */
#define _GNU_SOURCE
#include "crc32c.h"
#include "elementwise.h"
#include "mme.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct shape {
    size_t m, n, k;
    bool transpose_a, transpose_b;
};

static const struct shape SHAPES[] = {
    {256, 256, 256, false, false},    {512, 512, 512, false, false},    {1024, 1024, 1024, false, false},
    {2048, 2048, 2048, false, false}, {4096, 4096, 4096, false, false}, {4096, 4096, 4096, true, false},
    {4096, 4096, 4096, false, true},  {4096, 4096, 64, false, false},   {32, 4096, 4096, false, false},
    {1000, 1000, 1000, false, false},
};

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}

/* One measured action; returns false when it cannot be carried out. */
typedef bool action(void *context);

static double best_s(action *act, void *context, double time_s)
{
    double best = -1.0;
    const double begin = now_s();
    do {
        const double start = now_s();
        if (!act(context))
            return -1.0;
        const double took = now_s() - start;
        if (best < 0.0 || took < best)
            best = took;
    } while (now_s() - begin < time_s);
    return best;
}

struct gemm_run {
    enum mme_variant variant;
    struct mme_gemm gemm;
    int threads;
};

static bool run_gemm(void *context)
{
    const struct gemm_run *run = context;
    return mme_multiply(run->variant, &run->gemm, run->threads) == 0;
}

/* Small numbers of either sign; the speed does not depend on them. */
static void fill(uint16_t *values, size_t count)
{
    uint32_t state = 1;
    for (size_t i = 0; i < count; i++) {
        state = state * 1664525 + 1013904223;
        values[i] = (uint16_t)(0x3f00 | (state >> 24) | (state & 0x800000) >> 8);
    }
}

static void bench_shape(const struct shape *shape, const uint16_t *a, const uint16_t *b, float *c, int threads, double time_s)
{
    const double flop = 2.0 * (double)shape->m * (double)shape->n * (double)shape->k;
    printf("%5zu x %5zu x %5zu %c%c", shape->m, shape->n, shape->k, shape->transpose_a ? 't' : '-',
           shape->transpose_b ? 't' : '-');
    for (int variant = MME_PLAIN; variant < MME_VARIANT_COUNT; variant++) {
        struct gemm_run run = {
            .variant = (enum mme_variant)variant,
            .gemm = {.a = a, .b = b, .c = c, .m = shape->m, .n = shape->n, .k = shape->k,
                     .lda = shape->transpose_a ? shape->m : shape->k, .ldb = shape->transpose_b ? shape->k : shape->n,
                     .ldc = shape->n, .transpose_a = shape->transpose_a, .transpose_b = shape->transpose_b},
            .threads = threads};
        /* The slow definition would take minutes on the large ones. */
        const bool is_too_slow = variant == MME_PLAIN && flop > 1e8;
        const double took = is_too_slow ? -1.0 : best_s(run_gemm, &run, time_s);
        if (took > 0.0)
            printf(" %9.1f", flop / took * 1e-9);
        else
            printf(" %9s", "-");
    }
    printf("\n");
}

/* Buffers of the memory benchmarks, in bytes and together beyond the caches of one core. */
enum { BUFFER_BYTES = 32 << 20 };

struct buffers {
    void *a, *b, *out;
    volatile uint32_t sink;
};

static bool run_memcpy(void *context)
{
    struct buffers *buffers = context;
    memcpy(buffers->out, buffers->a, BUFFER_BYTES);
    return true;
}

static bool run_crc(void *context)
{
    struct buffers *buffers = context;
    buffers->sink = crc32c(0, buffers->a, BUFFER_BYTES);
    return true;
}

/* One operation, on one thread. */
static bool run_step(struct buffers *buffers, enum ew_op op, enum ew_type type, size_t element_bytes)
{
    const size_t count = BUFFER_BYTES / element_bytes;
    const struct ew_input inputs[2] = {{buffers->a, type, 1, count}, {buffers->b, type, 1, count}};
    const struct ew_step step = {op, type, type, {0, 1, 0}};
    const struct ew_program program = {inputs, NULL, &step, 2, 0, 1, buffers->out, count};
    return ew_run(&program, 1) == 0;
}

static bool run_add_f32(void *context)
{
    return run_step(context, EW_ADD, EW_F32, sizeof(float));
}

static bool run_add_bf16(void *context)
{
    return run_step(context, EW_ADD, EW_BF16, sizeof(uint16_t));
}

static bool run_relu_bf16(void *context)
{
    struct buffers *buffers = context;
    const size_t count = BUFFER_BYTES / sizeof(uint16_t);
    const struct ew_input input = {buffers->a, EW_BF16, 1, count};
    const struct ew_step step = {EW_RELU, EW_BF16, EW_BF16, {0, 0, 0}};
    const struct ew_program program = {&input, NULL, &step, 1, 0, 1, buffers->out, count};
    return ew_run(&program, 1) == 0;
}

static void bench_memory(struct buffers *buffers, double time_s)
{
    static const struct {
        const char *name;
        action *act;
    } rows[] = {{"memcpy", run_memcpy},
                {"crc32c", run_crc},
                {"add f32", run_add_f32},
                {"add bf16", run_add_bf16},
                {"relu bf16", run_relu_bf16}};
    printf("\nGB/s of one operand, 32 MiB, one thread\n");
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        printf("%-10s %6.2f\n", rows[i].name, BUFFER_BYTES / best_s(rows[i].act, buffers, time_s) * 1e-9);
}

int main(int argc, char **argv)
{
    const size_t most = (size_t)4096 * 4096;
    const int threads = argc > 1 ? atoi(argv[1]) : 2;
    const double time_s = argc > 2 ? atof(argv[2]) : 0.5;
    uint16_t *a = aligned_alloc(64, most * sizeof *a);
    uint16_t *b = aligned_alloc(64, most * sizeof *b);
    float *c = aligned_alloc(64, most * sizeof *c);
    int status = 1;

    if (!a || !b || !c || threads < 1) {
        fprintf(stderr, "usage: bench_mme [threads [seconds]], and 128 MiB of memory\n");
        goto out;
    }
    fill(a, most);
    fill(b, most);
    printf("GFLOP/s, up to %d threads\n%5s x %5s x %5s tt", threads, "m", "n", "k");
    for (int variant = MME_PLAIN; variant < MME_VARIANT_COUNT; variant++)
        printf(" %9s", mme_variant_name((enum mme_variant)variant));
    printf("\n");
    for (size_t i = 0; i < sizeof SHAPES / sizeof *SHAPES; i++)
        bench_shape(&SHAPES[i], a, b, c, threads, time_s);
    bench_memory(&(struct buffers){.a = a, .b = b, .out = c, .sink = 0}, time_s);
    status = 0;
out:
    free(a);
    free(b);
    free(c);
    return status;
}
