/* Private: programs over blocks of elements, included like elementwise_loops.h. */
#ifndef GAUDI_KERNELS_ELEMENTWISE_PROGRAM_H
#define GAUDI_KERNELS_ELEMENTWISE_PROGRAM_H

#include "elementwise_loops.h"
#include "elementwise_types.h"

static size_t at_most(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* Elements first .. first + count of the result from an input that repeats: runs of it, or of one element. */
static void load_repeated(const struct ew_input *input, size_t first, size_t count, float *to)
{
    const size_t bytes = ew_type_bytes(input->type);
    const uint8_t *data = input->data;
    for (size_t done = 0; done < count;) {
        const size_t at = (first + done) / input->repeat % input->period;
        if (input->repeat == 1) {
            const size_t run = at_most(input->period - at, count - done);
            load_run(data + at * bytes, input->type, to + done, run);
            done += run;
            continue;
        }
        const size_t run = at_most(input->repeat - (first + done) % input->repeat, count - done);
        load_run(data + at * bytes, input->type, to + done, 1);
        const float value = to[done];
        for (size_t i = 1; i < run; i++)
            to[done + i] = value;
        done += run;
    }
}

/* Where the elements of an input lie as a register: in place, if they are what a register holds. */
static const void *input_register(const struct ew_input *input, size_t first, size_t count, size_t whole, float *room)
{
    const size_t bytes = ew_type_bytes(input->type);
    if (input->period != whole) {
        load_repeated(input, first, count, room);
        return room;
    }
    const void *from = (const uint8_t *)input->data + first * bytes;
    if (input->type == EW_F32 || input->type == EW_I32)
        return from;
    load_run(from, input->type, room, count);
    return room;
}

static void run_step(const struct ew_step *step, const void *const *registers, float *result, size_t count)
{
    const void *a = registers[step->sources[0]];
    if (step->op == EW_CAST) {
        cast_run(a, step->type, result, step->result, count);
        return;
    }
    const void *b = registers[step->sources[1]], *c = registers[step->sources[2]];
    if (step->type == EW_I32) {
        I32_LOOPS[step->op](a, b, c, result, count);
        return;
    }
    FLOAT_LOOPS[step->op](a, b, c, result, count);
    round_run(result, step->result, count);
}

static void run_block(const struct ew_program *program, const void **registers, float *room, size_t first, size_t count)
{
    const size_t inputs = program->input_count, steps = program->step_count;
    const size_t before = inputs + program->constant_count;
    const struct ew_step *last = &program->steps[steps - 1];
    uint8_t *out = (uint8_t *)program->out + first * ew_type_bytes(last->result);
    for (size_t i = 0; i < inputs; i++)
        registers[i] = input_register(&program->inputs[i], first, count, program->count, room + i * EW_BLOCK);
    for (size_t i = 0; i < steps; i++) {
        const struct ew_step *step = &program->steps[i];
        const int is_direct = step == last && ew_type_bytes(last->result) == sizeof(float);
        float *result = is_direct ? (float *)(void *)out : room + (before + i) * EW_BLOCK;
        run_step(step, registers, result, count);
        registers[before + i] = result;
    }
    store_run(registers[before + steps - 1], last->result, out, count);
}

static void run_program(const struct ew_program *program, size_t first, size_t count, uint32_t *registers)
{
    const void *at[EW_MAX_REGISTERS];
    float *room = (float *)(void *)registers;
    for (size_t i = 0; i < program->constant_count; i++) {
        const struct ew_constant *constant = &program->constants[i];
        const struct ew_input one = {.data = &constant->bits, .type = constant->type, .repeat = EW_BLOCK, .period = 1};
        float *values = room + (program->input_count + i) * EW_BLOCK;
        load_repeated(&one, 0, EW_BLOCK, values);
        at[program->input_count + i] = values;
    }
    for (size_t done = 0; done < count; done += EW_BLOCK)
        run_block(program, at, room, first + done, at_most(EW_BLOCK, count - done));
}

#endif
