"""One layer as C that runs blocks of units through all steps: their values stay in the nearest cache."""

from __future__ import annotations

from dataclasses import replace

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Graph
from quantize.graph.proof import proof_of
from quantize.numbers.formats import MAX_BITS
from quantize.numbers.intervals import Interval

from .layer import Memory, write_bind, write_units
from .network import NativeText
from .passes import BLOCK, stores, write_block
from .plan import LayerPlan, plan_layer
from .scope import variable
from .words import INT32, c_type, stored, word

__all__ = ["drive_text"]

_LONGEST = 1 << 20
"""Steps whose outputs are added up near, before the sums are told."""


def drive_text(graph: Graph) -> NativeText:
    """The function `expifref_drive` (see `exporters.native.library`) of the only layer of `graph`."""
    text, memory = Emitter(), Memory()
    # Nothing is held: every step has its own accumulators, which are given.
    plan = plan_layer(graph, graph.layers[0], frozenset())
    given = stored(proof_of(graph).sources[INPUT])
    text('#include "network.h"')
    text(f"enum {{ BLOCK = {BLOCK} }};")
    write_units(text, plan)
    write_bind(text, plan, memory)
    total, steps = _total(proof_of(graph).sources[plan.layer.name])
    _write_block(text, plan, c_type(given), total)
    _write_steps(text, plan, c_type(given), total, steps)
    _write_drive(text, plan, c_type(given))
    return NativeText(str(text), tuple(memory.arrays), given)


def _total(output: Interval) -> tuple[str, int]:
    """The type of a sum of outputs, and how many steps it holds."""
    kind = word(output)
    largest = INT32.hi if kind == "int32_t" else 1 << MAX_BITS
    return kind, max(min(largest // max(-output.lo, output.hi, 1), _LONGEST), 1)


def _write_block(text: Emitter, plan: LayerPlan, given: str, total: str) -> None:
    states = {array: name for array, name in plan.step.written.items() if array != "output"}
    add = f"total[j] += ({total}){variable(plan.layer.output)};"
    parameters = (
        f"struct {plan.layer.name}_UNITS *restrict s",
        f"const {given} *restrict feed0",
        f"{total} *restrict total",
    )
    ends = (*stores(plan, replace(plan.step, written=states)), add)
    write_block(text, "block", plan.step.code, parameters, ends)


def _write_steps(text: Emitter, plan: LayerPlan, given: str, total: str, longest: int) -> None:
    name, units = plan.layer.name, plan.layer.units
    text()
    text("/* Units from to from + count - 1, of which `real` are not added ones, through all steps. */")
    text(f"INLINED void all_steps(struct {name}_UNITS *s, int64_t steps, const {given} *given,")
    text("    int64_t *sums, const ptrdiff_t from, const ptrdiff_t count)")
    text("{")
    with text.indent():
        text(f"ALIGNED {total} total[BLOCK];")
        text(f"{given} rest[BLOCK] = {{0}};")
        text(f"const ptrdiff_t real = (count < {units} - from) ? count : {units} - from;")
        text(f"for (int64_t first = 0; first < steps; first += {longest}) {{")
        with text.indent():
            text("memset(total, 0, sizeof total);")
            text(f"const int64_t last = (steps - first > {longest}) ? first + {longest} : steps;")
            text("for (int64_t t = first; t < last; ++t) {")
            text(f"    const {given} *row = given + t * {units} + from;")
            text("    if (real < count) {")
            text("        row = memcpy(rest, row, (size_t)real * sizeof *row);")
            text("    }")
            text("    block(s, row, total, from, count);")
            text("}")
            text("for (ptrdiff_t j = 0; j < real; ++j) {")
            text("    sums[from + j] += total[j];")
            text("}")
        text("}")
    text("}")


def _write_drive(text: Emitter, plan: LayerPlan, given: str) -> None:
    name, units, columns = plan.layer.name, plan.layer.units, plan.columns
    text()
    text("int expifref_drive(const void *const *constants, int64_t steps, int64_t first, int64_t last,")
    text(f"    const {given} *given, int64_t *const *states, int64_t *sums)")
    text("{")
    with text.indent():
        text(f"struct {name}_UNITS *const s = aligned_alloc(LINE, sizeof *s);")
        text("if (s == NULL) {")
        text("    return 1;")
        text("}")
        text(f"{name}_BIND(s, constants);")
        text("for (ptrdiff_t from = first * BLOCK; from < last * BLOCK; from += BLOCK) {")
        with text.indent():
            text(f"const ptrdiff_t end = (from + BLOCK < {columns}) ? from + BLOCK : {columns};")
            for slot, state in enumerate(plan.layer.states):
                text(f"LOAD(s->state_{state}, from, end, states[{slot}], {units})")
            text("if (end - from == BLOCK) {")
            text("    all_steps(s, steps, given, sums, from, BLOCK);")
            text("} else {")
            text(f"    all_steps(s, steps, given, sums, from, {columns % BLOCK});")
            text("}")
            for slot, state in enumerate(plan.layer.states):
                text(f"KEEP(states[{slot}], s->state_{state}, from, SMALLER(end, {units}))")
        text("}")
        text("free(s);")
        text("return 0;")
    text("}")
