"""What a descriptor computes: each engine binds descriptors to memory, and runs what was bound.

    bind.py      from a descriptor to a step of its engine
    mme.py       matrix multiplications, and the same arithmetic for tests and golden results
    mme_operand.py  operands of other types, widened
    convolution.py  convolutions, as multiplications of gathered windows
    tpc.py       elementwise programs, operations along rows, reductions, indices
    mover.py     copies and fills within the card
    checksum.py  CRC-32C of parts of a result

An engine knows views of memory and the faults that hit it. Streams, addresses and time belong to the runtime.
"""

from device.engines.bind import bind
from device.engines.step import ExecutionOptions, MmeStep, Operands, Step

__all__ = ["ExecutionOptions", "MmeStep", "Operands", "Step", "bind"]
