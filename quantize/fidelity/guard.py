"""The silent-network guard: what went wrong in lowering, said before the program reaches a device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.network.description import Description, placed
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .budget import error_budget
from .causes import KNOBS, Cause
from .comparison import Comparison, LayerComparison
from .hybrid import tells_causes_apart
from .side_by_side import compare

__all__ = ["Limits", "findings", "guard"]


@dataclass(frozen=True)
class Limits:
    """Beyond these the guard speaks."""

    rate_factor: float = 1.25  # between a layer's rates, either way
    least_spikes: int = 5  # spikes a neuron must have on one side before its silence on the other counts
    saturation_share: float = 0.01  # of the values of a site


def guard(
    description: Description, program: Program, batches: Sequence[Spikes], limits: Limits | None = None
) -> tuple[str, ...]:
    """Compare both on `batches`, each `[steps, batch, inputs]`, and return one sentence per finding.

    The knob of a finding is that of the cause which the error budget of the first batch names; it runs only
    if there is something to explain.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
    """
    layers, saturated = _found(description, program, batches, limits or Limits())
    knob = _knob(description, program, batches[0]) if layers else ""
    return (*(f"{finding}: {knob}" for finding in layers), *saturated)


def findings(
    description: Description, program: Program, batches: Sequence[Spikes], limits: Limits | None = None
) -> tuple[str, ...]:
    """The same without saying what to turn, which takes much longer to find than the findings."""
    layers, saturated = _found(description, program, batches, limits or Limits())
    return (*layers, *saturated)


def _found(
    description: Description, program: Program, batches: Sequence[Spikes], limits: Limits
) -> tuple[list[str], list[str]]:
    """Of layers, and of sites."""
    result = compare(description, program, [(spikes, None) for spikes in batches])
    paths = [layer.path for layer in description.layers]
    layers = [
        finding
        for layer, path in zip(result.layers, paths, strict=True)
        for finding in _layer(placed(layer.name, path), layer, result, limits)
    ]
    return layers, _saturated(result, limits)


def _layer(name: str, layer: LayerComparison, result: Comparison, limits: Limits) -> list[str]:
    spikes, neurons = layer.spikes, layer.neurons
    if spikes is None or neurons is None:
        return []
    findings: list[str] = []
    seconds = spikes.cells * result.dt
    low, high = sorted((spikes.float_spikes, spikes.integer_spikes))
    if high > limits.rate_factor * low and high >= limits.least_spikes:
        factor = f"by more than a factor of {limits.rate_factor:g}"
        findings.append(
            f"{name} spikes at {spikes.integer_spikes / seconds:.3g} Hz in integers and at "
            f"{spikes.float_spikes / seconds:.3g} Hz in float, which differ {factor}"
        )
    silenced = (neurons.real >= limits.least_spikes) & (neurons.integer == 0)
    if silenced.any():
        findings.append(
            f"{name} has {_neurons(silenced)} that {_fall(silenced)} silent, though "
            f"{_spiked(neurons.real[silenced])} in float"
        )
    if neurons.newly_saturated.any():
        findings.append(
            f"{name} has {_neurons(neurons.newly_saturated)} at the limit of the refractory period in "
            "integers and not in float"
        )
    return findings


def _saturated(result: Comparison, limits: Limits) -> list[str]:
    findings: list[str] = []
    widths = {layer.name: layer.width for layer in result.layers}
    for site, count in result.saturations.items():
        share = count / (result.values_per_neuron * widths[site.partition(".")[0]])
        if share > limits.saturation_share:
            findings.append(
                f"{site} saturates in {share:.2%} of its values, more than {limits.saturation_share:.2%}: "
                f"{KNOBS[Cause.SATURATION]}"
            )
    return findings


def _knob(description: Description, program: Program, spikes: Spikes) -> str:
    """What to turn against the largest cause, where there is one."""
    cause = None
    if tells_causes_apart(program):
        cause = error_budget(description, program, [(spikes, None)]).largest
    return "use more weight or membrane bits" if cause is None else f"mostly {cause}, {KNOBS[cause]}"


def _neurons(which: NDArray[np.bool_]) -> str:
    """How many of how many, and the first ones by index."""
    indices = np.flatnonzero(which)
    shown = ", ".join(str(index) for index in indices[:5]) + (", ..." if len(indices) > 5 else "")
    return f"{len(indices)} of {len(which)} neurons ({shown})"


def _fall(which: NDArray[np.bool_]) -> str:
    return "falls" if which.sum() == 1 else "fall"


def _spiked(counts: NDArray[np.int64]) -> str:
    low, high = int(counts.min()), int(counts.max())
    return f"it spikes {low} times" if len(counts) == 1 else f"they spike {low} to {high} times"
