"""What is claimed of a core: it keeps what its feeds and what holds their sums rely on.

Feeds and datapath are apart, and give anything at any time, but that a feed stays settled until its step is done.
"""

from __future__ import annotations

import re

from .claims import Claims
from .core import Core
from .promises import settles, sweeps

__all__ = ["core_claims"]


def core_claims(core: Core) -> Claims:
    """The claims of the core itself, the last of its modules."""
    *others, whole = core.modules
    units, late = core.slice.layer.units, core.units.latency
    claims = Claims(whole, late + 2, apart=[module.name for module in others])
    for index in core.feeds:
        claims.given += settles(claims, f"settled_{index}", "step_done").values()
    claims.kept |= sweeps(claims, units, late)
    claims.kept |= {
        "units pass while all is settled": "passed == '0 || settled",
        "units pass one behind the other": f"passed == '0 || passed == {units} || sweep_valid",
        "a sweep is one in a step": "swept == (passed != '0)",
    }
    count = f"logic [{units.bit_length() - 1}:0]"
    for stage in sorted({0, late, *_stages(str(whole.text))}):
        passed = claims.late(count, "passed", stage, ("step_done", "'0")) if stage == late else "passed"
        if 0 < stage < late:
            passed = f"passed_{stage}"
        index = f"index_{stage}" if stage else "sweep_index"
        claims.kept[f"{index} is that of the unit"] = f"{index} == ({passed} == {units} ? '0 : {passed})"
    passed, text = f"passed_{late} == {units}", "through" if core.early else "phase != COLLECT"
    claims.kept["events end behind all units"] = f"!({text} || phase == TICK || step_done) || {passed}"
    if core.early:
        claims.kept["a tick leaves when all are through"] = "!(phase == TICK || step_done) || through"
    return claims


def _stages(text: str) -> list[int]:
    """At which the core counts the units that pass."""
    return [int(stage) for stage in re.findall(r"^ *logic \[\d+:0\] index_(\d+);$", text, re.MULTILINE)]
