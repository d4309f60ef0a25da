"""Teacher forcing: the error of one integer step that starts from the float network's state, site by site.

Run on, a rounding error grows until a spike moves, and after that the two networks differ for other reasons.
One step from the same state shows the rounding alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from expifref.description import Description
from quantize.formats import Format
from quantize.program import Layer, Program, SpikingLayer, layer_prefix
from quantize.trace import Spikes

from .causes import ALL_CAUSES
from .hybrid import Hybrid, HybridLayer, HybridState, HybridStep

__all__ = ["SiteError", "one_step_errors"]

Floats = NDArray[np.float64]


@dataclass
class SiteError:
    """Errors at one site in its LSB, integer minus float."""

    count: int = 0
    total: float = 0.0
    squares: float = 0.0
    largest: float = 0.0

    @property
    def mean(self) -> float:
        """What a rounding mode or a table pushes to one side."""
        return self.total / self.count if self.count else 0.0

    @property
    def rms(self) -> float:
        """Root mean square."""
        return float(np.sqrt(self.squares / self.count)) if self.count else 0.0

    def add(self, error: Floats) -> None:
        """Add values of any shape."""
        self.count += error.size
        self.total += float(error.sum())
        self.squares += float((error**2).sum())
        self.largest = max(self.largest, float(np.abs(error).max(initial=0.0)))


def one_step_errors(
    description: Description, program: Program, batches: Iterable[Spikes]
) -> dict[str, SiteError]:
    """The errors of each site, such as `layer0.drive`, over every step of `batches`.

    Each step begins with the float network's state at the nearest codes, and a layer sees the float spikes of
    the one before it. Neurons in their refractory period are left out; growth, gain and sum count where the
    float neuron does not fire, because beyond that their values decide nothing.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        UnsupportedError: the program forms integers that float64 does not hold.
    """
    real = Hybrid(description, program, frozenset())
    integer = Hybrid(description, program, ALL_CAUSES)
    errors: dict[str, SiteError] = {}
    for spikes in batches:
        before = [layer.initial(spikes.shape[1]) for layer in real.layers]
        for inputs, steps in zip(spikes, real.simulate(spikes), strict=True):
            signal = inputs.astype(np.float64)
            for index, (layer, step) in enumerate(zip(integer.layers, steps, strict=True)):
                lowered = program.layers[index]
                start = _nearest(before[index], real.layers[index], layer, lowered)
                found = layer.step(signal, start)
                prefix = layer_prefix(index, lowered)
                for name, error in _errors(lowered, start, found, step):
                    errors.setdefault(f"{prefix}.{name}" if name else prefix, SiteError()).add(error)
                before[index] = step.state
                signal = step.spikes.astype(np.float64)
    return errors


def _nearest(state: HybridState, real: HybridLayer, integer: HybridLayer, lowered: Layer) -> HybridState:
    """The integer state nearest to a float state."""
    part = lowered.filter
    filtered = state.filtered if part is None else _codes(state.filtered, part.site.format)
    if real.neuron is None or integer.neuron is None or not isinstance(lowered, SpikingLayer):
        return HybridState(state.membrane, state.refractory, filtered)
    spiked = state.membrane >= real.neuron.threshold
    threshold = integer.neuron.threshold
    # A neuron that did not spike must not begin at the threshold, which means that it did.
    codes = np.minimum(_codes(state.membrane, lowered.neuron.membrane.format), threshold - 1)
    return HybridState(np.where(spiked, threshold, codes), state.refractory, filtered)


def _codes(value: Floats, fmt: Format) -> Floats:
    return np.clip(np.rint(value), fmt.lo, fmt.hi)


def _errors(
    lowered: Layer, start: HybridState, found: HybridStep, step: HybridStep
) -> Iterator[tuple[str, Floats]]:
    filtered = found.state.filtered - step.state.filtered
    if not isinstance(lowered, SpikingLayer):
        yield "", filtered
        return
    free = start.refractory == 0
    decides = free & ~step.spikes
    if lowered.synapse is not None:
        yield "filter", filtered
    yield "drive", (found.drive - step.drive)[free]
    yield "growth", (found.growth - step.growth)[decides]
    yield "gain", (found.gain - step.gain)[decides]
    yield "sum", (found.sum - step.sum)[decides]
    yield "membrane", (found.state.membrane - step.state.membrane)[free]
