"""Build helper: `python ffi_build.py OUT.c CSRC` emits the extension module device._device (cffi, API mode).

It is the writer's and the engines' way into C: the card state, the physics and the kernels, linked statically. What is
declared comes out of the headers themselves.
"""

from __future__ import annotations

import sys
from pathlib import Path

HEADERS = (
    "card.h",
    "trajectory.h",
    "fabric/fabric.h",
    "kernels/mme.h",
    "kernels/convolution.h",
    "kernels/crc32c.h",
    "kernels/elementwise.h",
    "kernels/mover.h",
)


def main(out: Path, csrc: Path) -> None:
    sys.path.insert(0, str(csrc))
    from cdef import LAYOUT, declarations
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations(csrc, [*LAYOUT, *HEADERS]))
    ffi.set_source("device._device", "".join(f'#include "{header}"\n' for header in HEADERS))
    ffi.emit_c_code(str(out))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
