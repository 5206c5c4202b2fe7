"""Graph in, recipe out."""

from __future__ import annotations

from collections.abc import Collection

from device.engine_class import EngineClass
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
    """GraphError if the graph is not legal. The same graph and spec give the same recipe, byte for byte.

    `name` defaults to that of the graph; `skip`, `observer` and `verify_each` are those of the pipeline.
    """
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


def _queues(descriptors: tuple[Descriptor, ...]) -> tuple[Queue, ...]:
    queues: list[Queue] = []
    for engine in _QUEUE_ENGINES:
        own = tuple(descriptor for descriptor in descriptors if descriptor.engine is engine)
        if own:
            queues.append(Queue(engine, own))
    return tuple(queues)
