"""Layers of one unit whose drive is given: the ExpIF update, and a leaky integrate-and-fire one beside it."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from standard_bodies import drive_format, neuron_of

from exporters.systemverilog.memories import Files
from exporters.systemverilog.units import Units, units_module
from quantize.graph.bodies import ExpIFConstants, expif
from quantize.graph.body import Body
from quantize.graph.layers import Graph, Port, UnitLayer
from quantize.graph.proof import proof_of
from quantize.numbers.formats import Format
from quantize.program.program import Program

__all__ = ["expif_datapath", "lif_datapath"]

NAME = "datapath"


def expif_datapath(files: Files, program: Program, index: int) -> Units:
    """The update of the first neuron of layer `index`, its tables into `files`."""
    body = Body()
    drive = _given(body, "drive", drive_format(program.graph.layers[index]))
    return _units(files, body, expif(body, drive, _constants(program, index)))


def lif_datapath(files: Files, program: Program, index: int) -> Units:
    """`u' = v + gain * (drive - v)` at the widths of the ExpIF update; all else as there."""
    n, body = _constants(program, index), Body()
    frac = n.membrane.format.frac
    drive = _given(body, "drive", drive_format(program.graph.layers[index]))
    # The largest code of the gain's format, so that the multiplier is as wide, but no constant of few ones.
    gain = _given(body, "gain", Format(False, int(n.gain[0].values.max()).bit_length(), frac))
    threshold, reset = body.constant("threshold", n.threshold), body.constant("reset", n.reset)
    steps, one, zero = (
        body.constant(name, value) for name, value in (("steps", n.refractory_steps), ("one", 1), ("zero", 0))
    )
    before = body.state("membrane", n.membrane.format, n.initial)
    waiting = body.state("refractory", Format(False, max(int(n.refractory_steps.max()), 1).bit_length(), 0))
    v = body.select(body.at_least(before, threshold), reset, before)
    total = body.overflow(body.sub(drive, v), n.sum)
    move = body.shift(body.mul(gain, total), n.gain[0].format.frac, n.membrane.rounding)
    settled = body.overflow(body.minimum(body.add(v, move), threshold), n.membrane)
    after = body.select(body.at_least(waiting, one), v, settled)
    spikes = body.at_least(after, threshold, "spikes")
    body.next["membrane"] = after
    body.next["refractory"] = body.select(spikes, steps, body.maximum(body.sub(waiting, one), zero))
    return _units(files, body, spikes)


def _given(body: Body, name: str, format: Format) -> str:
    """A value that comes from outside: a state that stays what it is."""
    body.next[name] = body.state(name, format)
    return body.next[name]


def _units(files: Files, body: Body, output: str) -> Units:
    body.signals = {}
    layer: UnitLayer = body.layer(NAME, 1, (), output)
    graph = Graph(Port(1, Format(False, 1, 0)), (layer,), NAME)
    units = units_module(files, layer, proof_of(graph).layers[NAME])
    files[units.module.file] = str(units.module.text)
    return units


def _constants(program: Program, index: int) -> ExpIFConstants:
    """Of the first neuron of layer `index`."""
    n = neuron_of(program.graph.layers[index])
    return replace(
        n,
        threshold=n.threshold[:1],
        reset=n.reset[:1],
        initial=n.initial[:1],
        refractory_steps=n.refractory_steps[:1],
        gain=(n.gain[int(n.gain_index[0])],),
        gain_index=np.zeros(1, np.int64),
    )
