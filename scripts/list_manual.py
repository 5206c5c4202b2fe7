"""List the manual pages for meson, one a line, relative to the root of the tree."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

if __name__ == "__main__":
    for page in sorted((ROOT / "docs/man").glob("*.[1-9]")):
        print(page.relative_to(ROOT))
