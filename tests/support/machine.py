"""An interpreter of recipes by the definitions of device.graph: queues run as freely as the sync values allow."""

import random
from collections.abc import Mapping

import numpy as np

from device.arrays import Array, decoded, numpy_type
from device.dtypes import DataType
from device.graph.reference import ELEMENTWISE, gemm
from device.graph.reference_convolution import convolution
from device.graph.reference_moves import filled
from device.graph.reference_rows import run_columns, run_rows
from device.indexing import run_indexed
from device.recipe import (
    Copy,
    Descriptor,
    Fill,
    MmeConvolution,
    MmeGemm,
    Operand,
    Place,
    Recipe,
    TpcColumns,
    TpcElementwise,
    TpcIndexed,
    TpcRows,
)

BF16 = DataType.BF16


class Machine:
    """Queues that run as freely as the sync values allow; memory starts as garbage."""

    def __init__(self, recipe: Recipe, values: Mapping[str, Array], rng: random.Random) -> None:
        self.recipe, self.rng = recipe, rng
        self.workspace = np.full(recipe.workspace_bytes, 0xA5, np.uint8)
        self.sram = np.full(recipe.sram_bytes, 0xC3, np.uint8)
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
        memory = self.sram if operand.place is Place.SRAM else memory
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
            result = filled(descriptor.value, (descriptor.count,))
        elif isinstance(descriptor, MmeConvolution):
            result = self.convolution(descriptor)
        elif isinstance(descriptor, TpcColumns):
            result = self.columns(descriptor)
        elif isinstance(descriptor, TpcIndexed):
            result = self.indexed(descriptor)
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
        a_shape = (step.k, step.m) if step.transpose_a else (step.m, step.k)
        b_shape = (step.n, step.k) if step.transpose_b else (step.k, step.n)
        a = self.matrix(step.a, a_shape, step.a_pitch, step.a_type)
        b = self.matrix(step.b, b_shape, step.b_pitch, step.b_type)
        a = a.reshape(step.batch, -1)
        b = np.broadcast_to(b, (step.batch, b.size)) if step.is_b_shared else b.reshape(step.batch, -1)
        return np.stack([self.product(step, one, other) for one, other in zip(a, b, strict=True)])

    def matrix(self, operand: Operand, shape: tuple[int, int], pitch: int | None, dtype: DataType) -> np.ndarray:
        """The elements of a window, or of dense matrices, one after the other."""
        data = self.values(operand, dtype)
        if pitch is None:
            return data
        rows, width = shape
        return np.stack([data[row * pitch : row * pitch + width] for row in range(rows)]).reshape(-1)

    def product(self, step: MmeGemm, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        a = a.reshape(step.k, step.m).T if step.transpose_a else a.reshape(step.m, step.k)
        b = b.reshape(step.n, step.k).T if step.transpose_b else b.reshape(step.k, step.n)
        bias = None if step.bias is None else self.bytes_of(step.bias).view(np.float32)
        return gemm(a, b, bias, step.relu, step.output is BF16)

    def values(self, operand: Operand, dtype: DataType) -> np.ndarray:
        return decoded(self.bytes_of(operand).view(numpy_type(dtype)), dtype)

    def convolution(self, step: MmeConvolution) -> np.ndarray:
        types = (step.a_type, step.b_type)
        places = zip((step.a, step.b), types, strict=True)
        a, b = (self.bytes_of(operand).view(numpy_type(dtype)) for operand, dtype in places)
        bias = None if step.bias is None else self.bytes_of(step.bias).view(np.float32)
        return convolution(step.op, step.window, (a, b), types, bias, step.relu, step.output is BF16)

    def columns(self, step: TpcColumns) -> np.ndarray:
        x = self.bytes_of(step.x).view(numpy_type(step.dtype)).reshape(step.outer, step.count, step.inner)
        return run_columns(step.op, step.dtype, x, 1)

    def indexed(self, step: TpcIndexed) -> np.ndarray:
        data = None if step.data is None else self.bytes_of(step.data).view(numpy_type(step.dtype))
        indices = self.bytes_of(step.indices).view(np.int32)
        return run_indexed(step.op, step.dtype, data, indices, (step.outer, step.size, step.count, step.inner))

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
            registers.append(filled(constant, (step.count,)))
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
