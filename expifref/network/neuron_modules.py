"""The neurons that a description holds as brainstate modules."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import braintools
import numpy as np
import saiunit as u
from numpy.typing import NDArray

from expifref.neurons.adexif import AdExIFRef
from expifref.neurons.expif import ExpIFRef
from expifref.neurons.gradient import GradientRules, ResetMode
from expifref.neurons.lif import LIFRef
from expifref.neurons.population import Population

from .description import AdExParameters, AnyNeuron, LIFParameters, NeuronParameters

__all__ = ["SURROGATE", "milliseconds", "neuron_module"]

SURROGATE = braintools.surrogate.Arctan(alpha=2.0)  # chosen by measurement, see docs/training.md

_MILLI = 1e-3


def neuron_module(neuron: AnyNeuron, gradient: GradientRules) -> Population:
    """The population that `neuron` describes, with the surrogate that training takes."""
    return _MODULES[type(neuron)](neuron, gradient)


def milliseconds(values: NDArray[np.float64]) -> Any:
    """Seconds as a quantity, one number for a uniform population: XLA folds what depends on it."""
    return _compact(values / _MILLI) * u.ms


def _expif(p: NeuronParameters, gradient: GradientRules) -> ExpIFRef:
    return ExpIFRef(len(p.tau), **_membrane(p), **_exponential(p), gradient=gradient)


def _adexif(p: AdExParameters, gradient: GradientRules) -> AdExIFRef:
    return AdExIFRef(
        len(p.tau),
        **_membrane(p),
        **_exponential(p),
        tau_w=milliseconds(p.tau_w),
        a=_compact(p.a) * u.siemens,
        b=_compact(p.b / _MILLI) * u.mA,
        w_initializer=braintools.init.Constant(_compact(p.w_initial / _MILLI) * u.mA),
        gradient=gradient,
    )


def _lif(p: LIFParameters, gradient: GradientRules) -> LIFRef:
    reset: ResetMode = "soft" if p.subtracted else "hard"
    return LIFRef(len(p.tau), **_membrane(p), spk_reset=reset, gradient=gradient)


_MODULES: Mapping[type, Callable[[Any, GradientRules], Population]] = MappingProxyType(
    {NeuronParameters: _expif, AdExParameters: _adexif, LIFParameters: _lif}
)


def _membrane(p: AnyNeuron) -> dict[str, Any]:
    return {
        "R": _compact(p.resistance) * u.ohm,
        "tau": milliseconds(p.tau),
        "tau_ref": milliseconds(p.tau_ref),
        "V_th": _millivolts(p.v_th),
        "V_reset": _millivolts(p.v_reset),
        "V_rest": _millivolts(p.v_rest),
        "V_initializer": braintools.init.Constant(_millivolts(p.v_initial)),
        "spk_fun": SURROGATE,
    }


def _exponential(p: NeuronParameters) -> dict[str, Any]:
    return {"V_T": _millivolts(p.v_t), "delta_T": _millivolts(p.delta_t)}


def _compact(values: NDArray[np.float64]) -> Any:
    return float(values[0]) if (values == values[0]).all() else values


def _millivolts(values: NDArray[np.float64]) -> Any:
    return _compact(values / _MILLI) * u.mV
