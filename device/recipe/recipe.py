"""The recipe itself: persistent tensors, workspace size, and a queue of descriptors per engine.

Frozen and made of tuples, so equal recipes are equal in every byte of their serialised form.
"""

from __future__ import annotations

import enum
import functools
import math
from dataclasses import dataclass

from device.dtypes import DataType
from device.engine_class import EngineClass
from device.recipe.descriptors import Descriptor, Operand

__all__ = ["PatchPoint", "Queue", "Recipe", "RecipeTensor", "TensorRole"]


class TensorRole(enum.StrEnum):
    INPUT = "input"
    OUTPUT = "output"


@dataclass(frozen=True, slots=True)
class RecipeTensor:
    """A persistent tensor: the caller of a launch says where it lies. dims[0] changes fastest."""

    name: str
    role: TensorRole
    dtype: DataType
    dims: tuple[int, ...]

    @property
    def size_bytes(self) -> int:
        return math.prod(self.dims) * self.dtype.size_bytes


@dataclass(frozen=True, slots=True)
class Queue:
    """Descriptors that one engine carries out one after the other."""

    engine: EngineClass
    descriptors: tuple[Descriptor, ...]


@dataclass(frozen=True, slots=True)
class PatchPoint:
    """A place that gets an address at launch: an operand of the descriptor with that `order`."""

    order: int
    field: str
    operand: Operand


@dataclass(frozen=True)
class Recipe:
    """`sync_objects` are numbered from 0 and all start at value 0 in every launch; `sram_bytes` is what it
    uses of the SRAM, from the first free byte on, alone while it runs."""

    name: str
    asic: str
    tensors: tuple[RecipeTensor, ...]
    workspace_bytes: int
    sync_objects: int
    queues: tuple[Queue, ...]
    sram_bytes: int = 0

    @functools.cached_property
    def in_order(self) -> tuple[Descriptor, ...]:
        """All descriptors in the order of the schedule; carrying them out one by one in it is always right."""
        descriptors = [descriptor for queue in self.queues for descriptor in queue.descriptors]
        return tuple(sorted(descriptors, key=lambda descriptor: descriptor.order))

    @functools.cached_property
    def patch_points(self) -> tuple[PatchPoint, ...]:
        points: list[PatchPoint] = []
        for descriptor in self.in_order:
            points.extend(_patch_points(descriptor))
        return tuple(points)

    def tensor(self, name: str) -> RecipeTensor:
        """KeyError for a name that the recipe does not have."""
        return self.tensors[self.tensor_ids[name]]

    @functools.cached_property
    def tensor_ids(self) -> dict[str, int]:
        return {tensor.name: index for index, tensor in enumerate(self.tensors)}


def _patch_points(descriptor: Descriptor) -> list[PatchPoint]:
    named = descriptor.named_operands(descriptor.READS + descriptor.WRITES)
    return [PatchPoint(descriptor.order, name, operand) for name, operand in named]
