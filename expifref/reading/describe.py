"""Turns a trained brainstate module, as it is, into a `Description`: arrays, SI units, nothing hidden."""

from __future__ import annotations

from typing import Any, SupportsIndex

import numpy as np

from expifref.counts import count_of
from expifref.encoders import get_encoder
from expifref.network.description import Description
from expifref.neurons.quantities import TIME, check_values, decimal

from .borrowed import borrowed
from .guard import check_against
from .kernels import with_kernels
from .original import Original
from .read import read, unwrapped

__all__ = ["describe"]


def describe(
    module: Any,
    dt: Any,
    *,
    encoder: str = "rate",
    steps: SupportsIndex,
    name: str = "net",
    inputs: int | tuple[int, ...] | None = None,
) -> Description:
    """Read a network from what one step of its own `update` does, and run the result beside it.

    Understood are modules with a state of their own that is known: `ExpIF`, `AdExIF` and `LIF`, also with
    `Ref`, of expifref or `brainpy.state`; exponential filters (`ExponentialSynapse`, `LeakyReadout`, `Expon`,
    `DualExpon`, `Alpha` and `LeakyRateReadout` of `brainpy.state`), and `brainstate.nn.Delay`. Whatever lies
    between them may be anything that is affine in the input, in spikes and in filtered spikes, of this step
    or earlier ones: linear layers of any class, masks, convolutions, sums, gains, units, concatenations,
    batch norm in evaluation, recurrence, skips, projections with `CUBA`. Max pooling of spikes becomes a
    layer.

    A current without a unit counts in mA, and the input of a filter without a unit in the unit of its state.
    Outputs are taken as the numbers they are in their own unit; several in a tuple, list or dict side by
    side, in that order.

    Args:
        module: the trained brainstate module; it is left as it was.
        dt: step the network was trained for, a time.
        encoder: the encoder used in training, of `expifref.encoders.ENCODERS`: it scales the input.
        steps: time steps per sample used in training.
        name: how messages call the module.
        inputs: width or shape of one sample of the input; found from the sizes of the modules when not given.

    Raises:
        UnsupportedError: the network does something that has no integer lowering, or something else than what
            was read; the message names the operation, its line or the path of the module.
        ParameterError: a value, unit or shape breaks its rule.

    Warns:
        UpstreamStepWarning: a population of `brainpy.state` spikes at other steps than a described one.
    """
    get_encoder(encoder)
    step = np.asarray(decimal("dt", dt, TIME), np.float64)
    check_values("dt", step, np.isfinite(step) & (step > 0), "a time above 0 ms", TIME)
    seconds, count = float(step) / 1e3, count_of("steps", steps)
    root = unwrapped(module)

    reading = read(root, name, dt, inputs)
    layers = with_kernels(reading.network.layers, reading.planes)
    description = Description(seconds, reading.width, layers, encoder, count)
    with borrowed(root, name, dt):
        check_against(
            description, Original(root, name, dt, reading.shape, reading.batched, reading.network.populations)
        )
    return description
