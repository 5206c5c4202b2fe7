"""Graphs as JSON files, for tools: `gaudi-box explain graph FILE`. Frozen dataclasses to plain values and back.

A file of another version, or one that does not fit together, is refused with a reason; nothing in it is executed.
"""

from __future__ import annotations

import json
from dataclasses import replace

from device.errors import GraphError, RecipeError
from device.graph.ir import Graph
from device.graph.passes.verify_and_infer import verify_and_infer
from device.recipe.codec import decode, encode

__all__ = ["GRAPH_FORMAT", "graph_from_json", "graph_to_json"]

GRAPH_FORMAT = 1
"""Raised when a change of tensors, nodes or params makes older files unreadable."""


def graph_to_json(graph: Graph) -> str:
    """The same graph gives the same text."""
    # A guid may be a member of an enum of guids, which would be written by its name.
    plain = replace(graph, nodes=tuple(replace(node, guid=str(node.guid)) for node in graph.nodes))
    document = {"gaudi_graph": GRAPH_FORMAT, "graph": encode(plain)}
    return json.dumps(document, sort_keys=True, indent=1) + "\n"


def graph_from_json(text: str) -> Graph:
    """GraphError for text that is no legal graph of this format."""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise GraphError(f"not a graph: {error}") from error
    if not isinstance(document, dict) or "gaudi_graph" not in document:
        raise GraphError('not a graph: it has no "gaudi_graph"; device.graph.graph_to_json writes one')
    if document["gaudi_graph"] != GRAPH_FORMAT:
        raise GraphError(f"graph format {document['gaudi_graph']!r}; this release reads {GRAPH_FORMAT}")
    try:
        graph = decode(document.get("graph"), Graph, "graph")
    except RecipeError as error:
        raise GraphError(f"not a graph: {error}") from error
    assert isinstance(graph, Graph)
    verify_and_infer(graph)
    return graph
