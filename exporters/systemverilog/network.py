"""The whole network as files of a folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from quantize.graph.layers import Graph, LayerFeed
from quantize.program.label import Label

from .history import History, history, reader_module
from .lanes import choice_module
from .memories import Files
from .module import Module
from .pipelines import LayerCore, layer_core
from .storage import bank_module
from .streams import stream_of
from .top import top
from .weights import FeedKey, Weights

__all__ = ["Design", "design", "design_files", "emit_systemverilog"]


@dataclass(frozen=True, eq=False)
class Design:
    """What is built of a graph."""

    graph: Graph
    weights: Mapping[FeedKey, Weights]
    held: bool  # whether a tick can say that a step has the last input again
    shares: Mapping[str, int]  # the pipelines that each layer is to have
    cores: Mapping[str, LayerCore]
    histories: Mapping[str, History]
    files: Files  # the memories

    @property
    def loaded(self) -> Mapping[FeedKey, Weights]:
        """The connections whose weights come through a port."""
        return {key: how for key, how in self.weights.items() if how.loaded}


def design(
    graph: Graph,
    weights: Mapping[FeedKey, Weights] | None = None,
    held: bool = False,
    pipelines: Mapping[str, int] | None = None,
) -> Design:
    """What is built of `graph`; arguments and errors as `emit_systemverilog`."""
    files: Files = {}
    chosen = weights or {}
    shares = dict.fromkeys(graph.by_name, 1) | dict(pipelines or {})
    cores = {
        layer.name: layer_core(files, graph, layer, chosen, held, shares[layer.name])
        for layer in graph.layers
    }
    late: dict[str, dict[FeedKey, LayerFeed]] = {}
    for layer in graph.layers:
        for index, feed in enumerate(layer.feeds):
            if feed.longest:
                late.setdefault(feed.source, {})[layer.name, index] = feed
    histories = {
        source: History(source, stream_of(graph, source), readers) for source, readers in late.items()
    }
    return Design(graph, chosen, held, shares, cores, histories, files)


def emit_systemverilog(
    graph: Graph,
    label: Label,
    weights: Mapping[FeedKey, Weights] | None = None,
    held: bool = False,
    pipelines: Mapping[str, int] | None = None,
) -> Files:
    """The SystemVerilog of `graph`: file name -> text, one file per module and one per memory.

    Args:
        label: is written above the top module.
        weights: feed -> how its weights lie in memory; read from a file at the start where not given.
        held: a tick can say that its step has the input of the one before, and that a sample begins.
        pipelines: layer -> its datapaths; one where it is not given.

    Raises:
        UnsupportedError: lanes or pipelines are asked for where they are not there, or what is held is
            seen late.

    The memories are read with `$readmemh` from the working folder of the tool, which is this folder.
    """
    return design_files(design(graph, weights, held, pipelines), label)


def design_files(made: Design, label: Label) -> Files:
    """The text of a design, as `emit_systemverilog` gives it."""
    modules = [module for one in made.cores.values() for module in one.modules]
    modules += [history(made.files, one) for one in made.histories.values()]
    modules += _shared(made)
    modules.append(top(made, label))
    return made.files | {module.file: str(module.text) for module in modules}


def _shared(made: Design) -> list[Module]:
    every = made.weights.values()
    shared = (
        (any(how.bank_words is not None for how in every), bank_module),
        (any(how.lanes > 1 for how in every), choice_module),
        (bool(made.histories), reader_module),
    )
    return [make() for used, make in shared if used]
