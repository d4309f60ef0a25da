"""What `network.h` offers, and the functions of it that see and set single values."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from expifref.network.decision import NONE, PER_STEP, SUM
from exporters.emitter import Emitter
from quantize.graph.layers import Graph, Port
from quantize.graph.proof import proof_of

from .running import HELD_STEP, input_setter, step
from .signals import output_place
from .text import block, string
from .words import INT32, INT64, Word, notation

__all__ = ["Signal", "write_accessors", "write_header"]


@dataclass(frozen=True)
class Signal:
    """Something that the network tells, and what holds its element j."""

    name: str
    element: str
    word: Word
    size: int
    is_state: bool


_ANSWERS = {
    SUM: "The class with the largest sum over all steps is the prediction, of equal ones the first.",
    "last": "The class with the largest output in the last step is the prediction, of equal ones the first.",
    "maximum": "The class with the largest output in any step is the prediction, of equal ones the first.",
    PER_STEP: "The class with the largest output is the prediction of each step, of equal ones the first.",
    NONE: "The output of each step is the answer itself.",
}


def write_header(text: Emitter, graph: Graph, decision: str, signals: Sequence[Signal]) -> None:
    """All of `network.h`; `decision` is the rule of the program."""
    text("#ifndef EXPIFREF_NETWORK_H")
    text("#define EXPIFREF_NETWORK_H")
    text()
    text("#include <stdint.h>")
    text()
    text(f"#define EXPIFREF_INPUTS ({graph.input.channels}U)")
    if graph.input.format.signed:
        text(f"#define EXPIFREF_INPUT_MIN ({graph.input.format.lo})")
    text(f"#define EXPIFREF_INPUT_MAX ({graph.input.format.hi}{'' if graph.input.format.signed else 'U'})")
    text(f"#define EXPIFREF_OUTPUTS ({graph.units(graph.output)}U)")
    text(f"#define EXPIFREF_SIGNALS ({len(signals)}U)")
    text(f"#define EXPIFREF_OUTPUT_SIGNAL ({output_place(graph)}U)")
    text()
    wide = signals[output_place(graph)].word == INT64
    text(f"typedef {INT64.type if wide else INT32.type} expifref_output;")
    text()
    text("/* Goes back to the state before the first step; needed once before the first step. */")
    text("void expifref_reset(void);")
    text()
    text("/*")
    least = "EXPIFREF_INPUT_MIN" if graph.input.format.signed else "0"
    text(f" * One time step. Every value of spikes must lie in {least}..EXPIFREF_INPUT_MAX. Gives in readout")
    text(f" * {_output(graph)}.")
    text(f" * {_ANSWERS[decision]}")
    text(" */")
    text(f"{step(graph.input)};")
    if graph.input.graded:
        _write_held(text, graph.input)
    text()
    text("/* For verification: the signals of the specification, counted from 0 in its order, */")
    text("/* then the states that are no signals. */")
    text("uint32_t expifref_signal_size(uint32_t signal);")
    text("uint32_t expifref_signal_is_state(uint32_t signal);")
    text("const char *expifref_signal_name(uint32_t signal);")
    text("int64_t expifref_signal(uint32_t signal, uint32_t j);")
    text()
    text("/* Sets element j of a state to a value of its format; changes nothing for other signals. */")
    text("void expifref_set_state(uint32_t signal, uint32_t j, int64_t value);")
    text()
    text("#endif")


def write_accessors(text: Emitter, signals: Sequence[Signal]) -> None:
    """The functions that see and set single values."""
    _property(text, signals, "uint32_t ", "size", lambda signal: f"{signal.size}U")
    _property(text, signals, "uint32_t ", "is_state", lambda signal: f"{int(signal.is_state)}U")
    _property(text, signals, "const char *", "name", lambda signal: string(signal.name))
    text()
    text("int64_t expifref_signal(uint32_t signal, uint32_t j)")
    with block(text):
        text("int64_t value = 0;")
        _switch(text, enumerate(signals), lambda signal: f"value = {signal.element};")
        text("return value;")
    text()
    text("void expifref_set_state(uint32_t signal, uint32_t j, int64_t value)")
    with block(text):
        states = [(index, signal) for index, signal in enumerate(signals) if signal.is_state]
        if not states:
            text("(void)j;")
            text("(void)value;")
        _switch(text, states, lambda signal: f"{signal.element} = ({signal.word.type})value;")


def _write_held(text: Emitter, port: Port) -> None:
    text()
    text("/*")
    text(" * The same where the input stays as it is for many steps: it is set once, and each step computes")
    text(" * only what does not depend on it alone.")
    text(" */")
    text(f"{input_setter(port)};")
    text(f"{HELD_STEP};")


def _output(graph: Graph) -> str:
    layer = graph.by_name[graph.output]
    for state, result in layer.next.items():
        if result == layer.output:
            return f"the output, {notation(layer.states[state].format)}"
    lo, hi = proof_of(graph).sources[layer.name]
    return f"the output, {lo}..{hi}"


def _property(
    text: Emitter, signals: Sequence[Signal], kind: str, name: str, value: Callable[[Signal], str]
) -> None:
    text()
    text(f"{kind}expifref_signal_{name}(uint32_t signal)")
    with block(text):
        constant = f"{kind}const " if kind.endswith("*") else f"const {kind}"
        text(f"static {constant}values[EXPIFREF_SIGNALS] = {{{', '.join(map(value, signals))}}};")
        text("return values[signal];")


def _switch(text: Emitter, rows: Iterable[tuple[int, Signal]], then: Callable[[Signal], str]) -> None:
    with block(text, "switch (signal)"):
        for index, signal in rows:
            text(f"case {index}U:")
            with text.indent():
                text(then(signal))
                text("break;")
        text("default:")
        with text.indent():
            text("break;")
