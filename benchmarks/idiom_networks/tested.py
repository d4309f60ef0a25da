"""Those that the tests of the reader know."""

from __future__ import annotations

from tests.expifref.reading.idioms import REFUSED, TAKEN

from .idiom import Idiom

__all__ = ["IDIOMS"]

IDIOMS = [
    Idiom(name, source, (TAKEN | REFUSED)[tested].make)
    for name, source, tested in (
        ("`LeakyRateReadout`", "brainstate example 203, braintrace", "rate readout"),
        (
            "recurrence by `concatenate([x, r.get_spike()])`",
            "brainstate example 203, braintrace",
            "recurrence by concatenation",
        ),
        ("recurrence, spikes as the output", "sparch RLIF", "recurrent layer"),
        ("`DeltaProj`", "brainpy.state", "delta projection"),
        ("`nn.Delay` of spikes", "brainstate delays", "delay line"),
        ("BatchNorm0d in evaluation", "brainstate tutorials, spikingjelly", "batch norm"),
        ("LayerNorm of live values", "users", "layer norm"),
        ("Expon before the Linear", "users", "filter before the weights"),
        ("short-term plasticity, `STP`", "brainpy.state docs", "plasticity"),
        ("a function in a Sequential, `lambda v: 0.2 * v * u.mA`", "users", "gain and unit"),
        ("`relu` between", "users", "maximum"),
        ("two heads", "users", "two heads"),
    )
]
