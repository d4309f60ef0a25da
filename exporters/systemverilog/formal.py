"""The proof that the pipeline of a layer computes its list of operations at all times.

yosys turns the pipeline, a second description of it (`reference`) and their comparison into one AIGER file,
and ABC proves that the comparison never fails: as a whole, or in parts where words are wide (`cuts`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.proof import proof_of

from .comparison import comparison_module, differences
from .core import Core
from .cuts import cut_commands, cut_products, factor_commands, factors_module, parts_of
from .memories import Files
from .module import Module
from .provers import ABC, UNROLLED, YOSYS, answers
from .reference import reference_module, word_bits
from .units import units_module

__all__ = ["formal_files", "proof_files", "prove", "prove_in_parts"]


def prove(graph: Graph, layer: str, change: Callable[[Files], Files] | None = None) -> bool:
    """Whether the pipeline of `layer` equals its reference for all inputs and at all times.

    Args:
        change: is given the files before they are read, for tests that put a bug into them.

    Raises:
        MissingToolError: yosys or ABC is not there.
        ToolError: one of them refuses the files, or ends without an answer.
    """
    return _holds(graph, layer, layer, change)


def prove_in_parts(graph: Graph, layer: str, change: Callable[[Files], Files] | None = None) -> bool:
    """The same for words that are too wide for that; of a layer that has products of two values.

    False may also stand for a difference that no product can bring about. For the rest see `prove`.

    Raises:
        UnsupportedError: there is no such product.
    """
    return _holds(graph, layer, f"{layer}_parts", change)


def _holds(graph: Graph, layer: str, name: str, change: Callable[[Files], Files] | None) -> bool:
    """Whether ABC proves all that the scripts `name` ask."""
    files = proof_files(graph, graph.by_name[layer])
    if f"{name}.ys" not in files:
        raise UnsupportedError(
            f"layer `{layer}` must have a product of two values to be proven in parts, but has none: "
            "prove it as a whole"
        )
    return all(answers(change(files) if change else files, name))


def formal_files(graph: Graph) -> Files:
    """For every layer the pipeline, the reference, their comparisons and the scripts of the proof."""
    files: Files = {}
    for layer in graph.layers:
        files |= proof_files(graph, layer)
    return files


def proof_files(graph: Graph, layer: UnitLayer, core: Core | None = None) -> Files:
    """The files of the proof of one layer, or of the units of it that `core` has, as it has them."""
    files: Files = {}
    proven, arrivals = proof_of(graph).layers[layer.name], {}
    if core is not None:
        layer = core.slice.layer
        arrivals = {index: part.arrives for index, part in core.feeds.items()}
    units = units_module(files, layer, proven, arrivals)
    reference = reference_module(files, graph, layer, proven)
    sources, name = f"{units.module.file} {reference.file}", layer.name
    whole = comparison_module(files, graph, layer, units)
    modules = [units.module, reference, whole]
    files |= {f"{name}.ys": _to_aiger(sources, [], whole, name), f"{name}.abc": ABC.format(name=name)}
    if parts := parts_of(units):
        first = factors_module(name, units, word_bits(graph))
        commands = list(factor_commands(name, cut_products(units)))
        scripts, questions = [_to_aiger(sources, commands, first)], [ABC.format(name=first.name)]
        modules.append(first)
        for part in parts:
            one = comparison_module(files, graph, layer, units, part)
            modules.append(one)
            scripts.append(_to_aiger(sources, list(cut_commands(name, part)), one))
            for output in range(differences(units, part)):
                clocks = {"clocks": units.latency + 1, "last": units.latency}
                questions.append(UNROLLED.format(name=one.name, output=output, **clocks))
        files |= {
            f"{name}_parts.ys": "design -reset\n".join(scripts),
            f"{name}_parts.abc": "".join(questions),
        }
    return files | {one.file: str(one.text) for one in modules}


def _to_aiger(sources: str, cuts: Sequence[str], top: Module, name: str = "") -> str:
    """The commands of yosys that write the module `top` of `sources`, with their wires cut, as AIGER."""
    lines = [f"read_verilog -sv -formal {sources}", *cuts, f"read_verilog -sv -formal {top.file}"]
    return "\n".join([*lines, YOSYS.format(top=top.name, name=name or top.name, more="")])
