"""The explanation shows passes, time line and shares."""

from device.graph import DataType, GraphBuilder
from device.graph.explain import explain
from device.spec import load_spec


def test_explanation_of_a_fused_layer() -> None:
    g = GraphBuilder("layer")
    product = g.gemm(g.input("a", (4096, 128), DataType.BF16), g.input("b", (4096, 4096), DataType.BF16))
    g.output(g.cast(g.relu(product), DataType.BF16), "y")
    assert explain(g.build(), load_spec("gaudi2"), 0.5) == (
        "graph layer on gaudi2 at 0.5 of the full clock\n"
        "passes:\n"
        "  (input)                     3 nodes\n"
        "  verify_and_infer            3 nodes\n"
        "  fold_transposes             3 nodes\n"
        "  fold_constants              3 nodes\n"
        "  merge_common_nodes          3 nodes\n"
        "  eliminate_dead_nodes        3 nodes\n"
        "  fuse_gemm_epilogue          1 nodes\n"
        "  fuse_elementwise            1 nodes\n"
        "  select_mme_geometry         1 nodes\n"
        "  schedule                    1 nodes\n"
        "  slice_bundles               1 nodes\n"
        "  select_geometry_of_slices    1 nodes\n"
        "  alias_logical_nodes         1 nodes\n"
        "  plan_sram                   1 nodes\n"
        "  plan_memory                 1 nodes\n"
        "time line, in microseconds of device time:\n"
        "        0.00      24.82  MME  bound by engine  gemm_0  128x4096x4096 4xw, 4 x 1 steps, 80.0% of the MACs\n"
        "total 24.82 us, 173.0 TFLOP/s, workspace 0 B; busy: MME 100.0%, HBM 68.7%\n"
    )
