"""Public names of the rooms, and what importing them brings along."""

import subprocess
import sys

import pytest

import device.cost
import device.graph
import device.recipe

COST = """Bound CopyShape ElementwiseShape GemmShape MmePlan OperationCost RowShape Work candidate_geometries
command_copy_work command_fill_work command_read_work copy_work
elementwise_work engine_clock_hz fill_work gemm_work macs_per_second mme_intensity nic_busy_bytes_per_s nic_cost
nic_ps_per_byte operation_cost pcie_bytes_per_s pcie_cost
plan_gemm plan_geometry row_work"""
RECIPE = """Access Constant ConvolutionOp Copy Descriptor ElementwiseOp Extent FORMAT_VERSION Fill Hazard
IndexOp Instruction LaunchCost MmeConvolution MmeGemm Operand PatchPoint Place Queue Recipe
RecipeTensor RowOp Span SyncPoint TensorRole TpcColumns TpcElementwise TpcIndexed TpcRows Window
check_sync dump from_bytes launch_cost to_bytes uncovered_hazards validate"""
GRAPH = """AdamState AdamW ConvolutionParams DataType GemmParams Graph GraphBuilder Node OPTIONAL_PASSES
PIPELINE Sgd Tensor compile_graph cross_entropy gradients graph_from_json graph_to_json known_guids
mean_squared_error run_pipeline with_gradients"""


@pytest.mark.parametrize(
    ("names", "public"),
    [(COST, device.cost.__all__), (RECIPE, device.recipe.__all__), (GRAPH, device.graph.__all__)],
)
def test_public_names_are_the_listed_ones(names: str, public: list[str]) -> None:
    assert sorted(public) == sorted(names.split())


@pytest.mark.parametrize(
    ("module", "unwanted"),
    [("device.cost", "device.recipe"), ("device.recipe", "device.graph"), ("device.graph", "numpy")],
)
def test_import_does_not_reach_upward_nor_for_numpy(module: str, unwanted: str) -> None:
    program = f"import sys, {module}; sys.exit({unwanted!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
