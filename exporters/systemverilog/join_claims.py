"""What is claimed of a layer with several pipelines: each has every event that comes in, and loses none.

The pipelines are apart, and give anything at any time.
"""

from __future__ import annotations

from collections.abc import Sequence

from .claims import Claims
from .pipelines import LayerCore
from .streams import Stream

__all__ = ["join_claims"]


def join_claims(made: LayerCore, units: int, out: Stream) -> Claims:
    """The claims of the module that joins the pipelines of a layer of `units` units."""
    claims = Claims(made.modules[-1], 1)
    names = [core.slice.layer.name for core in made.pipelines]
    claims.apart += [f"{name}_core" for name in names]
    inputs = {f"feed{index}": part.stream for index, part in made.feeds.items()}
    for port, stream in inputs.items():
        for name in names:
            claims.kept |= _given_to(port, stream, name)
    # Counted anew, and not taken from the slices.
    length = -(-units // len(names))
    for number, name in enumerate(names):
        claims.given.append(f"{name}_out_index < {min(length, units - number * length)}")
    claims.kept |= _leaves(names, length, out)
    return claims


def _given_to(port: str, stream: Stream, name: str) -> dict[str, str]:
    """What comes in by `port` goes to a pipeline, at the same time."""
    taken = f"({port}_valid && {port}_ready)"
    same = [f"{name}_{port}_{signal} == {port}_{signal}" for signal, _ in stream.signals[1:]]
    return {
        f"{name} takes from {port} what the layer takes": (
            f"({name}_{port}_valid && {name}_{port}_ready) == {taken}"
        ),
        f"{name} has of {port} what the layer has": f"!{taken} || ({' && '.join(same)})",
    }


def _leaves(names: Sequence[str], length: int, out: Stream) -> dict[str, str]:
    """An event that leaves is of one pipeline, under its number in the layer; a tick is of all."""
    taken = [f"({name}_out_valid && {name}_out_ready)" for name in names]
    event, tick = "(out_valid && out_ready && !out_tick)", "(out_valid && out_ready && out_tick)"
    one = " + ".join(f"{len(names).bit_length()}'({each})" for each in taken)
    kept = {"an event leaves one pipeline": f"!{event} || {one} == 1"}
    for number, (name, each) in enumerate(zip(names, taken, strict=True)):
        same = [f"out_index == {name}_out_index + {out.index_bits}'d{number * length}"]
        same += [f"out_value == {name}_out_value"] if out.graded else []
        kept |= {
            f"an event of {name} leaves as it is": (
                f"!({each} && !{name}_out_tick) || ({event} && {' && '.join(same)})"
            ),
            f"a tick of {name} leaves with those of all": f"({each} && {name}_out_tick) == {tick}",
        }
    for mark in out.marks:
        every = " && ".join(f"{name}_out_{mark}" for name in names)
        kept[f"the mark `{mark}` is that of all"] = f"!{tick} || out_{mark} == ({every})"
    return kept
