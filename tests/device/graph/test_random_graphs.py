"""Random graphs: passes keep every bit, and a recipe gives the same bits in every order that its sync values allow."""

import random
from collections.abc import Mapping

import numpy as np
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from device.dtypes import DataType
from device.graph import OPTIONAL_PASSES, Graph, GraphBuilder, Tensor, compile_graph, run_pipeline
from device.graph.interpret import interpret, numpy_type
from device.graph.passes import verify_and_infer
from device.graph.reference import ELEMENTWISE, Array, gemm
from device.recipe import (
    Descriptor,
    DmaCopy,
    MmeGemm,
    Operand,
    Recipe,
    TpcElementwise,
    check_sync,
    from_bytes,
    to_bytes,
    validate,
)
from device.spec import load_spec

BF16, F32 = DataType.BF16, DataType.F32
SPECS = st.sampled_from([load_spec("gaudi2"), load_spec("gaudi3")])
SEEDS = st.integers(0, 2**32 - 1)
SLOW = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def random_graph(rng: random.Random) -> Graph:
    """Some steps on tensors picked at random; at least one result is an output, others stay dead."""
    g = GraphBuilder("random")
    side = rng.choice([1, 3, 16, 33])
    pool = [g.input("x", (side, side), BF16), g.input("y", (side, side), F32)]
    bias = g.input("bias", (side,), F32)
    results: list[Tensor] = []
    for _ in range(rng.randint(1, 10)):
        result = random_step(g, pool, bias, rng)
        pool.append(result)
        results.append(result)
    for result in results:
        if result is results[-1] or rng.random() < 0.2:
            g.output(result, f"out{result.name}")
    return g.build()


def random_step(g: GraphBuilder, pool: list[Tensor], bias: Tensor, rng: random.Random) -> Tensor:
    a = rng.choice(pool[-3:])
    same = [tensor for tensor in pool if tensor.dtype is a.dtype]
    kind = rng.choice(["gemm", "add", "mul", "relu", "cast", "copy", "bias", "layer"])
    if kind in ("gemm", "layer"):
        narrow = [tensor for tensor in pool if tensor.dtype is BF16]
        transposes = rng.random() < 0.5, rng.random() < 0.5
        product = g.gemm(rng.choice(narrow), rng.choice(narrow), None, *transposes, dtype=rng.choice([BF16, F32]))
        return product if kind == "gemm" or product.dtype is BF16 else g.cast(g.relu(g.add(product, bias)), BF16)
    if kind == "bias":
        return g.add(g.cast(a, F32), bias)
    if kind == "add":
        return g.add(a, rng.choice(same))
    if kind == "mul":
        return g.mul(a, rng.choice(same))
    if kind == "cast":
        return g.cast(a, F32 if a.dtype is BF16 else BF16)
    return g.relu(a) if kind == "relu" else g.copy(a)


def random_values(graph: Graph, rng: np.random.Generator) -> dict[str, Array]:
    """Signs, moderate exponents, some zeros of both signs, now and then Inf and NaN; no denormals."""
    values: dict[str, Array] = {}
    for tensor in graph.inputs:
        shape = tuple(reversed(tensor.shape))
        numbers = (rng.integers(-8, 9, shape) * 2.0 ** rng.integers(-3, 3, shape)).astype(np.float32)
        numbers[rng.random(shape) < 0.1] = -0.0
        if rng.random() < 0.2:
            numbers[rng.random(shape) < 0.02] = rng.choice(np.array([np.inf, -np.inf, np.nan], np.float32))
        bits = numbers.view(np.uint32)
        values[tensor.name] = (bits >> 16).astype(np.uint16) if tensor.dtype is BF16 else numbers
    return values


def same_bits(a: Mapping[str, Array], b: Mapping[str, Array]) -> bool:
    return a.keys() == b.keys() and all(a[name].tobytes() == b[name].tobytes() for name in a)


@given(SEEDS, SPECS)
@SLOW
def test_optional_passes_change_no_bit(seed, spec) -> None:
    graph = verify_and_infer(random_graph(random.Random(seed)))
    values = random_values(graph, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        wanted = interpret(graph, values)
        for skip in ([], list(OPTIONAL_PASSES), *([name] for name in OPTIONAL_PASSES)):
            assert same_bits(wanted, interpret(run_pipeline(graph, spec, skip=skip, verify_each=True), values))


@given(SEEDS, SPECS)
@SLOW
def test_every_pass_is_idempotent_and_leaves_its_input_alone(seed, spec) -> None:
    graph = random_graph(random.Random(seed))
    before = graph.dump()
    planned = run_pipeline(graph, spec)
    assert run_pipeline(planned, spec) == planned
    assert graph.dump() == before


@given(SEEDS, SPECS)
@SLOW
def test_recipe_is_valid_covered_and_deterministic(seed, spec) -> None:
    recipe = compile_graph(random_graph(random.Random(seed)), spec)
    validate(recipe)
    check_sync(recipe)
    data = to_bytes(recipe)
    assert to_bytes(compile_graph(random_graph(random.Random(seed)), spec)) == data
    assert from_bytes(data) == recipe


class Machine:
    """Queues that run as freely as the sync values allow; memory starts as garbage."""

    def __init__(self, recipe: Recipe, values: Mapping[str, Array], rng: random.Random) -> None:
        self.recipe, self.rng = recipe, rng
        self.workspace = np.full(recipe.workspace_bytes, 0xA5, np.uint8)
        self.tensors = [np.full(tensor.size_bytes, 0x5A, np.uint8) for tensor in recipe.tensors]
        for name, value in values.items():
            self.tensors[recipe.tensor_ids[name]][:] = np.frombuffer(value.tobytes(), np.uint8)

    def run(self) -> dict[str, Array]:
        """Each step starts a descriptor that may start, or ends one that runs. Reads happen at either end of it."""
        waiting = {queue.engine: list(queue.descriptors) for queue in self.recipe.queues}
        running: dict[object, tuple[Descriptor, np.ndarray | None]] = {}
        reached: dict[int, int] = {}
        while running or any(waiting.values()):
            ready = [
                engine
                for engine, queue in waiting.items()
                if queue and engine not in running and all(reached.get(w.sob, 0) >= w.value for w in queue[0].waits)
            ]
            engine = self.rng.choice([*ready, *running])
            if engine in running:
                descriptor, early = running.pop(engine)
                self.bytes_of(descriptor.writes[0])[:] = self.compute(descriptor) if early is None else early
                reached[descriptor.signal.sob] = descriptor.signal.value
            else:
                descriptor = waiting[engine].pop(0)
                running[engine] = (descriptor, self.compute(descriptor) if self.rng.random() < 0.5 else None)
        return self.outputs()

    def outputs(self) -> dict[str, Array]:
        found: dict[str, Array] = {}
        for tensor, data in zip(self.recipe.tensors, self.tensors, strict=True):
            if tensor.role == "output":
                found[tensor.name] = data.view(numpy_type(tensor.dtype))
        return found

    def bytes_of(self, operand: Operand) -> np.ndarray:
        memory = self.workspace if operand.tensor is None else self.tensors[operand.tensor]
        return memory[operand.offset_bytes : operand.offset_bytes + operand.size_bytes]

    def compute(self, descriptor: Descriptor) -> np.ndarray:
        if isinstance(descriptor, MmeGemm):
            return self.gemm(descriptor).view(np.uint8).reshape(-1)
        if isinstance(descriptor, DmaCopy) or descriptor.op == "memcpy":
            return self.bytes_of(descriptor.reads[0]).copy()
        return self.elementwise(descriptor).view(np.uint8).reshape(-1)

    def gemm(self, step: MmeGemm) -> np.ndarray:
        a, b = (self.bytes_of(operand).view(np.uint16) for operand in (step.a, step.b))
        a = a.reshape(step.k, step.m).T if step.transpose_a else a.reshape(step.m, step.k)
        b = b.reshape(step.n, step.k).T if step.transpose_b else b.reshape(step.k, step.n)
        bias = None if step.bias is None else self.bytes_of(step.bias).view(np.float32)
        return np.ascontiguousarray(gemm(a, b, bias, step.relu, step.output is BF16))

    def elementwise(self, step: TpcElementwise) -> np.ndarray:
        kind = np.uint16 if step.op.input_bytes == 2 else np.float32
        operands = [self.bytes_of(operand).view(kind) for operand in step.inputs]
        return np.ascontiguousarray(ELEMENTWISE[step.op](operands[0].reshape(-1, step.period), *operands[1:]))


@given(SEEDS, SPECS, st.sets(st.sampled_from(sorted(OPTIONAL_PASSES))))
@SLOW
def test_every_order_that_the_sync_values_allow_gives_the_same_bits(seed, spec, skip) -> None:
    graph = verify_and_infer(random_graph(random.Random(seed)))
    values = random_values(graph, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        wanted = interpret(graph, values)
        recipe = compile_graph(graph, spec, skip=skip)
        for attempt in range(3):
            got = Machine(recipe, values, random.Random(attempt)).run()
            assert same_bits({name: value.reshape(-1) for name, value in wanted.items()}, got)
