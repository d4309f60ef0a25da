"""What `network.h` offers: the step, the reset, and access to every signal for verification."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from exporters.emitter import Emitter
from quantize.program import Layer, Program, ReadoutLayer, SpikingLayer, layer_prefix

from .expressions import each
from .text import string
from .words import notation

__all__ = ["Signal", "write_accessors", "write_header", "write_reset", "write_step"]


@dataclass(frozen=True)
class Signal:
    """A signal of the program and the array that holds it."""

    name: str
    array: str
    type: str
    size: int
    is_state: bool


def write_header(text: Emitter, program: Program, signals: Sequence[Signal]) -> None:
    """All of `network.h`."""
    text("#ifndef EXPIFREF_NETWORK_H")
    text("#define EXPIFREF_NETWORK_H")
    text()
    text("#include <stdint.h>")
    text()
    text(f"#define EXPIFREF_INPUTS ({program.input.channels}U)")
    text(f"#define EXPIFREF_INPUT_MAX ({program.input.hi}U)")
    text(f"#define EXPIFREF_OUTPUTS ({signals[-1].size}U)")
    text(f"#define EXPIFREF_SIGNALS ({len(signals)}U)")
    text()
    text(f"typedef {_readout(signals)} expifref_output;")
    text()
    text("/* Goes back to the state before the first step; needed once before the first step. */")
    text("void expifref_reset(void);")
    text()
    text("/*")
    text(" * One time step. Every value of spikes must lie in 0..EXPIFREF_INPUT_MAX. Gives in readout")
    text(f" * {_output(program.layers[-1])}.")
    text(" * The class with the largest sum over all steps is the prediction, of equal ones the first.")
    text(" */")
    text(f"{_step_signature(signals)};")
    text()
    text("/* For verification: the signals of the specification, counted from 0 in its order. */")
    text("uint32_t expifref_signal_size(uint32_t signal);")
    text("uint32_t expifref_signal_is_state(uint32_t signal);")
    text("const char *expifref_signal_name(uint32_t signal);")
    text("int64_t expifref_signal(uint32_t signal, uint32_t j);")
    text()
    text("/* Sets element j of a state to a value of its format; changes nothing for other signals. */")
    text("void expifref_set_state(uint32_t signal, uint32_t j, int64_t value);")
    text()
    text("#endif")


def write_step(text: Emitter, program: Program, signals: Sequence[Signal]) -> None:
    """`expifref_step`: the layers in order."""
    text()
    text(_step_signature(signals))
    with _braces(text):
        inputs = "spikes"
        for index, layer in enumerate(program.layers):
            prefix = layer_prefix(index, layer)
            text(f"{prefix}_step({inputs});")
            inputs = f"{prefix}_spikes"
        with _braces(text, each(signals[-1].size)):
            text(f"readout[j] = {signals[-1].array}[j];")


def write_reset(text: Emitter, program: Program) -> None:
    """`expifref_reset`: every array as before the first step."""
    text()
    text("void expifref_reset(void)")
    with _braces(text):
        for index, layer in enumerate(program.layers):
            with _braces(text, each(layer.width)):
                for line in _initial(layer_prefix(index, layer), layer):
                    text(line)


def write_accessors(text: Emitter, signals: Sequence[Signal]) -> None:
    """The functions that see and set single values."""
    _property(text, signals, "uint32_t ", "size", lambda signal: f"{signal.size}U")
    _property(text, signals, "uint32_t ", "is_state", lambda signal: f"{int(signal.is_state)}U")
    _property(text, signals, "const char *", "name", lambda signal: string(signal.name))
    text()
    text("int64_t expifref_signal(uint32_t signal, uint32_t j)")
    with _braces(text):
        text("int64_t value = 0;")
        _switch(text, enumerate(signals), "value = {0.array}[j];")
        text("return value;")
    text()
    text("void expifref_set_state(uint32_t signal, uint32_t j, int64_t value)")
    with _braces(text):
        states = [(index, signal) for index, signal in enumerate(signals) if signal.is_state]
        _switch(text, states, "{0.array}[j] = ({0.type})value;")


def _step_signature(signals: Sequence[Signal]) -> str:
    readout = f"{_readout(signals)} readout[EXPIFREF_OUTPUTS]"
    return f"void expifref_step(const uint8_t spikes[EXPIFREF_INPUTS], {readout})"


def _readout(signals: Sequence[Signal]) -> str:
    """Type of the readout: 32 bits, unless the program's is wider."""
    return "int64_t" if signals[-1].type == "int64_t" else "int32_t"


def _output(last: Layer) -> str:
    if isinstance(last, ReadoutLayer):
        return f"the state of the readout, {notation(last.filter.site.format)}"
    return "the spikes of the last layer, 0 or 1"


def _initial(prefix: str, layer: Layer) -> Iterator[str]:
    yield f"{prefix}_accumulator[j] = 0;"
    if isinstance(layer, ReadoutLayer):
        yield f"{prefix}_state[j] = 0;"
        return
    if layer.synapse is not None:
        yield f"{prefix}_filter[j] = 0;"
    yield f"{prefix}_drive[j] = 0;"
    yield f"{prefix}_membrane[j] = {_initial_membrane(prefix, layer)};"
    yield f"{prefix}_refractory[j] = 0;"
    yield f"{prefix}_spikes[j] = 0U;"


def _initial_membrane(prefix: str, layer: SpikingLayer) -> str:
    initial = layer.neuron.initial
    return f"{prefix}_INITIAL".upper() if (initial == initial[0]).all() else f"{prefix}_initial[j]"


def _property(
    text: Emitter, signals: Sequence[Signal], kind: str, name: str, value: Callable[[Signal], str]
) -> None:
    text()
    text(f"{kind}expifref_signal_{name}(uint32_t signal)")
    with _braces(text):
        constant = f"{kind}const " if kind.endswith("*") else f"const {kind}"
        text(f"static {constant}values[EXPIFREF_SIGNALS] = {{{', '.join(map(value, signals))}}};")
        text("return values[signal];")


def _switch(
    text: Emitter, rows: Iterator[tuple[int, Signal]] | Sequence[tuple[int, Signal]], then: str
) -> None:
    with _braces(text, "switch (signal)"):
        for index, signal in rows:
            text(f"case {index}U:")
            with text.indent():
                text(then.format(signal))
                text("break;")
        text("default:")
        with text.indent():
            text("break;")


@contextmanager
def _braces(text: Emitter, head: str = "") -> Iterator[None]:
    text(f"{head} {{" if head else "{")
    with text.indent():
        yield
    text("}")
