/* Blocking for the caches and sharing between threads, the same for every CPU variant.
 *
 * The operands are packed in chunks (struct mme_chunk_limits); a chunk is a row of K-blocks, a K-block a row of panels, a
 * panel a row of cells.  So the part of a chunk that a macro tile reads at one time is contiguous: panels at a power of two
 * from each other would fall into the same few sets of the L2 cache.
 *
 * Phases: for each chunk of B { pack B; for each chunk of A { pack A; multiply } }.
 */
#include "mme_kernel.h"
#include "workers.h"
#include "workspace.h"

#include <errno.h>

/* Panels packed by one item of work: enough to use up the pages that the rows of a matrix lie in, few enough to share. */
enum { PACK_PANELS = 16 };

/* One operand on its way through the chunks. */
struct side {
    struct mme_operand operand;
    size_t panel_width; /* mr or nr */
    size_t cell_bytes;
    size_t panels, chunk_panels, chunks;
    size_t block_panels; /* in a macro tile */
    void (*pack)(const struct mme_operand *operand, size_t outer, size_t k, void *cell);
    uint8_t *packed;
};

/* Made by mme_gemm_blocked, constant while threads run; they write to the memory behind `packed`, `tiles` and C. */
struct job {
    const struct mme_kernel *kernel;
    const struct mme_gemm *gemm;
    size_t steps, k_blocks; /* of the whole K */
    struct side a, b;
    size_t tiles_bytes; /* of one worker */
    uint8_t *tiles;
};

static size_t smaller(size_t a, size_t b)
{
    return a < b ? a : b;
}

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* false on overflow */
static bool multiply_sizes(size_t a, size_t b, size_t *product)
{
    if (a != 0 && b > SIZE_MAX / a)
        return false;
    *product = a * b;
    return true;
}

static size_t steps_of_block(const struct job *job, size_t k_block)
{
    return smaller(job->kernel->k_block_steps, job->steps - k_block * job->kernel->k_block_steps);
}

static size_t panels_of_chunk(const struct side *side, size_t chunk)
{
    return smaller(side->chunk_panels, side->panels - chunk * side->chunk_panels);
}

/* Where a panel (counted within the chunk) of a K-block begins. */
static uint8_t *packed_at(const struct job *job, const struct side *side, size_t chunk, size_t k_block, size_t panel)
{
    const size_t cells_before = k_block * job->kernel->k_block_steps * panels_of_chunk(side, chunk);
    return side->packed + (cells_before + panel * steps_of_block(job, k_block)) * side->cell_bytes;
}

static void pack_cell(const struct job *job, const struct side *side, size_t chunk, size_t k_block, size_t panel, size_t step)
{
    const size_t outer = (chunk * side->chunk_panels + panel) * side->panel_width;
    const size_t k = (k_block * job->kernel->k_block_steps + step) * MME_STEP_K;
    side->pack(&side->operand, outer, k, packed_at(job, side, chunk, k_block, panel) + step * side->cell_bytes);
}

static size_t pack_item_count(const struct job *job, const struct side *side, size_t chunk)
{
    return divide_up(panels_of_chunk(side, chunk), PACK_PANELS) * job->k_blocks;
}

/* Cells in the order of the source's addresses. */
static void pack_item(const struct job *job, const struct side *side, size_t chunk, size_t item)
{
    const size_t k_block = item % job->k_blocks;
    const size_t steps = steps_of_block(job, k_block);
    const size_t first = item / job->k_blocks * PACK_PANELS;
    const size_t last = smaller(first + PACK_PANELS, panels_of_chunk(side, chunk));
    if (side->operand.k_stride == 1) {
        for (size_t panel = first; panel < last; panel++)
            for (size_t step = 0; step < steps; step++)
                pack_cell(job, side, chunk, k_block, panel, step);
        return;
    }
    for (size_t step = 0; step < steps; step++)
        for (size_t panel = first; panel < last; panel++)
            pack_cell(job, side, chunk, k_block, panel, step);
}

static size_t blocks_of_chunk(const struct side *side, size_t chunk)
{
    return divide_up(panels_of_chunk(side, chunk), side->block_panels);
}

/* The panels of A and B in a macro tile, counted within their chunks. */
struct macro_tile {
    size_t chunk_a, chunk_b;
    size_t first_a, last_a, first_b, last_b;
};

static struct macro_tile macro_tile_of(const struct job *job, size_t chunk_a, size_t chunk_b, size_t item)
{
    const struct side *a = &job->a, *b = &job->b;
    const size_t blocks_b = blocks_of_chunk(b, chunk_b);
    const size_t first_a = item / blocks_b * a->block_panels;
    const size_t first_b = item % blocks_b * b->block_panels;
    return (struct macro_tile){
        .chunk_a = chunk_a,
        .chunk_b = chunk_b,
        .first_a = first_a,
        .last_a = smaller(first_a + a->block_panels, panels_of_chunk(a, chunk_a)),
        .first_b = first_b,
        .last_b = smaller(first_b + b->block_panels, panels_of_chunk(b, chunk_b)),
    };
}

/* The share of micro tile (i, j) in fetching the next K-block: slice j of panel i of A and slice i of panel j of B.  If the
 * macro tile is narrow, the slices do not cover the panels; the CPU's own prefetcher has to do then. */
static struct mme_soon soon_of(const struct job *job, const struct macro_tile *macro, size_t k_block, size_t i, size_t j)
{
    const size_t next = k_block + 1 < job->k_blocks ? k_block + 1 : k_block;
    const size_t slice_bytes = steps_of_block(job, next) * MME_SOON_BYTES;
    const size_t a_slices = job->a.cell_bytes / MME_SOON_BYTES;
    const size_t b_slices = job->b.cell_bytes / MME_SOON_BYTES;
    return (struct mme_soon){
        .a = packed_at(job, &job->a, macro->chunk_a, next, i) + (j - macro->first_b) % a_slices * slice_bytes,
        .b = packed_at(job, &job->b, macro->chunk_b, next, j) + (i - macro->first_a) % b_slices * slice_bytes,
    };
}

/* Add one K-block.  A panel of B stays in the L1 cache while those of A pass by. */
static void multiply_block(const struct job *job, const struct macro_tile *macro, size_t k_block, float *tiles)
{
    const struct mme_kernel *kernel = job->kernel;
    const size_t steps = steps_of_block(job, k_block);
    for (size_t j = macro->first_b; j < macro->last_b; j++)
        for (size_t i = macro->first_a; i < macro->last_a; i++) {
            const struct mme_soon soon = soon_of(job, macro, k_block, i, j);
            const uint8_t *a = packed_at(job, &job->a, macro->chunk_a, k_block, i);
            const uint8_t *b = packed_at(job, &job->b, macro->chunk_b, k_block, j);
            kernel->multiply(a, b, steps, k_block == 0, tiles, &soon);
            tiles += kernel->mr * kernel->nr;
        }
}

static void finish_tile(const struct job *job, const struct macro_tile *macro, size_t i, size_t j, const float *tile)
{
    const size_t row = (macro->chunk_a * job->a.chunk_panels + i) * job->kernel->mr;
    const size_t column = (macro->chunk_b * job->b.chunk_panels + j) * job->kernel->nr;
    job->kernel->finish(job->gemm, tile, row, column);
}

/* The results wait in `tiles` between K-blocks and go to C row by row of panels: C is written along its rows. */
static void multiply_item(const struct job *job, unsigned worker, size_t chunk_a, size_t chunk_b, size_t item)
{
    const struct macro_tile macro = macro_tile_of(job, chunk_a, chunk_b, item);
    const size_t tile_size = job->kernel->mr * job->kernel->nr;
    const size_t rows = macro.last_a - macro.first_a;
    float *tiles = (float *)(void *)(job->tiles + worker * job->tiles_bytes);
    const unsigned saved = job->kernel->enter();

    for (size_t k_block = 0; k_block < job->k_blocks; k_block++)
        multiply_block(job, &macro, k_block, tiles);
    for (size_t i = 0; i < rows; i++)
        for (size_t j = macro.first_b; j < macro.last_b; j++)
            finish_tile(job, &macro, macro.first_a + i, j, tiles + ((j - macro.first_b) * rows + i) * tile_size);
    job->kernel->leave(saved);
}

/* A phase number, taken apart. */
struct phase {
    enum { PACK_B, PACK_A, MULTIPLY } kind;
    size_t chunk_a, chunk_b;
};

static struct phase phase_of(const struct job *job, size_t number)
{
    const size_t phases_of_chunk_b = 1 + 2 * job->a.chunks;
    const size_t inner = number % phases_of_chunk_b;
    struct phase phase = {.kind = PACK_B, .chunk_a = 0, .chunk_b = number / phases_of_chunk_b};
    if (inner > 0) {
        phase.kind = inner % 2 == 1 ? PACK_A : MULTIPLY;
        phase.chunk_a = (inner - 1) / 2;
    }
    return phase;
}

static size_t item_count(const void *context, size_t number)
{
    const struct job *job = context;
    const struct phase phase = phase_of(job, number);
    if (phase.kind == PACK_B)
        return pack_item_count(job, &job->b, phase.chunk_b);
    if (phase.kind == PACK_A)
        return pack_item_count(job, &job->a, phase.chunk_a);
    return blocks_of_chunk(&job->a, phase.chunk_a) * blocks_of_chunk(&job->b, phase.chunk_b);
}

static void run_item(const void *context, unsigned worker, size_t number, size_t item)
{
    const struct job *job = context;
    const struct phase phase = phase_of(job, number);
    if (phase.kind == PACK_B)
        pack_item(job, &job->b, phase.chunk_b, item);
    else if (phase.kind == PACK_A)
        pack_item(job, &job->a, phase.chunk_a, item);
    else
        multiply_item(job, worker, phase.chunk_a, phase.chunk_b, item);
}

/* Cut a side into chunks of at most limit_bytes, but one macro tile at least.  Chunks are of equal size but for rounding.
 * Returns the bytes of a chunk, 0 on overflow. */
static size_t cut_into_chunks(const struct job *job, struct side *side, size_t limit_bytes)
{
    size_t panel_bytes, chunk_bytes;
    if (!multiply_sizes(job->steps, side->cell_bytes, &panel_bytes))
        return 0;
    side->panels = divide_up(side->operand.outer_count, side->panel_width);
    side->block_panels = smaller(side->block_panels, side->panels);
    const size_t fitting = limit_bytes / panel_bytes;
    const size_t most = fitting > side->block_panels ? fitting : side->block_panels;
    const size_t blocks = divide_up(divide_up(side->panels, divide_up(side->panels, most)), side->block_panels);
    side->chunk_panels = smaller(blocks * side->block_panels, side->panels);
    side->chunks = divide_up(side->panels, side->chunk_panels);
    return multiply_sizes(side->chunk_panels, panel_bytes, &chunk_bytes) ? chunk_bytes : 0;
}

/* Smaller macro tiles while there are fewer than two for each thread. */
static void shrink_macro_tiles(struct job *job, unsigned threads)
{
    struct side *a = &job->a, *b = &job->b;
    while (threads > 1 && (a->block_panels > 1 || b->block_panels > 1)) {
        const size_t blocks_a = divide_up(a->panels, a->block_panels);
        const size_t blocks_b = divide_up(b->panels, b->block_panels);
        if (blocks_a >= 2 * (size_t)threads || blocks_b >= 2 * (size_t)threads || blocks_a * blocks_b >= 2 * (size_t)threads)
            return;
        struct side *larger = a->block_panels * a->panel_width > b->block_panels * b->panel_width ? a : b;
        if (larger->block_panels == 1)
            larger = larger == a ? b : a;
        larger->block_panels = divide_up(larger->block_panels, 2);
    }
}

static struct side side_a(const struct mme_kernel *kernel, const struct mme_gemm *gemm)
{
    return (struct side){
        .operand = {.base = gemm->a,
                    .base32 = gemm->a32,
                    .outer_count = gemm->m,
                    .k_count = gemm->k,
                    .outer_stride = gemm->transpose_a ? 1 : gemm->lda,
                    .k_stride = gemm->transpose_a ? gemm->lda : 1},
        .panel_width = kernel->mr,
        .cell_bytes = kernel->a_cell_bytes,
        .block_panels = kernel->block_rows,
        .pack = kernel->pack_a,
    };
}

static struct side side_b(const struct mme_kernel *kernel, const struct mme_gemm *gemm)
{
    return (struct side){
        .operand = {.base = gemm->b,
                    .base32 = gemm->b32,
                    .outer_count = gemm->n,
                    .k_count = gemm->k,
                    .outer_stride = gemm->transpose_b ? gemm->ldb : 1,
                    .k_stride = gemm->transpose_b ? 1 : gemm->ldb},
        .panel_width = kernel->nr,
        .cell_bytes = kernel->b_cell_bytes,
        .block_panels = kernel->block_columns,
        .pack = kernel->pack_b,
    };
}

int mme_gemm_blocked(const struct mme_kernel *kernel, const struct mme_gemm *gemm, const struct mme_chunk_limits *limits,
                     unsigned threads)
{
    struct job job = {.kernel = kernel, .gemm = gemm, .a = side_a(kernel, gemm), .b = side_b(kernel, gemm)};
    threads = threads < WORKERS_MAX ? threads : WORKERS_MAX;
    job.steps = divide_up(gemm->k, MME_STEP_K);
    job.k_blocks = divide_up(job.steps, kernel->k_block_steps);
    const size_t a_bytes = cut_into_chunks(&job, &job.a, limits->a_bytes);
    const size_t b_bytes = cut_into_chunks(&job, &job.b, limits->b_bytes);
    shrink_macro_tiles(&job, threads);
    job.tiles_bytes = job.a.block_panels * job.b.block_panels * kernel->mr * kernel->nr * sizeof(float);

    const size_t all_tiles_bytes = job.tiles_bytes * threads;
    if (a_bytes == 0 || b_bytes == 0 || a_bytes > PTRDIFF_MAX - all_tiles_bytes ||
        b_bytes > PTRDIFF_MAX - all_tiles_bytes - a_bytes)
        return -ENOMEM;
    job.tiles = workspace_borrow(all_tiles_bytes + a_bytes + b_bytes);
    if (!job.tiles)
        return -ENOMEM;
    job.a.packed = job.tiles + all_tiles_bytes;
    job.b.packed = job.a.packed + a_bytes;

    const struct workers_plan plan = {
        .phase_count = job.b.chunks * (1 + 2 * job.a.chunks),
        .item_count = item_count,
        .run_item = run_item,
        .context = &job,
    };
    workers_run(&plan, threads);
    workspace_return(job.tiles);
    return 0;
}
