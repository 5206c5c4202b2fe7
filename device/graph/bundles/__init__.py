"""Bundles: nodes that are cut into slices together, so that MME, TPC and DMA work on different slices at a time.

    find.py      which nodes go together, and along which dimension
    plan.py      how thick the slices are and what stays on the chip, by the cost model
    build.py     the slices as nodes, in the order of a software pipeline

The pass passes/slice_bundles.py puts them together, passes/plan_sram.py places what stays in the SRAM.
"""

from device.graph.bundles.build import sliced
from device.graph.bundles.find import SEED_GUIDS, Bundle, find_bundles
from device.graph.bundles.plan import BundlePlan, plan_bundle

__all__ = ["SEED_GUIDS", "Bundle", "BundlePlan", "find_bundles", "plan_bundle", "sliced"]
