"""Build helper: `python ffi_build.py OUT.c SOURCE_ROOT HLML_H` emits the extension module hlml._hlml (cffi, API mode).

HLML_H is hlml.h after the C preprocessor. What is declared here is checked by the C compiler against the headers.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def main(out: Path, root: Path, hlml_header: Path) -> None:
    sys.path.insert(0, str(root / "csrc"))
    from cdef import LAYOUT, declarations
    from cffi import FFI

    ffi = FFI()
    ffi.cdef(declarations(root / "csrc", [*LAYOUT, "card.h", "events.h"]))
    ffi.cdef(hlml_header.read_text(encoding="utf-8"))
    values = (root / "hlml" / "values.h").read_text(encoding="utf-8")
    ffi.cdef(
        "".join(f"{head};\n" for head in re.findall(r"^static (int64_t hlml_value_\w+\(.*\))$", values, re.MULTILINE))
    )
    ffi.set_source("hlml._hlml", '#include "card.h"\n#include "events.h"\n#include "hlml.h"\n' + values)
    ffi.emit_c_code(str(out))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), Path(sys.argv[3]))
