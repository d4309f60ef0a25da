"""What is claimed of a module that holds sums: a step for each tick, in order, and each with its sums.

One unit and one tick are followed, which may be any: the step of a tick that brings an input has the sum that
the feed gives in it, one of a tick that repeats it the sum that the feed gave last.
"""

from __future__ import annotations

from .claims import Claims
from .module import Module
from .promises import settles, sweeps
from .values import Value, clog2

__all__ = ["hold_claims"]

_NUMBER_BITS = 10
"""Of the number of a tick: more than that of those that wait, which is below 257."""


def hold_claims(module: Module, units: int, sum_of: Value, leaves: int) -> Claims:
    """The claims of a module that holds the sums of `units` units."""
    claims, kind = Claims(module, leaves + 3), f"logic signed [{sum_of.width - 1}:0]"
    claims.constant(f"logic [{clog2(units) - 1}:0]", "followed")
    claims.given.append(f"followed < {units}")
    claims.given += sweeps(claims, units, leaves).values()
    claims.kept |= settles(claims, "settled", "step_done")
    claims.kept["units pass while it is settled"] = "passed == '0 || settled"
    _feed(claims)
    _order(claims)
    _sum(claims, kind, leaves)
    return claims


def _feed(claims: Claims) -> None:
    """What the feed promises."""
    claims.given += settles(claims, "feed_settled", "feed_step_done").values()
    claims.register(
        "logic", "ticked", ("feed_valid && feed_ready && in_tick", "1'b1"), ("feed_step_done", "1'b0")
    )
    claims.given += ["!ticked || !feed_ready", "!feed_settled || ticked"]
    claims.kept["a step of the feed is fresh"] = "fresh == ticked"


def _order(claims: Claims) -> None:
    """Of the tick that is followed: whether it has come, and whether it repeats an input."""
    bits = _NUMBER_BITS
    number, taken = f"logic [{bits - 1}:0]", "in_valid && in_ready && in_tick"
    claims.constant(number, "which")
    claims.register(number, "came", (taken, "came + 1'b1"))
    claims.register(number, "done", ("step_done", "done + 1'b1"))
    claims.register("logic", "began", (f"{taken} && !in_hold", "1'b1"))
    claims.given.append("!(in_valid && in_tick && in_hold) || began")
    claims.register("logic", "is_hold", (f"{taken} && came == which", "in_hold"))
    claims.e("logic pending, running;")
    claims.e(f"assign pending = {bits}'(which - done) < {bits}'(came - done);")
    claims.e("assign running = pending && which == done;")
    claims.kept |= {
        "each tick has a step": f"{bits}'(came - done) == {bits}'(fresh) + {bits}'(repeats)",
        "a step is that of its tick": "!pending || is_hold == !(running && fresh)",
        "there is a step where it is settled": "!settled || came != done",
    }


def _sum(claims: Claims, kind: str, leaves: int) -> None:
    """`last`: what the feed gave last for the unit."""
    claims.e("logic given_now;")
    claims.e("assign given_now = feed_sweep_valid && sweep_index == followed;")
    given = claims.late("logic", "given_now", leaves)
    claims.register(kind, "last", (given, "feed_sum"))
    claims.register("logic", "has", (given, "1'b1"))
    claims.e("logic leaves;")
    claims.e("assign leaves = sweep_valid && sweep_index == followed;")
    now = claims.late("logic", "leaves", leaves + 1)
    claims.e("logic beyond;")
    claims.e("assign beyond = passed > followed;")
    beyond = claims.late("logic", "beyond", leaves, ("step_done", "'0"))
    claims.kept |= {
        "a unit has a sum once it passed": f"!(fresh && {beyond}) || has",
        "before a step that repeats there was one": "fresh || !began || has",
        "it begins with a tick of the feed": "began || (!fresh && repeats == '0)",
        "the sum that is kept is the last": "!has || kept[followed] == last",
        "the sum that leaves is the last": f"!{now} || sum == last",
    }
