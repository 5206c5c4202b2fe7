"""A recipe with buffers for all its tensors on one card, called with numpy arrays.

    layer = card.load(recipe)
    y = layer({"x": x, "w": w})["y"]

Arrays list the slow dimension first (numpy's way). They may have any numeric type: they are rounded to the type of the
tensor, and results come back as float32, or int32 for integers.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from device.arrays import decoded, encoded, numpy_type
from device.errors import LaunchError
from device.recipe import Recipe, RecipeTensor, TensorRole
from device.runtime.buffer import DeviceBuffer
from device.runtime.launch import LaunchResult

if TYPE_CHECKING:
    from device.runtime.card import Card

__all__ = ["Executable"]


class Executable:
    """Made by Card.load; one thread at a time. `close` gives the buffers back, and so does the card's end."""

    def __init__(self, card: Card, recipe: Recipe) -> None:
        self.recipe = recipe
        self._card = card
        self._stream = card.create_stream()
        self._given: set[str] = set()
        self._buffers: dict[str, DeviceBuffer] = {}
        try:
            for tensor in recipe.tensors:
                self._buffers[tensor.name] = card.malloc(tensor.size_bytes)
        except BaseException:
            self.close()
            raise

    def __call__(self, inputs: Mapping[str, ArrayLike] | None = None) -> dict[str, NDArray[Any]]:
        """Put, launch, and get all outputs."""
        self.put(inputs or {})
        self.launch()
        return {tensor.name: self.get(tensor.name) for tensor in self._of_role(TensorRole.OUTPUT)}

    def put(self, values: Mapping[str, ArrayLike]) -> None:
        """They stay until they are put again. LaunchError names a tensor that is not there or has another shape."""
        for name, value in values.items():
            tensor, array = self._tensor(name), np.asarray(value)
            if array.shape != tensor.dims[::-1]:
                raise LaunchError(f"{tensor.role} {name} has the shape {tensor.dims[::-1]}, the array {array.shape}")
            self._card.copy_to_device(self._buffers[name], encoded(array, tensor.dtype))
            self._given.add(name)

    def launch(self) -> LaunchResult:
        """Waits. LaunchError for an input that was never put, and for what the launch itself raises."""
        missing = [tensor.name for tensor in self._of_role(TensorRole.INPUT) if tensor.name not in self._given]
        if missing:
            raise LaunchError(f"recipe {self.recipe.name}: input {missing[0]} was never put")
        result = self._stream.launch(self.recipe, self._buffers).result()
        self._given.update(tensor.name for tensor in self._of_role(TensorRole.OUTPUT))
        return result

    def get(self, name: str) -> NDArray[Any]:
        """A copy of what the tensor holds now."""
        tensor = self._tensor(name)
        array = np.empty(tensor.dims[::-1], numpy_type(tensor.dtype))
        self._card.copy_from_device(self._buffers[name], array)
        return decoded(array, tensor.dtype)

    def swap(self, first: str, second: str) -> None:
        """Exchange the buffers of two tensors of one size: the next weight becomes the weight."""
        sizes = self._tensor(first).size_bytes, self._tensor(second).size_bytes
        if sizes[0] != sizes[1]:
            raise LaunchError(f"{first} has {sizes[0]} bytes, {second} {sizes[1]}; they cannot be swapped")
        buffers, given = self._buffers, self._given
        buffers[first], buffers[second] = buffers[second], buffers[first]
        was_given = {name for name, other in ((first, second), (second, first)) if other in given}
        self._given = given - {first, second} | was_given

    def close(self) -> None:
        """A second call does nothing."""
        self._stream.close()
        for buffer in self._buffers.values():
            self._card.free(buffer)
        self._buffers.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _of_role(self, role: TensorRole) -> list[RecipeTensor]:
        return [tensor for tensor in self.recipe.tensors if tensor.role is role]

    def _tensor(self, name: str) -> RecipeTensor:
        if name not in self.recipe.tensor_ids:
            known = ", ".join(tensor.name for tensor in self.recipe.tensors)
            raise LaunchError(f"recipe {self.recipe.name} has no tensor {name}; it has {known}")
        return self.recipe.tensor(name)
