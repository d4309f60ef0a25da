"""Neurons of either library, and parameters that train."""

from __future__ import annotations

from typing import Any

import brainstate
import numpy as np
import saiunit as u

import expifref

from .idiom import Idiom, joining
from .parts import called, neurons

__all__ = ["IDIOMS"]

IDIOMS: list[Idiom] = []
_idiom = joining(IDIOMS)


@_idiom("`ExpIF`", "brainpy.state docs")
def _expif() -> Any:
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neurons(cls=expifref.ExpIF))


@_idiom("`AdExIFRef`", "brainpy.state docs")
def _adexif() -> Any:
    neuron = neurons(cls=expifref.AdExIFRef, a=0.1 * u.siemens, b=0.02 * u.mA)
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neuron)


@_idiom("`LIF` with subtracted reset", "brainstate example 200, snntorch")
def _lif() -> Any:
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), expifref.LIF(8, R=2.0 * u.ohm))


@_idiom("`LIFRef` with hard reset", "brainpy.state examples")
def _lifref() -> Any:
    neuron = expifref.LIFRef(8, R=2.0 * u.ohm, spk_reset="hard")
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neuron)


@_idiom("a trained `tau`, as `ParamState`", "snntorch#39, norse#143")
def _trained_tau() -> Any:
    neuron = neurons(tau=brainstate.ParamState(np.array([10.0] * 8) * u.ms))
    return called(lambda net, x: net.out(net.lif(net.fc(x) * u.mA)), neuron)
