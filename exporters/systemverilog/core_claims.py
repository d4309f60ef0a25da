"""What is claimed of a core: what its feeds rely on, and that units have their own states and constants.

Feeds and datapath are apart, and give anything at any time, but that a feed stays settled until its step is
done. One unit is followed, which may be any; its initial states are those of the program.
"""

from __future__ import annotations

import re

from quantize.graph.layers import UnitLayer
from quantize.numbers.arrays import Integers

from .claims import Claims
from .core import Core
from .feed_claims import FEED_QUIET
from .layout import sum_words
from .memories import Files, hex_text
from .promises import settles, sweeps
from .states import memory_name
from .streams import BEGIN
from .values import as_signed, clog2, without_sign

__all__ = ["core_claims"]

_CLOCKS = 3
"""From a reset of a state to its word in memory."""


def core_claims(files: Files, core: Core, layer: UnitLayer) -> Claims:
    """The claims of `core`, the last of its modules, of units of `layer`; memories go into `files`."""
    *others, whole = core.modules
    units, late = core.slice.layer.units, core.units.latency
    claims = Claims(whole, _CLOCKS, apart=[module.name for module in others])
    for index in core.feeds:
        claims.given += settles(claims, f"settled_{index}", "step_done").values()
    # As long as what is taken as given of it in feeds and where sums are held.
    quiet = max(late, FEED_QUIET, *(part.leaves for part in core.feeds.values()))
    claims.kept |= sweeps(claims, units, quiet)
    claims.kept |= {
        "units pass while all is settled": "passed == '0 || settled",
        "units pass one behind the other": f"passed == '0 || passed == {units} || sweep_valid",
        "a sweep is one in a step": "swept == (passed != '0)",
        "a unit is named by how many passed": f"sweep_index == (passed == {units} ? '0 : passed)",
    }
    _stages(claims, units, late, str(whole.text))
    ended = f"{'through' if core.early else 'phase != COLLECT'} || phase == TICK || step_done"
    claims.kept["events end behind all units"] = f"!({ended}) || passed_{late} == {units}"
    if core.early:
        claims.kept["a tick leaves when all are through"] = "!(phase == TICK || step_done) || through"
    _data(files, claims, core, layer)
    return claims


def _stages(claims: Claims, units: int, late: int, text: str) -> None:
    """Each stage knows whether there is a unit, and which: `passed_N` had passed when it was named."""
    claims.late(f"logic [{units.bit_length() - 1}:0]", "passed", late, ("step_done", "'0"))
    behind = ", ".join(f"sweep_valid_{stage}" for stage in range(late, 0, -1))
    claims.kept["a unit in flight was named"] = f"in_flight == {{{behind}}}"
    for stage in range(1, late + 1):
        before = f"passed_{stage - 1}" if stage > 1 else "passed"
        claims.kept[f"as many pass stage {stage} as were named"] = (
            f"{before} == passed_{stage} + $bits(passed)'(in_flight[{stage}]) && "
            f"(passed_{stage} < {units} || (passed_{stage} == {units} && !in_flight[{stage}]))"
        )
    for stage in map(int, re.findall(r"^ *logic \[\d+:0\] index_(\d+);$", text, re.MULTILINE)):
        claims.kept[f"stage {stage} names its unit"] = (
            f"!in_flight[{stage}] || index_{stage} == passed_{stage}"
        )
    for stage in map(int, re.findall(r"if \(rst\) index_(\d+) <=", text)):
        claims.kept[f"stage {stage} counts its units"] = (
            f"index_{stage} == (passed_{stage} == {units} ? '0 : passed_{stage})"
        )


def _data(files: Files, claims: Claims, core: Core, layer: UnitLayer) -> None:
    """States and constants of the unit that is followed, where it passes."""
    units, made = core.slice.layer.units, core.units
    claims.constant(f"logic [{clog2(units) - 1}:0]", "followed")
    claims.given.append(f"followed < {units}")
    for stage in range(made.latency + 1):
        late = f"_{stage}" if stage else ""
        claims.e(f"logic passes{late};")
        claims.e(f"assign passes{late} = sweep_valid{late} && passed{late} == followed;")
    if core.slice.layer.states:
        _cleared(claims, core)
    for name, state in layer.states.items():
        bits, signed, after = state.format.bits, state.format.signed, made.after[name]
        first = _value(
            files, claims, f"first_of_{name}", (layer.units, core.slice.first, state.initial), bits
        )
        kind, memory = f"logic [{bits - 1}:0]", memory_name(name)
        claims.e(f"{kind} now_{name};")
        claims.e("always_ff @(posedge clk)")
        with claims.e.indent():
            claims.e(f"if (rst) now_{name} <= {first};")
            claims.e(f"else if (passes_{after.stage}) now_{name} <= {without_sign(after, bits)};")
        claims.kept[f"state {name} is what it became"] = f"!beyond_2 || {memory}[followed] == now_{name}"
        claims.kept[f"state {name} is the first until it is cleared"] = f"beyond_2 || now_{name} == {first}"
        if name in made.before:
            before = made.before[name]
            now = f"(begins ? {first} : now_{name})" if BEGIN in core.slice.out.marks else f"now_{name}"
            passes = f"passes_{before.stage}" if before.stage else "passes"
            claims.kept[f"state {name} comes where its unit is"] = (
                f"!{passes} || {before.name} == {as_signed(now, signed)}"
            )
    for field in made.constants:
        value = _value(files, claims, f"its_{field.name}", (units, 0, field.values), field.stored.bits)
        claims.kept[f"{field.name} comes where its unit is"] = (
            f"!passes_{made.constants_stage} || {field.name} == $signed({value})"
        )


def _cleared(claims: Claims, core: Core) -> None:
    """`beyond_2`: whether a reset has brought the unit to its initial states."""
    units = core.slice.layer.units
    claims.e("logic beyond;")
    claims.e("assign beyond = cleared > followed;")
    claims.late("logic", "beyond", 2)
    for index, part in core.feeds.items():
        if sum_words(part.connection, part.weights) >= units:
            # It is cleared for as long as the states are.
            claims.given.append(f"!clearing || !settled_{index}")
    claims.kept["no more is cleared than there is"] = f"cleared <= {units}"
    claims.kept["no unit passes while states are cleared"] = (
        "!clearing || (passed == '0 && !sweep_valid && in_flight == '0)"
    )


def _value(files: Files, claims: Claims, name: str, of: tuple[int, int, Integers], bits: int) -> str:
    """That of the unit that is followed, `of` how many units, the first of these, and the values of all."""
    units, first, values = of
    file, index = f"{claims.name}_{name}.hex", clog2(units)
    known = [*values.tolist(), *([] if len(values) > 1 else values.tolist() * (units - 1))]
    files[file] = hex_text([*known, *[0] * ((1 << index) - units)], bits)
    claims.e(f"logic [{bits - 1}:0] {name}_of [0:{(1 << index) - 1}];")
    claims.e(f'initial $readmemh("{file}", {name}_of);')
    claims.e(f"logic [{bits - 1}:0] {name};")
    claims.e(f"assign {name} = {name}_of[{index}'(followed) + {index}'d{first}];")
    return name
