"""All proofs of a design: datapaths, feeds, sums that are held, cores, and what joins pipelines.

Each is a question to yosys and ABC by itself. What one of them takes as given of its neighbours is what the
proofs of these claim.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from quantize.graph.layers import Dense, UnitLayer

from .claims import Claims
from .core import Core
from .core_claims import core_claims
from .feed_claims import Followed, feed_claims
from .feeds import FeedPart
from .formal import proof_files
from .hold import hold_name
from .hold_claims import hold_claims
from .join_claims import join_claims
from .lanes import choice_module
from .memories import Files
from .network import Design
from .provers import answers
from .storage import bank_module
from .streams import stream_of

__all__ = ["Proof", "proofs_of", "unproven"]


@dataclass(frozen=True, eq=False)
class Proof:
    """A question, and the files that ask it."""

    module: str
    sentence: str  # what is proven where it holds
    name: str  # of the scripts
    files: Files
    claims: tuple[str, ...] = ()  # what is asked one by one

    def answer(self, change: Callable[[Files], Files] | None = None) -> tuple[str, ...]:
        """What does not hold; nothing where all is proven.

        Args:
            change: is given the files before they are read, for tests that put a bug into them.

        Raises:
            MissingToolError: yosys or ABC is not there.
            ToolError: one of them refuses the files, or ends without an answer.
        """
        found = answers(change(self.files) if change else self.files, self.name)
        said = self.claims or (self.sentence,) * len(found)
        return tuple(dict.fromkeys(claim for claim, holds in zip(said, found, strict=True) if not holds))


def proofs_of(made: Design) -> Iterator[Proof]:
    """The proofs of `made`, layer by layer, in the order in which values go through it."""
    for layer in made.graph.layers:
        whole = made.cores[layer.name]
        for core in whole.pipelines:
            for index, part in core.feeds.items():
                yield from _of_feed(made, layer, core, index, part)
            yield _of_units(made, layer, core)
            files: Files = {}
            yield _claimed(made, core_claims(files, core, layer), files, _CORE)
        if len(whole.pipelines) > 1:
            out = stream_of(made.graph, layer.name, made.held)
            yield _claimed(made, join_claims(whole, layer.units, out), {}, _JOIN)


def unproven(made: Design) -> dict[str, str]:
    """The modules of layers that have no proof, and why."""
    found: dict[str, str] = {}
    for whole in made.cores.values():
        for core in whole.pipelines:
            found |= {part.name: why for part in core.feeds.values() if (why := _reason(part))}
    return found | {
        f"{source}_history": "histories are compared in simulation alone" for source in made.histories
    }


_FEED = "the sum that leaves for a unit is that of its weights and the events of the step"
_HOLD = "each tick has a step, in order, with the sums of its own input or those of the input it repeats"
_UNITS = "the datapath of the units computes the operations of the program"
_CORE = "units pass in order once all sums are there, each with its own states and constants"
_JOIN = "each pipeline has all that comes in, and what leaves is that of all, once"


def _reason(part: FeedPart) -> str | None:
    if not isinstance(part.connection, Dense):
        return "the walk over a kernel is compared in simulation alone"
    if part.weights.loaded:
        return "weights that come through a port are compared in simulation alone"
    return None


def _of_feed(made: Design, layer: UnitLayer, core: Core, index: int, part: FeedPart) -> Iterator[Proof]:
    modules = {module.name: module for module in core.modules}
    sums = core.sums[index]
    if _reason(part) is None:
        followed = Followed(layer.feeds[index].connection.matrix, core.slice.first)
        files: Files = {}
        yield _claimed(made, feed_claims(files, modules[part.name], part, sums, followed), files, _FEED)
    if part.held:
        claims = hold_claims(modules[hold_name(part.name)], part.connection.units, sums, part.leaves)
        yield _claimed(made, claims, {}, _HOLD)


def _of_units(made: Design, layer: UnitLayer, core: Core) -> Proof:
    files, name = proof_files(made.graph, layer, core), core.slice.layer.name
    parts = f"{name}_parts"
    return Proof(core.units.module.name, _UNITS, parts if f"{parts}.ys" in files else name, files)


def _claimed(made: Design, claims: Claims, files: Files, sentence: str) -> Proof:
    shared = [choice_module(), bank_module()]
    known = made.files | files | {module.file: str(module.text) for module in shared}
    asked = claims.files([module.file for module in shared])
    return Proof(claims.module.name, sentence, claims.name, known | asked, tuple(claims.kept))
