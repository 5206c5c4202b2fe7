"""Compiler passes, one a file: graph in, graph out, the input unchanged, a second run without effect.

device.graph.pipeline says in which order they run, and why.
"""

from device.graph.passes.eliminate_dead_nodes import eliminate_dead_nodes
from device.graph.passes.fuse_gemm_epilogue import fuse_gemm_epilogue
from device.graph.passes.plan_memory import plan_memory
from device.graph.passes.schedule import schedule
from device.graph.passes.select_mme_geometry import select_mme_geometry
from device.graph.passes.verify_and_infer import verify_and_infer

__all__ = [
    "eliminate_dead_nodes",
    "fuse_gemm_epilogue",
    "plan_memory",
    "schedule",
    "select_mme_geometry",
    "verify_and_infer",
]
