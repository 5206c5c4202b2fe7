"""A process that holds a card: `python compute_forever.py BOX INDEX RECIPE [OUT]`.

Launches the recipe with operands from seeds 0 and 1. With OUT it saves the result of one launch and ends; without, it
prints a line after the first launch and goes on until it is killed.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from device.recipe import from_bytes
from device.runtime import Card


def main(box: str, index: str, recipe_path: str, out: str | None = None) -> None:
    recipe = from_bytes(Path(recipe_path).read_bytes())
    with Card.acquire(int(index), box, threads=1) as card:
        buffers = {tensor.name: card.malloc(tensor.size_bytes) for tensor in recipe.tensors}
        for seed, name in enumerate("AB"):
            dims = tuple(reversed(recipe.tensor(name).dims))
            card.copy_to_device(buffers[name], np.random.default_rng(seed).integers(0x3E00, 0x4000, dims, np.uint16))
        stream = card.create_stream()
        stream.launch(recipe, buffers).result()
        if out is not None:
            result = np.empty(tuple(reversed(recipe.tensor("C").dims)), np.float32)
            card.copy_from_device(buffers["C"], result)
            np.save(out, result)
            return
        print("running", flush=True)
        while True:
            stream.launch(recipe, buffers)
            stream.launch(recipe, buffers)
            stream.synchronize()


if __name__ == "__main__":
    main(*sys.argv[1:])
