"""The feeds of a core: the module of each, what holds its sums where the input is held, and their wires."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from expifref.exceptions import UnsupportedError
from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Connection, Graph, UnitLayer

from .hold import held_wires, hold_module, hold_name
from .lanes import lanes_module, leaves_at
from .layout import lanes_of
from .memories import Files
from .module import Module, connect
from .storage import load_ports
from .streams import Stream, inward, stream_of, wires_between
from .synapses import synapses_module
from .values import Value, declaration
from .weights import FeedKey, Weights, load_wires

__all__ = ["FeedPart", "feed_modules", "feed_parts", "feed_ports", "write_feed"]


@dataclass(frozen=True, eq=False)
class FeedPart:
    """A feed of a layer as it is built."""

    layer: str
    index: int
    stream: Stream
    connection: Connection
    weights: Weights
    held: bool  # whether its sums are kept, for steps with the input of the one before

    @property
    def name(self) -> str:
        """Name of its module."""
        return f"{self.layer}_feed{self.index}"

    @property
    def leaves(self) -> int:
        """Clocks from the one that names a unit to its sum, of the module."""
        return 1 if self.weights.lanes == 1 else leaves_at(lanes_of(self.connection, self.weights))

    @property
    def arrives(self) -> int:
        """The same of what comes to the units."""
        return self.leaves + self.held


def feed_parts(
    graph: Graph, layer: UnitLayer, weights: Mapping[FeedKey, Weights], held: bool
) -> dict[int, FeedPart]:
    """The feeds of `layer`.

    Raises:
        UnsupportedError: what is held is seen late.
    """
    found = {}
    for index, feed in enumerate(layer.feeds):
        how, keeps = weights.get((layer.name, index), Weights()), held and feed.source == INPUT
        if keeps and feed.longest:
            raise UnsupportedError(
                f"an input that is held must be seen in its own step, but feed {index} of layer "
                f"`{layer.name}` sees it up to {feed.longest} steps late: export it without `hold`"
            )
        stream = stream_of(graph, feed.source, held and not feed.longest)
        found[index] = FeedPart(layer.name, index, stream, feed.connection, how, keeps)
    return found


def feed_modules(files: Files, part: FeedPart, accumulator: Value) -> list[Module]:
    """Its modules; memories go into `files`."""
    how, stream = part.weights, part.stream.plain
    write = synapses_module if how.lanes == 1 else lanes_module
    made = write(files, part.name, part.connection, stream, how, accumulator)
    if not part.held:
        return [made]
    return [
        made,
        hold_module(part.name, part.connection.units, accumulator, part.leaves, how.bank_words is not None),
    ]


def feed_ports(part: FeedPart) -> list[str]:
    """The ports of the core for it."""
    prefix = f"feed{part.index}"
    return [*inward(part.stream, prefix), *load_ports(part.connection, part.weights, f"{prefix}_")]


def write_feed(e: Emitter, part: FeedPart, accumulator: Value) -> None:
    """Its instances in the core."""
    prefix, index = f"feed{part.index}", part.index
    e(f"logic settled_{index};")
    e(f"{declaration(accumulator)};")
    given = {"step_done": "step_done", "settled": f"settled_{index}", "sweep_valid": "sweep_valid"}
    given |= {"sweep_index": "sweep_index", "accumulator": accumulator.name}
    taken = dict(wires_between(part.stream.plain, "in", prefix))
    if part.held:
        inside = held_wires(index)
        for signal in inside.values():
            kind = (
                declaration(accumulator).removesuffix(accumulator.name)
                if signal.endswith("sum")
                else "logic "
            )
            e(f"{kind}{signal};")
        links = [(name, name) for name in ("rst", "step_done", "sweep_valid", "sweep_index")]
        links += [(f"in_{name}", f"{prefix}_{name}") for name in ("ready", "valid", "tick", "hold")]
        links += [("settled", f"settled_{index}"), ("sum", accumulator.name)]
        links += [(f"feed_{name}", signal) for name, signal in inside.items()]
        connect(e, hold_name(part.name), f"hold{index}", links)
        taken |= {"in_valid": inside["valid"], "in_ready": inside["ready"]}
        given |= {name: inside[name] for name in ("step_done", "settled", "sweep_valid")}
        given["accumulator"] = inside["sum"]
    wires = [("rst", "rst"), *taken.items(), *load_wires(part.weights, f"{prefix}_"), *given.items()]
    connect(e, part.name, prefix, wires)
