"""The graph compiler: from tensors and operations to a recipe.

Build a graph (GraphBuilder, or Graph by hand), compile it for an ASIC, launch the recipe with device.runtime. Nothing
here runs on a card; device.graph.interpret runs a graph on the host, for comparison.
"""

from device.dtypes import DataType
from device.graph.builder import GraphBuilder
from device.graph.compiler import compile_graph
from device.graph.ir import Graph, Node, Tensor
from device.graph.ops import known_guids
from device.graph.params import GemmParams
from device.graph.pipeline import OPTIONAL_PASSES, PIPELINE, run_pipeline
from device.graph.save import graph_from_json, graph_to_json

__all__ = [
    "OPTIONAL_PASSES",
    "PIPELINE",
    "DataType",
    "GemmParams",
    "Graph",
    "GraphBuilder",
    "Node",
    "Tensor",
    "compile_graph",
    "graph_from_json",
    "graph_to_json",
    "known_guids",
    "run_pipeline",
]
