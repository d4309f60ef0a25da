"""The passes of a layer as C functions: loops over blocks of units, whose values in between stay near."""

from __future__ import annotations

from collections.abc import Iterable

from exporters.emitter import Emitter

from .expressions import WRITERS
from .fusions import Code
from .loops import Loop, loops_of
from .plan import LayerPlan, Pass, feeds_of
from .scope import Scope, variable
from .sums import padded_units
from .words import c_type

__all__ = ["BLOCK", "block_calls", "stores", "write_block", "write_pass"]

BLOCK = 512
"""Units that go through all loops together: what loops hand over stays in the nearest cache."""


def write_pass(text: Emitter, plan: LayerPlan, name: str, one: Pass) -> None:
    """The function `name` of `s`, for all units."""
    ends = stores(plan, one)
    own = f"struct {plan.layer.name}_UNITS *restrict s"
    kinds = {feed.number: feed.sum for feed in plan.sums}
    feeds = feeds_of(one.code.operations)
    parameters = [own, *(f"const {kinds[number]} *restrict feed{number}" for number in feeds)]
    write_block(text, f"{name}_BLOCK", one.code, parameters, ends)
    text()
    text(f"static void {name}(struct {plan.layer.name}_UNITS *s)")
    text("{")
    with text.indent():
        arguments = ["s", *(f"s->sum{number} + from" for number in feeds)]
        block_calls(text, f"{name}_BLOCK", arguments, plan.columns)
    text("}")


def stores(plan: LayerPlan, one: Pass) -> list[str]:
    """The statements that write the results of a pass to the arrays of the layer."""
    kinds = {**plan.arrays, "output": c_type(plan.output)}
    return [
        f"s->{array}[from + j] = ({kinds[array]}){variable(result)};" for array, result in one.written.items()
    ]


def block_calls(text: Emitter, name: str, arguments: Iterable[str], columns: int) -> None:
    """Calls of a block's function for all units, each with a number of units that the compiler knows."""
    given, whole = ", ".join(arguments), columns // BLOCK * BLOCK
    if whole:
        text(f"for (ptrdiff_t from = 0; from < {whole}; from += {BLOCK}) {{")
        text(f"    {name}({given}, from, {BLOCK});")
        text("}")
    if columns > whole:
        text("{")
        text(f"    const ptrdiff_t from = {whole};")
        text(f"    {name}({given}, from, {columns - whole});")
        text("}")


def write_block(text: Emitter, name: str, code: Code, parameters: Iterable[str], ends: Iterable[str]) -> None:
    """The function `name` for units `from` to `from + count - 1`; `ends` is what is done with the results."""
    text()
    text(f"INLINED void {name}({', '.join(parameters)},")
    text("    const ptrdiff_t from, const ptrdiff_t count)")
    text("{")
    with text.indent():
        scope = Scope(code.layer, code.proven)
        loops, longest = loops_of(code), min(BLOCK, padded_units(code.layer.units))
        for loop in loops:
            for handed in loop.given:
                text(f"ALIGNED {scope.word(handed)} t_{handed}[{longest}];")
        for loop in loops:
            _write_loop(text, scope, loop, ends if loop is loops[-1] else ())
    text("}")


def _write_loop(text: Emitter, scope: Scope, loop: Loop, ends: Iterable[str]) -> None:
    text("for (ptrdiff_t j = 0; j < count; ++j) {")
    with text.indent():
        for name in loop.taken:
            text(f"const {scope.word(name)} {variable(name)} = t_{name}[j];")
        for operation in loop.operations:
            kind = scope.word(operation.name)
            value = WRITERS[type(operation)](operation, scope)
            text(f"const {kind} {variable(operation.name)} = {value};")
        for name in loop.given:
            text(f"t_{name}[j] = {variable(name)};")
        for end in ends:
            text(end)
    text("}")
