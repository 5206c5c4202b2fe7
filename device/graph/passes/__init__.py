"""Compiler passes, one a file: graph in, graph out, the input unchanged, a second run without effect.

device.graph.pipeline says in which order they run, and why.
"""

from device.graph.passes.alias_logical_nodes import alias_logical_nodes
from device.graph.passes.drop_broadcasts import drop_broadcasts
from device.graph.passes.eliminate_dead_nodes import eliminate_dead_nodes
from device.graph.passes.fold_constants import fold_constants
from device.graph.passes.fold_transposes import fold_transposes
from device.graph.passes.fuse_elementwise import fuse_elementwise
from device.graph.passes.fuse_gemm_epilogue import fuse_gemm_epilogue
from device.graph.passes.merge_common_nodes import merge_common_nodes
from device.graph.passes.plan_memory import plan_memory
from device.graph.passes.plan_sram import plan_sram
from device.graph.passes.schedule import schedule
from device.graph.passes.select_mme_geometry import select_mme_geometry
from device.graph.passes.simplify_casts_and_layout import simplify_casts_and_layout
from device.graph.passes.slice_bundles import slice_bundles
from device.graph.passes.verify_and_infer import verify_and_infer

__all__ = [
    "alias_logical_nodes",
    "drop_broadcasts",
    "eliminate_dead_nodes",
    "fold_constants",
    "fold_transposes",
    "fuse_elementwise",
    "fuse_gemm_epilogue",
    "merge_common_nodes",
    "plan_memory",
    "plan_sram",
    "schedule",
    "select_mme_geometry",
    "simplify_casts_and_layout",
    "slice_bundles",
    "verify_and_infer",
]
