"""What the arrays of the executor are: their dtypes and shapes, by what they stand for.

A size with an underscore is another one for every layer, so that a mapping may hold arrays of several.
"""

from __future__ import annotations

import numpy as np
from jax import Array
from jaxtyping import Float, Int, Integer, Real, Shaped

__all__ = [
    "CodeVector",
    "CodeWeights",
    "Gradient",
    "Held",
    "Operand",
    "Output",
    "Outputs",
    "Packed",
    "Result",
    "Seen",
    "Step",
    "Sum",
    "Sums",
    "Trace",
    "Weights",
]

Held = Array | np.ndarray
"""In the memory of the host or on the devices."""

Weights = Real[Held, "parts *_groups inputs units"]
"""As `products.limbs` cuts them, of a convolution those of each group of channels."""

Operand = Int[Array, "*#batch #units"]
"""What an operation takes, in the word that it is formed in. Without a batch: constants, `[units]`."""

Result = Shaped[Array, "*#batch #units"]
"""What an operation gives: integers, or the mask that a comparison leaves."""

Packed = Integer[Array, "*#batch #units"]
"""Words of a `fusions.CodeTable`."""

Sum = Int[Array, "batch _units"]
"""An accumulator in one step, or outputs added up over steps."""

Sums = Int[Array, "#steps batch _units"]
"""An accumulator in all steps, or in one where it is the same in all."""

Output = Real[Array, "batch _units"]
"""What a source hands to feeds in one step, and any state: whole numbers in the dtype of the plan."""

Outputs = Real[Array, "#steps batch _units"]
"""The same in all steps, or in one where it is the same in all."""

Trace = Shaped[Array, "#steps batch _units"]
"""A signal in all steps, or in one where it is the same in all."""

Step = Int[Array, ""]
"""The number of a step."""

CodeWeights = Float[Array, "_inputs _units"]
"""Weights in training: whole numbers as floats."""

CodeVector = Float[Array, " _units"]
"""A trained constant, likewise."""

Seen = Float[Array, "#steps batch _inputs"]
"""What a feed sees in training, likewise; in one step where it is the same in all."""

Gradient = Float[Array, "*#batch #units"]
"""Of a result, per code: in one step, or in all, or in one where the result is the same in all."""
