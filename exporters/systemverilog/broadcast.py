"""A stream that goes to several: an event is taken once all of them are ready."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from exporters.emitter import Emitter

from .streams import Stream, wires

__all__ = ["broadcast", "declare"]

_ALWAYS = "1'b1"


def broadcast(e: Emitter, given: str, takers: Mapping[str, Stream], ports: Collection[str] = ()) -> None:
    """Join the stream `given` to `takers`, name -> what of it; those that are no `ports` are declared."""
    ready = " && ".join(f"{taker}_ready" for taker in takers)
    e(f"assign {given}_ready = {ready or _ALWAYS};")
    for taker, one in takers.items():
        if taker not in ports:
            declare(e, one, taker)
        others = [f"{other}_ready" for other in takers if other != taker]
        e(f"assign {taker}_valid = {' && '.join([f'{given}_valid', *others])};")
        for name, _ in one.signals[1:]:
            e(f"assign {taker}_{name} = {given}_{name};")


def declare(e: Emitter, stream: Stream, name: str) -> None:
    """The signals of a stream between modules."""
    for declaration in wires(stream, name):
        e(f"{declaration};")
