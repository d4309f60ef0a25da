"""A network for a training loop of one's own: its forward pass is the integer program."""

from __future__ import annotations

from expifref.network.description import Description
from expifref.network.modules import DEFAULT_RULES
from expifref.neurons.gradient import GradientRules
from quantize.program.program import Program

from .network import QuantizedNetwork, quantized_network

__all__ = ["trainable"]


def trainable(
    description: Description, program: Program, gradient: GradientRules = DEFAULT_RULES
) -> QuantizedNetwork:
    """What to train of `program`, which was lowered from `description`; needs JAX.

    Formats, tables and neuron constants stay as they were lowered; trained are weights, biases and, where the
    profile has multipliers, one step size per output channel of each feed. Of the result,

    - `start` are the values before training by name, float32: `layer0.weight` `[source units, units]`,
      `layer0.step` `[units]`, of further feeds `layer0.weight1`, ..., and `layer0.bias` `[units]`, of a
      convolution the kernel and one value per channel, all in multiples of their natural size, so that one
      learning rate serves all;
    - `run(values, frames)` is the differentiable forward pass, whose values are the program's bit for bit;
    - `lowered(values)` gives the program, proven and placed, and the float network with its very weights.

    Args:
        gradient: how the backward pass treats ExpIFRef neurons; by default as plain training does.

    Raises:
        ParameterError: `program` was not lowered from `description`.
        RangeError: the weights leave no room for a multiplier or a bias in the profile's products.
        UnsupportedError: a convolution was lowered as a matrix.
    """
    return quantized_network(description, program, gradient)
