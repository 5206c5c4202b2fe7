"""Running recipes on a card: acquire it, place tensors, launch on streams, wait.

    with Card.acquire(0) as card:
        a = card.malloc(recipe.tensor("A").size_bytes)
        ...
        stream = card.create_stream()
        result = stream.launch(recipe, {"A": a, "B": b, "C": c}).result()

Or, with a buffer for each tensor and numpy arrays in and out: card.load(recipe)({"A": a, "B": b})["C"].

Compiling is another process' business if it likes: nothing here imports device.graph. Two modes: `compute` carries out
every operation, `model` computes nothing and paces launches so that box time equals device time.
"""

from device.runtime.buffer import DeviceBuffer, MemorySpace
from device.runtime.card import Card
from device.runtime.event import Event
from device.runtime.executable import Executable
from device.runtime.launch import Launch, LaunchResult
from device.runtime.network import Network
from device.runtime.session import ExecutionMode
from device.runtime.stream import Stream
from device.runtime.transfer import Transfer, TransferResult

__all__ = [
    "Card",
    "DeviceBuffer",
    "Event",
    "Executable",
    "ExecutionMode",
    "Launch",
    "LaunchResult",
    "MemorySpace",
    "Network",
    "Stream",
    "Transfer",
    "TransferResult",
]
