"""How much power the MME draws, by how much its operands toggle.

Power of switching circuits is proportional to how often they switch. Of the MME's full power a share follows the bits
that differ from one operand to the next; clocks, control and the rest of the data path do not. Measurements exist for
GPUs only (see the source of mme.toggle_share): operands change the power of a GEMM by almost 40 %.
"""

from __future__ import annotations

from device.spec import MmeSpec

__all__ = ["mme_intensity"]


def mme_intensity(toggle_rate: float, mme: MmeSpec) -> float:
    """Power relative to that with normally distributed bf16 operands, to which the full power is fitted.

    `toggle_rate` is the share of bits that differ between neighbours, 0..1. What toggles more than the reference counts
    as the reference: nothing is known beyond it.
    """
    relative = min(max(toggle_rate / mme.toggle_reference, 0.0), 1.0)
    return 1.0 - mme.toggle_share * (1.0 - relative)
