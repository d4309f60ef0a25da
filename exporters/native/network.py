"""A graph as C for this machine: the passes of its layers, and the loops over samples and steps around them.

The text depends on widths, formats, modes and constants, not on weights and tables: those are handed over in
memory, so that it compiles in a second, for GCC or Clang, into vector instructions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph
from quantize.graph.proof import proof_of

from .layer import Memory, row_of, write_bind, write_units
from .passes import write_pass
from .plan import LayerPlan, plan_layers
from .step import past, write_step
from .words import c_type, stored

__all__ = ["NativeText", "native_text"]


@dataclass(frozen=True, eq=False)
class NativeText:
    """The C text of a graph, and the arrays that it is handed."""

    source: str
    arrays: tuple[NDArray[Any], ...]
    input: np.dtype[Any]  # the type of the values that it reads


def native_text(graph: Graph) -> NativeText:
    """The text of `graph`, with the function `expifref_run` (see `exporters.native.library`).

    Raises:
        ParameterError, RangeError: see `quantize.graph.proof.prove_graph`.
    """
    text, memory, plans = Emitter(), Memory(), plan_layers(graph)
    text('#include "network.h"')
    for plan in plans:
        write_layer(text, plan, memory)
    _write_network(text, graph)
    write_step(text, graph, plans)
    _write_run(text, graph, plans)
    return NativeText(str(text), tuple(memory.arrays), stored(proof_of(graph).sources[INPUT]))


def write_layer(text: Emitter, plan: LayerPlan, memory: Memory) -> None:
    """The sums, the memory and the passes of one layer."""
    for one in plan.sums:
        text()
        for name, value in one.macros.items():
            text(f"#define {name} {value}")
        text(f'#include "{one.header}"')
        for name in one.macros:
            text(f"#undef {name.partition('(')[0]}")
    write_units(text, plan)
    write_bind(text, plan, memory)
    for name, part in (("HOLD", plan.hold), ("STEP", plan.step)):
        if part.written:
            write_pass(text, plan, f"{plan.layer.name}_{name}", part)


def _write_network(text: Emitter, graph: Graph) -> None:
    sources = (INPUT, *graph.by_name)
    kinds = {source: stored(proof_of(graph).sources[source]) for source in sources}
    rows = {source: row_of(graph.units(source), kinds[source]) for source in sources}
    text()
    text("/* The values of one sample. */")
    text("struct network {")
    with text.indent():
        text(f"ALIGNED {c_type(kinds[INPUT])} input[{rows[INPUT]}];")
        for source, steps in graph.histories.items():
            text(f"ALIGNED {c_type(kinds[source])} past_{source}[{steps}][{rows[source]}];")
        text(f"uint32_t events[{max(graph.units(source) for source in sources)}];")
        for name in graph.by_name:
            text(f"struct {name}_UNITS of_{name};")
    text("};")


def _write_run(text: Emitter, graph: Graph, plans: Sequence[LayerPlan]) -> None:
    kind = c_type(stored(proof_of(graph).sources[INPUT]))
    text()
    text("/* Samples first to last - 1, each through all steps; signals and sums may be NULL. */")
    text("int expifref_run(const void *const *constants, int64_t steps, int64_t batch, int64_t first,")
    text(f"    int64_t last, const {kind} *inputs, int64_t *const *states, int64_t *const *signals,")
    text("    int64_t *const *sums)")
    text("{")
    with text.indent():
        text("struct network *const n = aligned_alloc(LINE, sizeof *n);")
        text("if (n == NULL) {")
        text("    return 1;")
        text("}")
        text("memset(n, 0, sizeof *n);")
        for plan in plans:
            text(f"{plan.layer.name}_BIND(&n->of_{plan.layer.name}, constants);")
        text("for (int64_t b = first; b < last; ++b) {")
        with text.indent():
            _write_sample(text, graph, plans)
        text("}")
        text("free(n);")
        text("return 0;")
    text("}")


def _write_sample(text: Emitter, graph: Graph, plans: Sequence[LayerPlan]) -> None:
    for slot, (array, units) in enumerate(_states(graph, "0")):
        text(f"LOAD({array}, 0, ELEMENTS({array}), states[{slot}] + b * {units}, {units})")
    text("for (int64_t t = 0; t < steps; ++t) {")
    with text.indent():
        text("const int64_t frame = t * batch + b;")
        text(f"step(n, inputs + frame * {graph.input.channels}, t);")
        for slot, (array, units) in enumerate(_signals(plans)):
            text(f"SHOW(signals[{slot}], frame * {units}, {array}, {units})")
        for index, plan in enumerate(plans):
            name, units = plan.layer.name, plan.layer.units
            text(f"ADD(sums[{index}], b * {units}, n->of_{name}.output, {units})")
    text("}")
    for slot, (array, units) in enumerate(_states(graph, "steps")):
        text(f"KEEP(states[{slot}] + b * {units}, {array}, 0, {units})")


def _states(graph: Graph, now: str) -> Iterator[tuple[str, int]]:
    """The array and the units of every state before the step `now`, in the order in which they are given."""
    for layer in graph.layers:
        for name in layer.states:
            yield f"n->of_{layer.name}.state_{name}", layer.units
    for _, source, age in graph.delayed:
        yield past(graph, source, age, now), graph.units(source)


def _signals(plans: Sequence[LayerPlan]) -> Iterator[tuple[str, int]]:
    """The same of every signal after a step."""
    for plan in plans:
        for result in plan.layer.signals.values():
            yield f"n->of_{plan.layer.name}.{plan.places[result]}", plan.layer.units
