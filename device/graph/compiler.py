"""Graph in, recipe out."""

from __future__ import annotations

from collections.abc import Collection

from device.dtypes import DataType
from device.engine_class import EngineClass
from device.errors import GraphError
from device.graph.ir import Graph
from device.graph.lower import lower_nodes, recipe_tensors
from device.graph.passes.plan_memory import workspace_bytes
from device.graph.passes.plan_sram import sram_bytes
from device.graph.pipeline import Observer, run_pipeline
from device.graph.sync import assign_sync
from device.graph.traffic import with_on_chip_traffic
from device.recipe.descriptors import Descriptor
from device.recipe.recipe import Queue, Recipe
from device.spec import AsicSpec

__all__ = ["compile_graph"]

_QUEUE_ENGINES = (EngineClass.MME, EngineClass.TPC, EngineClass.DMA)


def compile_graph(
    graph: Graph,
    spec: AsicSpec,
    name: str | None = None,
    skip: Collection[str] = (),
    observer: Observer | None = None,
    verify_each: bool = False,
) -> Recipe:
    """GraphError if the graph is not legal, or not for this ASIC. The same graph and spec give the same bytes.

    `name` defaults to that of the graph; `skip`, `observer` and `verify_each` are those of the pipeline.
    """
    _check_types(graph, spec)
    planned = run_pipeline(graph, spec, skip=skip, observer=observer, verify_each=verify_each)
    descriptors = with_on_chip_traffic(lower_nodes(planned, spec), spec)
    synced = assign_sync(descriptors, spec.sync)
    return Recipe(
        name=graph.name if name is None else name,
        asic=spec.name,
        tensors=recipe_tensors(planned),
        workspace_bytes=workspace_bytes(planned),
        sync_objects=synced.sync_objects,
        queues=_queues(synced.descriptors),
        sram_bytes=sram_bytes(planned),
    )


def _check_types(graph: Graph, spec: AsicSpec) -> None:
    """An ASIC has one of the two formats that are called fp8_143."""
    foreign = {DataType.FP8_143, DataType.FP8_143_448} - {spec.fp8_143}
    for tensor in graph.tensors:
        if tensor.dtype in foreign:
            raise GraphError(
                f"tensor {tensor}: the fp8_143 of {spec.name} has the largest number {spec.mme.fp8_143_max}; "
                f"build the graph with DataType.{spec.fp8_143.name}, which spec.fp8_143 gives"
            )


def _queues(descriptors: tuple[Descriptor, ...]) -> tuple[Queue, ...]:
    queues: list[Queue] = []
    for engine in _QUEUE_ENGINES:
        own = tuple(descriptor for descriptor in descriptors if descriptor.engine is engine)
        if own:
            queues.append(Queue(engine, own))
    return tuple(queues)
