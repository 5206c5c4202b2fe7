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
from device.graph.reference_rows import run_rows
from device.recipe import (
    Copy,
    Descriptor,
    ElementwiseOp,
    Fill,
    MmeGemm,
    Operand,
    Recipe,
    TpcElementwise,
    TpcRows,
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


UNARY = [op for op in ElementwiseOp if op.input_count == 1]
BINARY = [op for op in ElementwiseOp if op.input_count == 2]
KINDS = [
    *("gemm", "batch", "unary", "unary", "binary", "binary", "cast", "copy", "bias", "layer", "where", "rows", "norm"),
    *("transpose", "reshape", "halves", "join", "column", "constant", "zeros", "broadcast", "again"),
]


def random_step(g: GraphBuilder, pool: list[Tensor], bias: Tensor, rng: random.Random) -> Tensor:
    """Every result is side x side, so that anything may follow anything."""
    a = rng.choice(pool[-3:])
    same = [tensor for tensor in pool if tensor.dtype is a.dtype]
    kind = rng.choice(KINDS)
    if kind in ("gemm", "layer", "batch"):
        return random_product(g, pool, bias, kind, rng)
    if kind == "bias":
        return g.add(g.cast(a, F32), bias)
    if kind == "binary":
        return g.elementwise(rng.choice(BINARY), a, rng.choice(same))
    if kind == "unary":
        return g.elementwise(rng.choice(UNARY), a)
    if kind == "where":
        return g.where(a, rng.choice(same), rng.choice(same))
    if kind == "again":
        return g.add(g.exp(a), g.exp(a))
    if kind in ("rows", "norm"):
        return random_rows(g, a, bias, rng)
    return random_move(g, a, rng.choice(same), kind, rng)


def random_product(g: GraphBuilder, pool: list[Tensor], bias: Tensor, kind: str, rng: random.Random) -> Tensor:
    narrow = [tensor for tensor in pool if tensor.dtype is BF16]
    a, b = rng.choice(narrow), rng.choice(narrow)
    transposes = rng.random() < 0.5, rng.random() < 0.5
    dtype = rng.choice([BF16, F32])
    side = a.shape[0]
    if kind == "batch":
        batch = g.batch_gemm(g.reshape(a, (side, side, 1)), b, *transposes, dtype=dtype)
        return g.reshape(g.relu(batch) if rng.random() < 0.5 else batch, (side, side))
    if rng.random() < 0.3:
        b = g.transpose(b, (1, 0))
    product = g.gemm(a, b, None, *transposes, dtype=dtype)
    return product if kind == "gemm" or product.dtype is BF16 else g.cast(g.relu(g.add(product, bias)), BF16)


def random_rows(g: GraphBuilder, a: Tensor, bias: Tensor, rng: random.Random) -> Tensor:
    kind = rng.choice(["softmax", "layer", "rms", "sum", "max"])
    if kind == "softmax":
        return g.softmax(a)
    if kind == "layer":
        return g.layer_norm(a, bias, bias)
    if kind == "rms":
        return g.rms_norm(a, bias)
    return g.sub(a, g.reduce_sum(a) if kind == "sum" else g.reduce_max(a))


def random_move(g: GraphBuilder, a: Tensor, b: Tensor, kind: str, rng: random.Random) -> Tensor:
    side = a.shape[0]
    if kind == "cast":
        return g.cast(a, F32 if a.dtype is BF16 else BF16)
    if kind == "transpose":
        return g.transpose(a, (1, 0))
    if kind == "reshape":
        return g.reshape(g.relu(g.reshape(a, (side * side,))), (side, side))
    if kind == "constant":
        return g.mul(
            g.constant(rng.choice([0.5, -3.0]), (side, side), a.dtype), g.add(a, g.constant(1.0, (1,), a.dtype))
        )
    if kind == "zeros":
        return g.maximum(g.zeros((side, side), a.dtype), a)
    if kind == "broadcast":
        return g.broadcast(g.slice(a, (0, side - 1), (side, side)), (side, side))
    if kind in ("halves", "join", "column") and side > 1:
        axis = 0 if kind == "column" else 1
        joined = g.concat((a, a if kind == "halves" else b), axis)
        start = rng.randrange(side + 1)
        window = ((start, 0), (start + side, side)) if axis == 0 else ((0, start), (side, start + side))
        return g.slice(joined, *window)
    return g.copy(a)


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
        running: dict[object, tuple[Descriptor, tuple[np.ndarray, np.ndarray] | None]] = {}
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
                target, values = self.compute(descriptor) if early is None else early
                target[:] = values
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

    def compute(self, descriptor: Descriptor) -> tuple[np.ndarray, np.ndarray]:
        """Where the bytes go, and the bytes."""
        target = self.bytes_of(descriptor.writes[0])
        if isinstance(descriptor, Copy):
            return self.copy(descriptor, target)
        if isinstance(descriptor, MmeGemm):
            result = self.gemm(descriptor)
        elif isinstance(descriptor, TpcRows):
            result = self.rows(descriptor)
        elif isinstance(descriptor, Fill):
            bits = np.uint16 if descriptor.value.dtype is BF16 else np.uint32
            result = np.full(descriptor.count, descriptor.value.bits, bits)
        else:
            result = self.elementwise(descriptor)
        return target, np.ascontiguousarray(result).view(np.uint8).reshape(-1)

    def copy(self, step: Copy, target: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Element by element: which one goes where."""
        source = self.bytes_of(step.source).reshape(-1, step.element_bytes)
        places = np.indices(step.sizes).reshape(len(step.sizes), -1).T
        taken = source[places @ np.array(step.source_steps)].copy()
        slots = target.reshape(-1, step.element_bytes)
        return _Scattered(slots, places @ np.array(step.destination_steps)), taken

    def gemm(self, step: MmeGemm) -> np.ndarray:
        a, b = (self.bytes_of(operand).view(np.uint16) for operand in (step.a, step.b))
        a = a.reshape(step.batch, -1)
        b = np.broadcast_to(b, (step.batch, b.size)) if step.is_b_shared else b.reshape(step.batch, -1)
        return np.stack([self.product(step, one, other) for one, other in zip(a, b, strict=True)])

    def product(self, step: MmeGemm, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a = a.reshape(step.k, step.m).T if step.transpose_a else a.reshape(step.m, step.k)
        b = b.reshape(step.n, step.k).T if step.transpose_b else b.reshape(step.k, step.n)
        bias = None if step.bias is None else self.bytes_of(step.bias).view(np.float32)
        return gemm(a, b, bias, step.relu, step.output is BF16)

    def rows(self, step: TpcRows) -> np.ndarray:
        x, *parameters = [self.bytes_of(operand) for operand in step.inputs]
        x = x.view(numpy_type(step.dtype)).reshape(step.rows, step.columns)
        return run_rows(step.op, step.dtype, [x, *(each.view(np.float32) for each in parameters)], step.epsilon_bits)

    def elementwise(self, step: TpcElementwise) -> np.ndarray:
        registers = []
        for operand, dtype, access in zip(step.inputs, step.input_types, step.accesses, strict=True):
            data = self.bytes_of(operand).view(numpy_type(dtype))
            registers.append(data[np.arange(step.count) // access.repeat % access.period])
        for constant in step.constants:
            bits = np.uint16 if constant.dtype is BF16 else np.uint32
            registers.append(np.full(step.count, constant.bits, bits).view(numpy_type(constant.dtype)))
        for each in step.program:
            operands = [registers[source] for source in each.sources]
            registers.append(ELEMENTWISE[each.op.guid(each.dtype)](*operands))
        return registers[-1]


class _Scattered:
    """Elements of memory that do not follow each other; assigned like an array."""

    def __init__(self, slots: np.ndarray, places: np.ndarray) -> None:
        self.slots, self.places = slots, places

    def __setitem__(self, everything: slice, values: np.ndarray) -> None:
        self.slots[self.places] = values


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
