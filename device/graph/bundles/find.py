"""Which nodes can be cut into slices together: one multiplication, and what makes its operand or reads its result."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

from device.graph.ir import Graph, Node
from device.graph.ops import BATCH_GEMM, GEMM, gemm_params
from device.graph.params import ReduceParams
from device.graph.program import program_of
from device.recipe.descriptors import ConvolutionOp
from device.recipe.tpc_ops import parse_row

__all__ = ["SEED_GUIDS", "Bundle", "find_bundles", "sliced_dims"]

_CONVOLUTIONS = frozenset({ConvolutionOp.FORWARD, ConvolutionOp.DEDX})

SEED_GUIDS = frozenset({GEMM, BATCH_GEMM, *_CONVOLUTIONS})
"""What an MME does and that can be cut: not the gradient of filters, which adds up over the whole batch."""

# Of images and results: channels, width, height, batch.
_BATCH_OF_IMAGES = 3

# More nodes than this do not go into one bundle: the buffers of its slices would not fit side by side.
_MOST_NODES = 12


_Cuts = dict[str, int | None]
"""Along which dimension a tensor is cut; None for one that is read whole."""


@dataclass(frozen=True)
class Bundle:
    """`nodes` are in the order of the schedule. `dims` tells of every tensor that is cut along which dimension; all
    have the same `extent` there. What a node reads beyond that is shared by all slices."""

    seed: str
    nodes: tuple[Node, ...]
    dims: dict[str, int]
    extent: int

    @property
    def outputs(self) -> tuple[str, ...]:
        return tuple(node.outputs[0] for node in self.nodes)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Tensors that are cut and that others have made."""
        made = set(self.outputs)
        return tuple(name for name in self.dims if name not in made)

    @property
    def result(self) -> str:
        """What leaves the bundle: everything else has its only reader within."""
        return self.nodes[-1].outputs[0]

    @property
    def shared(self) -> tuple[str, ...]:
        """Whole tensors that every slice reads, each once."""
        names = (name for node in self.nodes for name in node.inputs if name not in self.dims)
        return tuple(dict.fromkeys(names))


def find_bundles(graph: Graph, seed: Node, taken: Collection[str] = ()) -> tuple[Bundle, ...]:
    """Ways to cut a multiplication with its neighbours, none of them in `taken`. Needs a scheduled graph.

    Only with something for the TPC in it a bundle keeps two engines busy.
    """
    found: list[Bundle] = []
    for axis in _axes(graph, seed):
        bundle = _grown(graph, seed, axis, taken)
        if bundle is not None and any(node.guid not in SEED_GUIDS for node in bundle.nodes):
            found.append(bundle)
    return tuple(found)


def sliced_dims(graph: Graph, node: Node, axis: int) -> tuple[int | None, ...] | None:
    """If dimension `axis` of a node's result is cut: which dimension of each input is, or None for one that every slice
    needs whole. None if the node cannot be cut so."""
    if node.guid in _CONVOLUTIONS:
        return (axis, *(None for _ in node.inputs[1:])) if axis == _BATCH_OF_IMAGES else None
    if node.guid in SEED_GUIDS:
        return _matrix_dims(graph, node, axis)
    if parse_row(node.guid) is not None:
        along = node.params.axis if isinstance(node.params, ReduceParams) else 0
        return None if axis == along else (axis, *(None for _ in node.inputs[1:]))
    if program_of(node) is None:
        return None
    extent = graph.tensor(node.outputs[0]).shape[axis]
    shapes = [graph.tensor(name).shape for name in node.inputs]
    return tuple(axis if axis < len(dims) and dims[axis] == extent else None for dims in shapes)


def _matrix_dims(graph: Graph, node: Node, axis: int) -> tuple[int | None, ...] | None:
    """Dimensions of a gemm's result are (N, M), of A (K, M), of B (N, K), the other way round if transposed."""
    params = gemm_params(node)
    a: int | None = None
    b: int | None = None
    bias: int | None = None
    if axis >= 2:
        a, b = axis, axis if len(graph.tensor(node.inputs[1]).shape) > 2 else None
    elif node.guid != GEMM:
        return None
    elif axis == 1:
        a = 0 if params.transpose_a else 1
    else:
        b, bias = 1 if params.transpose_b else 0, 0
    return (a, b, bias)[: len(node.inputs)]


def _axes(graph: Graph, seed: Node) -> tuple[int, ...]:
    """Rows first: their slices follow each other in memory. A batch is cut along its slowest dimension."""
    if seed.guid == GEMM:
        return (1, 0)
    if seed.guid in _CONVOLUTIONS:
        return (_BATCH_OF_IMAGES,)
    dims = graph.tensor(seed.outputs[0]).shape
    slowest = max((axis for axis, size in enumerate(dims) if size > 1), default=0)
    return (slowest,) if slowest >= 2 else ()


def _grown(graph: Graph, seed: Node, axis: int, taken: Collection[str]) -> Bundle | None:
    extent = graph.tensor(seed.outputs[0]).shape[axis]
    chain: dict[str, Node] = {seed.name: seed}
    dims: _Cuts = {seed.outputs[0]: axis}
    if extent < 2 or not _note_inputs(graph, seed, axis, dims):
        return None
    last = seed
    while len(chain) < _MOST_NODES and (following := _following(graph, last, dims, taken)) is not None:
        last, axis = following
        if not _note_inputs(graph, last, axis, dims):
            break
        dims[last.outputs[0]] = axis
        chain[last.name] = last
    _add_producers(graph, chain, dims, taken)
    nodes = tuple(node for node in graph.nodes if node.name in chain)
    return Bundle(seed.name, nodes, {name: cut for name, cut in dims.items() if cut is not None}, extent)


def _note_inputs(graph: Graph, node: Node, axis: int, dims: _Cuts) -> bool:
    """Add how a node reads its inputs; False, and nothing added, if one would be cut in two ways or also whole."""
    cuts = sliced_dims(graph, node, axis)
    if cuts is None:
        return False
    wanted = {name: dims[name] for name in node.inputs if name in dims}
    for name, cut in zip(node.inputs, cuts, strict=True):
        if wanted.setdefault(name, cut) != cut:
            return False
    dims.update(wanted)
    return True


def _following(graph: Graph, node: Node, dims: _Cuts, taken: Collection[str]) -> tuple[Node, int] | None:
    """The only reader of a node's result and the dimension of its own result that is cut then."""
    name = node.outputs[0]
    readers = graph.consumers(name)
    if graph.tensor(name).is_persistent or len(readers) != 1 or not _is_free(readers[0], taken):
        return None
    (reader,) = readers
    for axis in range(len(graph.tensor(reader.outputs[0]).shape)):
        cuts = sliced_dims(graph, reader, axis)
        if cuts is not None and all(
            cut == dims[name] for cut, read in zip(cuts, reader.inputs, strict=True) if read == name
        ):
            return reader, axis
    return None


def _add_producers(graph: Graph, chain: dict[str, Node], dims: _Cuts, taken: Collection[str]) -> None:
    """What the TPC makes for a node of the bundle alone."""
    waiting = list(dims)
    while waiting and len(chain) < _MOST_NODES:
        name = waiting.pop()
        producer, axis = graph.producer(name), dims[name]
        if producer is None or axis is None or producer.name in chain or not _is_free(producer, taken):
            continue
        is_inner = not graph.tensor(name).is_persistent and _are_within(graph.consumers(name), chain)
        if not is_inner or producer.guid in SEED_GUIDS or not _note_inputs(graph, producer, axis, dims):
            continue
        chain[producer.name] = producer
        waiting.extend(producer.inputs)


def _are_within(readers: Iterable[Node], chain: dict[str, Node]) -> bool:
    return all(reader.name in chain for reader in readers)


def _is_free(node: Node, taken: Collection[str]) -> bool:
    return node.bundle is None and node.name not in taken
