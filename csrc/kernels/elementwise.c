/* The public face of the TPC's operations: checks, choice of variant, sharing between threads. */
#include "elementwise_kernel.h"
#include "workers.h"
#include "workspace.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>

/* Elements of a program, or of rows, that one item of work has: a whole number of blocks. */
enum { ITEM_ELEMENTS = 32 * EW_BLOCK };

/* Elements times steps below which another thread costs more than it gives (about 50 us to start and join one). */
enum { THREAD_STEPS = 500 * 1000, ROW_STEPS = 8 };

static const size_t TYPE_BYTES[EW_TYPE_COUNT] = {
    [EW_F32] = 4, [EW_BF16] = 2, [EW_I32] = 4, [EW_F8] = 1, [EW_HF8] = 1, [EW_HF8_448] = 1};

static const unsigned char OPERANDS[EW_OP_COUNT] = {
    [EW_ADD] = 2,        [EW_SUB] = 2,     [EW_MUL] = 2,           [EW_DIV] = 2,        [EW_MAX] = 2,
    [EW_MIN] = 2,        [EW_POW] = 2,     [EW_EQUAL] = 2,         [EW_NOT_EQUAL] = 2,  [EW_LESS] = 2,
    [EW_LESS_EQUAL] = 2, [EW_GREATER] = 2, [EW_GREATER_EQUAL] = 2, [EW_WHERE] = 3,      [EW_RELU] = 1,
    [EW_NEG] = 1,        [EW_ABS] = 1,     [EW_SQRT] = 1,          [EW_RSQRT] = 1,      [EW_RECIPROCAL] = 1,
    [EW_EXP] = 1,        [EW_LOG] = 1,     [EW_SIGMOID] = 1,       [EW_TANH] = 1,       [EW_GELU] = 1,
    [EW_CAST] = 1,
};

static const bool I32_HAS[EW_OP_COUNT] = {
    [EW_ADD] = true,   [EW_SUB] = true,       [EW_MUL] = true,     [EW_MAX] = true,           [EW_MIN] = true,
    [EW_EQUAL] = true, [EW_NOT_EQUAL] = true, [EW_LESS] = true,    [EW_LESS_EQUAL] = true,    [EW_GREATER] = true,
    [EW_WHERE] = true, [EW_RELU] = true,      [EW_NEG] = true,     [EW_GREATER_EQUAL] = true, [EW_ABS] = true,
    [EW_CAST] = true,
};

/* Chosen once, constant afterwards. */
static pthread_once_t choice_once = PTHREAD_ONCE_INIT;
static const struct ew_functions *chosen;

static void choose(void)
{
    chosen = ew_probe();
}

static const struct ew_functions *functions(void)
{
    pthread_once(&choice_once, choose);
    return chosen;
}

size_t ew_type_bytes(enum ew_type type)
{
    return TYPE_BYTES[type];
}

static bool is_type(enum ew_type type)
{
    return (int)type >= 0 && type < EW_TYPE_COUNT;
}

static bool is_wide_float(enum ew_type type)
{
    return type == EW_F32 || type == EW_BF16;
}

static bool is_valid_step(const struct ew_step *step, size_t registers, const enum ew_type *types)
{
    if ((int)step->op < 0 || step->op >= EW_OP_COUNT || !is_type(step->type) || !is_type(step->result))
        return false;
    if (step->op != EW_CAST && step->type != step->result)
        return false;
    if (step->op != EW_CAST && !is_wide_float(step->type) && !(step->type == EW_I32 && I32_HAS[step->op]))
        return false;
    for (unsigned i = 0; i < 3; i++) /* the unused ones are read as addresses only */
        if (step->sources[i] >= registers || (i < OPERANDS[step->op] && types[step->sources[i]] != step->type))
            return false;
    return true;
}

static bool is_valid(const struct ew_program *program)
{
    enum ew_type types[EW_MAX_REGISTERS];
    const size_t inputs = program->input_count, constants = program->constant_count, steps = program->step_count;
    if (inputs > EW_MAX_REGISTERS || constants > EW_MAX_REGISTERS || steps > EW_MAX_REGISTERS || steps == 0 ||
        inputs + constants + steps > EW_MAX_REGISTERS || !program->out || program->count > PTRDIFF_MAX / sizeof(float))
        return false;
    for (size_t i = 0; i < inputs; i++) {
        const struct ew_input *input = &program->inputs[i];
        if (!input->data || !is_type(input->type) || input->repeat == 0 || input->period == 0)
            return false;
        types[i] = input->type;
    }
    for (size_t i = 0; i < constants; i++) {
        types[inputs + i] = program->constants[i].type;
        if (!is_type(program->constants[i].type))
            return false;
    }
    for (size_t i = 0; i < steps; i++) {
        if (!is_valid_step(&program->steps[i], inputs + constants + i, types))
            return false;
        types[inputs + constants + i] = program->steps[i].result;
    }
    return true;
}

static unsigned useful_threads(size_t elements, size_t steps, int threads)
{
    const size_t most = threads < WORKERS_MAX ? (size_t)threads : WORKERS_MAX;
    const size_t useful = elements > SIZE_MAX / steps ? most : elements * steps / THREAD_STEPS;
    return (unsigned)(useful < 1 ? 1 : useful < most ? useful : most);
}

static size_t divide_up(size_t a, size_t b)
{
    return a / b + (a % b != 0);
}

/* What the workers share: one of the three jobs, and room for each worker. */
struct job {
    const struct ew_functions *functions;
    const struct ew_program *program;
    const struct ew_rows *rows;
    const struct ew_columns *columns;
    size_t items, item_rows;
    size_t room_elements;
    uint32_t *room;
};

static size_t item_count(const void *context, size_t phase)
{
    (void)phase;
    return ((const struct job *)context)->items;
}

static void run_item(const void *context, unsigned worker, size_t phase, size_t item)
{
    const struct job *job = context;
    uint32_t *room = job->room + worker * job->room_elements;
    (void)phase;
    if (job->program) {
        const size_t first = item * ITEM_ELEMENTS, left = job->program->count - first;
        job->functions->run(job->program, first, left < ITEM_ELEMENTS ? left : ITEM_ELEMENTS, room);
    } else if (job->rows) {
        const size_t first = item * job->item_rows, left = job->rows->rows - first;
        job->functions->rows(job->rows, first, left < job->item_rows ? left : job->item_rows, (float *)(void *)room);
    } else {
        const size_t blocks = divide_up(job->columns->inner, EW_COLUMN_BLOCK);
        job->functions->columns(job->columns, item / blocks, item % blocks, (float *)(void *)room);
    }
}

static int run_job(struct job *job, unsigned threads)
{
    const struct workers_plan plan = {
        .phase_count = 1, .item_count = item_count, .run_item = run_item, .context = job};
    if (job->room_elements > PTRDIFF_MAX / sizeof *job->room / threads)
        return -ENOMEM;
    job->functions = functions();
    job->room = workspace_borrow(threads * job->room_elements * sizeof *job->room);
    if (!job->room)
        return -ENOMEM;
    workers_run(&plan, threads);
    workspace_return(job->room);
    return 0;
}

int ew_run(const struct ew_program *program, int threads)
{
    if (threads < 1 || !is_valid(program))
        return -EINVAL;
    if (program->count == 0)
        return 0;
    const size_t registers = program->input_count + program->constant_count + program->step_count;
    struct job job = {
        .program = program, .items = divide_up(program->count, ITEM_ELEMENTS), .room_elements = registers * EW_BLOCK};
    return run_job(&job, useful_threads(program->count, program->input_count + program->step_count, threads));
}

int ew_run_rows(const struct ew_rows *rows, int threads)
{
    if (threads < 1 || (int)rows->op < 0 || rows->op >= EW_ROW_OP_COUNT || !is_wide_float(rows->type) || !rows->x ||
        !rows->out || rows->columns == 0 || (rows->rows > 0 && rows->columns > PTRDIFF_MAX / sizeof(float) / rows->rows))
        return -EINVAL;
    if ((!rows->gamma && rows->op >= EW_ROW_LAYER_NORM) || (!rows->beta && rows->op == EW_ROW_LAYER_NORM))
        return -EINVAL;
    if (rows->rows == 0)
        return 0;
    const size_t item_rows = divide_up(ITEM_ELEMENTS, rows->columns);
    struct job job = {.rows = rows,
                      .items = divide_up(rows->rows, item_rows),
                      .item_rows = item_rows,
                      .room_elements = divide_up(rows->columns, 16) * 16};
    return run_job(&job, useful_threads(rows->rows * rows->columns, ROW_STEPS, threads));
}

int ew_run_columns(const struct ew_columns *columns, int threads)
{
    const size_t most = PTRDIFF_MAX / sizeof(float);
    if (threads < 1 || (int)columns->op < 0 || columns->op > EW_ROW_MIN || !is_wide_float(columns->type) || !columns->x ||
        !columns->out || columns->outer == 0 || columns->count == 0 || columns->inner == 0 ||
        columns->count > most / columns->outer || columns->inner > most / columns->outer / columns->count)
        return -EINVAL;
    struct job job = {.columns = columns,
                      .items = columns->outer * divide_up(columns->inner, EW_COLUMN_BLOCK),
                      .room_elements = (EW_LANES + 1) * EW_COLUMN_BLOCK};
    return run_job(&job, useful_threads(columns->outer * columns->count * columns->inner, 1, threads));
}
