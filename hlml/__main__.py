"""`python -m hlml --libdir | --includedir | --pkgconfigdir`: where a C build finds the library."""

from __future__ import annotations

import sys

from hlml.paths import include_dir, libdir, pkgconfig_dir

USAGE = "usage: python -m hlml --libdir | --includedir | --pkgconfigdir"


def main(argv: list[str]) -> int:
    places = {"--libdir": libdir, "--includedir": include_dir, "--pkgconfigdir": pkgconfig_dir}
    if argv in (["-h"], ["--help"]):
        print(USAGE)
        return 0
    if len(argv) != 1 or argv[0] not in places:
        print(USAGE, file=sys.stderr)
        return 2
    print(places[argv[0]]())
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
