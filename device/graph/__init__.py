"""The graph compiler: from tensors and operations to a recipe.

Build a graph (GraphBuilder, or Graph by hand), compile it for an ASIC, launch the recipe with device.runtime. Nothing
here runs on a card; device.graph.interpret runs a graph on the host, for comparison.
"""

from device.dtypes import DataType
from device.graph.builder import GraphBuilder
from device.graph.compiler import compile_graph
from device.graph.gradients import gradients, with_gradients
from device.graph.ir import Graph, Node, Tensor
from device.graph.losses import cross_entropy, mean_squared_error
from device.graph.ops import known_guids
from device.graph.optimizers import AdamState, AdamW, Sgd
from device.graph.params import ConvolutionParams, GemmParams
from device.graph.pipeline import OPTIONAL_PASSES, PIPELINE, run_pipeline
from device.graph.save import graph_from_json, graph_to_json

__all__ = [
    "OPTIONAL_PASSES",
    "PIPELINE",
    "AdamState",
    "AdamW",
    "ConvolutionParams",
    "DataType",
    "GemmParams",
    "Graph",
    "GraphBuilder",
    "Node",
    "Sgd",
    "Tensor",
    "compile_graph",
    "cross_entropy",
    "gradients",
    "graph_from_json",
    "graph_to_json",
    "known_guids",
    "mean_squared_error",
    "run_pipeline",
    "with_gradients",
]
