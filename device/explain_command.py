"""What `gaudi-box explain` and `sweep` print. Reads files, computes; writes nothing."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path

from device.errors import GraphError
from device.graph.explain import explain, explain_recipe
from device.graph.explain_gemm import explain_convolution, explain_gemm, parse_convolution, parse_shape, render_gemm
from device.graph.ir import Graph
from device.graph.save import graph_from_json
from device.graph.sweep import parse_sizes, sweep, sweep_csv
from device.graph.sweep_plot import sweep_svg
from device.recipe import from_bytes
from device.spec import MmeType, load_spec

__all__ = ["explained", "swept"]


def explained(
    operation: str, what: str, dtype: str, chip: str, clock_ratio: float, dump: str | None, skip: Collection[str]
) -> str:
    """`what` is a shape or a file. GraphError, RecipeError for what cannot be explained."""
    if operation == "recipe":
        recipe = from_bytes(_read(what))
        return explain_recipe(recipe, load_spec(recipe.asic), clock_ratio)
    spec = load_spec(chip)
    if operation == "graph":
        return explain(_graph(what), spec, clock_ratio, dump, skip)
    if dump is not None or skip:
        raise GraphError(f"--dump and --skip are for a graph; a {operation} goes through no passes here")
    mme_type = _mme_type(dtype)
    if operation == "convolution":
        return render_gemm(explain_convolution(parse_convolution(what), mme_type, spec))
    shape = parse_shape(what)
    if operation == "batch_gemm" and what.count("x") != 3:
        raise GraphError(f"{what!r} is no shape BxMxNxK of a batch_gemm")
    return render_gemm(explain_gemm(shape, mme_type, spec))


def swept(template: str, sizes: str, dtype: str, chips: Sequence[str]) -> tuple[str, str]:
    """CSV and SVG. GraphError for a template, sizes or a type that do not fit."""
    rows = sweep(template, parse_sizes(sizes), _mme_type(dtype), [load_spec(chip) for chip in chips])
    return sweep_csv(rows), sweep_svg(f"gemm {template}, {dtype}, cost model", rows)


def _mme_type(dtype: str) -> MmeType:
    if dtype not in set(MmeType):
        raise GraphError(f"{dtype!r} is none of {', '.join(MmeType)}")
    return MmeType(dtype)


def _graph(name: str) -> Graph:
    try:
        text = _read(name).decode()
    except UnicodeDecodeError:
        raise GraphError(f"{name} is no graph: it is not text") from None
    return graph_from_json(text)


def _read(name: str) -> bytes:
    try:
        return Path(name).read_bytes()
    except OSError as error:
        raise GraphError(f"cannot read {name}: {error.strerror}") from error
