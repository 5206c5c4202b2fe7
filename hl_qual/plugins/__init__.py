"""The tests, one file each, and how they are found: the built-in table first, then entry points "hl_qual.plugins".

A reference is "module:Class". Nothing is imported to list names, so usage errors and the help stay fast.
"""

from __future__ import annotations

import importlib
from importlib.metadata import entry_points

from hl_qual.plugins.api import Plugin

__all__ = ["BUILT_IN", "load", "references"]

BUILT_IN = {
    "matmul_stress": "hl_qual.plugins.matmul_stress:MatmulStress",
    "edp_stress": "hl_qual.plugins.edp_stress:EdpStress",
    "f2": "hl_qual.plugins.f2:FunctionalTest",
    "full_hbm_data_check_test": "hl_qual.plugins.full_hbm_data_check:FullHbmDataCheck",
    "hbm_bandwidth": "hl_qual.plugins.hbm_bandwidth:HbmBandwidth",
    "hbm_dma_stress": "hl_qual.plugins.hbm_dma_stress:HbmDmaStress",
    "hbm_tpc_stress": "hl_qual.plugins.hbm_tpc_stress:HbmTpcStress",
    "memory_bw": "hl_qual.plugins.memory_bandwidth:MemoryBandwidth",
    "pci_bw": "hl_qual.plugins.pci_bandwidth:PciBandwidth",
    "power_stress": "hl_qual.plugins.power_stress:PowerStress",
    "nic_base": "hl_qual.plugins.nic_base:NicBase",
    "e2e_concurrency": "hl_qual.plugins.e2e_concurrency:E2eConcurrency",
    "ser": "hl_qual.plugins.serdes_ser:SerdesSer",
    "rdma_loopback": "hl_qual.plugins.rdma_loopback:RdmaLoopback",
}


def references() -> dict[str, str]:
    """Name -> reference of every test that can run here. A built-in name cannot be taken over."""
    found = {point.name: point.value for point in entry_points(group="hl_qual.plugins")}
    return {**found, **BUILT_IN}


def load(reference: str) -> Plugin:
    """An instance of the plugin class that `reference` names."""
    module, _, attribute = reference.partition(":")
    plugin: Plugin = getattr(importlib.import_module(module), attribute)()
    return plugin
