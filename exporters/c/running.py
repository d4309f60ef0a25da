"""The functions that run a network in C: a step, the same for a held input, and the way back to the start."""

from __future__ import annotations

from collections.abc import Sequence

from exporters.emitter import Emitter
from quantize.graph.layers import INPUT, Port

from .calls import SPIKES, Call
from .histories import write_push
from .layer import LayerCode, Sources
from .text import block
from .unit import each
from .words import byte_of

__all__ = ["HELD_STEP", "input_setter", "step", "write_reset", "write_step"]

_READOUT = "expifref_output readout[EXPIFREF_OUTPUTS]"
HELD_STEP = f"void expifref_held_step({_READOUT})"


def step(port: Port) -> str:
    """The head of the function that runs a step."""
    return f"void expifref_step({_given(port)}, {_READOUT})"


def input_setter(port: Port) -> str:
    """The head of the function that sets a held input."""
    return f"void expifref_input({_given(port)})"


def write_step(text: Emitter, layers: Sequence[LayerCode], sources: Sources) -> None:
    """`expifref_step`, and before it the functions of a held input where there can be one."""
    port = sources.graph.input
    if not port.graded:
        text()
        text(step(port))
        with block(text):
            calls = [code.step for code in layers if code.step is not None]
            if INPUT not in sources.histories:
                _ignore_unused(text, calls)
            _write_steps(text, calls, sources)
        return
    text()
    text(input_setter(port))
    with block(text):
        _write_held(text, [code.held for code in layers if code.held is not None], sources)
    text()
    text(HELD_STEP)
    with block(text):
        _write_steps(text, [code.step for code in layers if code.step is not None], sources)
    text()
    text(step(port))
    with block(text):
        text(f"expifref_input({SPIKES});")
        text("expifref_held_step(readout);")


def write_reset(text: Emitter, layers: Sequence[LayerCode], sources: Sources) -> None:
    """`expifref_reset`: every array as before the first step."""
    text()
    text("void expifref_reset(void)")
    with block(text):
        for code in layers:
            with block(text, each(code.layer.units)):
                for array in (*code.arrays.sums.values(), *code.arrays.own.values()):
                    text(f"{array.name}[j] = 0;")
                for state, array in code.arrays.states.items():
                    text(f"{array.name}[j] = {code.arrays.initial[state]};")
        for history in sources.histories.values():
            text(f"{history.next} = 0U;")
            with block(text, each(history.steps, "i")), block(text, each(history.units)):
                text(f"{history.rows.name}[i][j] = 0;")


def _given(port: Port) -> str:
    return f"const {byte_of(port).type} {SPIKES}[EXPIFREF_INPUTS]"


def _write_held(text: Emitter, calls: Sequence[Call], sources: Sources) -> None:
    given = sources.present[INPUT].text
    if given == SPIKES:
        _ignore_unused(text, calls)
    else:
        with block(text, each(sources.graph.input.channels)):
            text(f"{given}[j] = {SPIKES}[j];")
    for call in calls:
        text(str(call))


def _write_steps(text: Emitter, calls: Sequence[Call], sources: Sources) -> None:
    for call in calls:
        text(str(call))
    output = sources.present[sources.graph.output]
    with block(text, each(sources.graph.units(sources.graph.output))):
        text(f"readout[j] = {output.text}[j];")
    for source, history in sources.histories.items():
        write_push(text, history, sources.present[source])


def _ignore_unused(text: Emitter, calls: Sequence[Call]) -> None:
    if not any(call.takes_input for call in calls):
        text(f"(void){SPIKES};")
