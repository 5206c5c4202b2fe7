"""Random graphs: passes keep every bit, and a recipe gives the same bits in every order that its sync values allow."""

import random

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from machine import Machine
from random_graphs import SEEDS, SLOW, SPECS, random_graph, random_values, same_bits

from device.graph import OPTIONAL_PASSES, compile_graph, graph_from_json, graph_to_json, run_pipeline
from device.graph.interpret import interpret
from device.graph.passes import verify_and_infer
from device.recipe import check_sync, from_bytes, to_bytes, validate


@given(SEEDS, SPECS)
@SLOW
def test_optional_passes_change_no_bit(seed, spec) -> None:
    graph = verify_and_infer(random_graph(random.Random(seed)))
    values = random_values(graph, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        wanted = interpret(graph, values)
        for skip in ([], list(OPTIONAL_PASSES), *([name] for name in OPTIONAL_PASSES)):
            assert same_bits(wanted, interpret(run_pipeline(graph, spec, skip=skip, verify_each=True), values))


@given(SEEDS, SPECS)
@SLOW
def test_every_pass_is_idempotent_and_leaves_its_input_alone(seed, spec) -> None:
    graph = random_graph(random.Random(seed))
    before = graph.dump()
    planned = run_pipeline(graph, spec)
    assert run_pipeline(planned, spec) == planned
    assert graph.dump() == before


@given(SEEDS)
@SLOW
def test_a_graph_survives_its_file(seed) -> None:
    graph = random_graph(random.Random(seed))
    text = graph_to_json(graph)
    assert graph_from_json(text) == graph
    assert graph_to_json(graph_from_json(text)) == text


@given(SEEDS, SPECS)
@SLOW
def test_recipe_is_valid_covered_and_deterministic(seed, spec) -> None:
    recipe = compile_graph(random_graph(random.Random(seed)), spec)
    validate(recipe)
    check_sync(recipe)
    data = to_bytes(recipe)
    assert to_bytes(compile_graph(random_graph(random.Random(seed)), spec)) == data
    assert from_bytes(data) == recipe


@given(SEEDS, SPECS, st.sets(st.sampled_from(sorted(OPTIONAL_PASSES))))
@SLOW
def test_every_order_that_the_sync_values_allow_gives_the_same_bits(seed, spec, skip) -> None:
    graph = verify_and_infer(random_graph(random.Random(seed)))
    values = random_values(graph, np.random.default_rng(seed))
    with np.errstate(all="ignore"):
        wanted = interpret(graph, values)
        recipe = compile_graph(graph, spec, skip=skip)
        for attempt in range(3):
            got = Machine(recipe, values, random.Random(attempt)).run()
            assert same_bits({name: value.reshape(-1) for name, value in wanted.items()}, got)
