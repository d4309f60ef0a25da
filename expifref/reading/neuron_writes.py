"""Parameters of neurons, put back where a module keeps the ones that are trained."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import brainstate
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.exceptions import ParameterError, UnsupportedError
from expifref.network.description import AnyNeuron
from expifref.neurons.parameter_rules import PARAMETERS

from .leaves import NeuronLeaf
from .parameters import attributes, in_unit_of_kind
from .writes import Write, like, rounding

__all__ = ["neuron_writes"]

Floats = NDArray[np.float64]

_NEAR = 1e-12
"""Relative: what reading and the units of files leave of a value."""


def neuron_writes(leaf: NeuronLeaf, neuron: AnyNeuron) -> Iterator[Write]:
    """What makes the population of `leaf` be `neuron`.

    Raises:
        ParameterError: it is another model, or starts from another state.
        UnsupportedError: a parameter differs that is not trained, or that the module holds once for several
            neurons.
    """
    if type(neuron) is not type(leaf.parameters):
        raise ParameterError(
            f"`{leaf.path}` must be described by the neuron that it is, not by another model"
        )
    found, names = leaf.parameters.vectors, attributes(neuron)
    for field, wanted in neuron.vectors.items():
        if np.allclose(wanted, found[field], rtol=_NEAR, atol=0.0):
            continue
        name = next((attribute for attribute, named in names.items() if named == field), None)
        if name is None:
            raise ParameterError(
                f"`{leaf.path}` must start from the state that it was read with, but `{field}` is another now"
            )
        yield _write(leaf, name, wanted)


def _write(leaf: NeuronLeaf, name: str, wanted: Floats) -> Write:
    path = f"{leaf.path}.{name}"
    holder = getattr(leaf.module, name, None)
    kept = holder.val if isinstance(holder, brainstate.nn.Param) else holder
    if not isinstance(kept, brainstate.State):
        raise UnsupportedError(
            f"`{path}` must be trained for another value to be written to it: hold it as a "
            "`brainstate.ParamState` or a `brainstate.nn.Param`"
        )
    value = holder.value() if isinstance(holder, brainstate.nn.Param) else kept.value
    number = _fitting(in_unit_of_kind(wanted, name).reshape(leaf.module.in_size), value, path)
    unit = u.get_unit(value)
    decimal = u.Quantity(number, unit=PARAMETERS[name].unit).to_decimal(unit)
    quantity = u.Quantity(like(value.mantissa, decimal), unit=unit)
    inverse = holder.t.inverse(quantity) if isinstance(holder, brainstate.nn.Param) else quantity
    return Write(path, kept, inverse)


def _fitting(number: Floats, value: Any, path: str) -> Floats:
    """`number`, `[*in_size]`, with one value where `value` has one for several neurons."""
    shape = (1,) * (number.ndim - len(value.shape)) + tuple(value.shape)
    shared = tuple(axis for axis, size in enumerate(shape) if size < number.shape[axis])
    mean = number.mean(axis=shared, keepdims=True)
    if not np.allclose(number, mean, rtol=rounding(value), atol=0.0):
        raise UnsupportedError(
            f"`{path}` holds one value for several neurons, and they are to have different ones: give it the "
            f"shape {tuple(number.shape)}"
        )
    fitting: Floats = mean
    return fitting
