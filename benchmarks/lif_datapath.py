"""A plain leaky integrate-and-fire datapath, by the emitter of the ExpIF one and at its widths."""

from __future__ import annotations

from exporters.emitter import Emitter
from exporters.systemverilog.control import validity
from exporters.systemverilog.memories import Files, constants
from exporters.systemverilog.module import input_port, module, output_port
from exporters.systemverilog.neuron import neuron_fields, reset_stage, state_values, update
from exporters.systemverilog.pipeline import Pipeline
from exporters.systemverilog.values import Value, extend, flag
from quantize.formats import Quantizer
from quantize.program import NeuronUpdate
from quantize.ranges import Interval

LATENCY = 8


def lif_module(e: Emitter, _files: Files, name: str, n: NeuronUpdate, drive: Quantizer) -> None:
    """`u' = v + gain * (drive - v)` with one gain for all neurons; everything else as in `neuron_module`."""
    membrane, refractory = state_values(n)
    drive_in = Value("drive", Interval(drive.format.lo, drive.format.hi), 0)
    outputs = (
        Value("membrane_next", membrane.interval, 0),
        Value("refractory_next", refractory.interval, 0),
        flag("spike", 0),
    )
    # The largest code of the gain's format, so that the multiplier is as wide, but no constant of few ones.
    gain = Value("gain", Interval(0, int(n.gain[0].values.max())), 0)
    ports = [input_port(value) for value in (flag("valid", 0), drive_in, membrane, refractory, gain)]
    ports += [output_port(value) for value in (flag("valid_out", 0), *outputs)]
    with module(
        e, name, ports, ["One leaky integrate-and-fire update per clock: u' = v + gain * (drive - v)."]
    ):
        named = constants(e, neuron_fields(n))
        pipe = Pipeline()
        v = reset_stage(pipe, membrane, named)
        results = update(pipe, n, 1, None, gain, v, drive_in, refractory, named)
        last = [pipe.at(value, LATENCY) for value in results]
        pipe.write(e)
        validity(e, LATENCY)
        for value, output in zip(last, outputs, strict=True):
            e(f"assign {output.name} = {extend(value, output.width)};")
