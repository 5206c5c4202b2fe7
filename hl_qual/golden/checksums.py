"""CRC32C per tile by the device's own kernels. One place, so that a test can bring another checksum."""

from __future__ import annotations

from hl_qual.golden.tiles import F32, U32

__all__ = ["tile_checksums"]


def tile_checksums(result: F32, tile_rows: int, tile_columns: int) -> U32:
    """One CRC32C for each tile of a row-major result."""
    from device.engines.checksum import crc32c_tiles

    checksums: U32 = crc32c_tiles(result, tile_rows, tile_columns)
    return checksums
