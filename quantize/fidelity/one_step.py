"""Teacher forcing: the error of one integer step that starts from the float network's state, site by site.

Run on, a rounding error grows until a spike moves, and after that the two networks differ for other reasons.
One step from the same state shows the rounding alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from expifref.network.description import Description
from quantize.graph.layers import full_name
from quantize.program.program import Program
from quantize.run.trace import Spikes

from .causes import ALL_CAUSES
from .codes import Floats
from .hybrid import Hybrid
from .hybrid_layer import HybridLayer

__all__ = ["SiteError", "one_step_errors"]

_SITES = ("filter", "drive", "growth", "gain", "sum", "membrane", "adaptation", "output")
_ALWAYS = ("filter", "output")  # of a refractory neuron too
_DECIDING = ("growth", "gain", "sum")  # only where the neuron does not fire


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

    Each step begins with the float network's state at the nearest codes, and a layer sees the float spikes
    of its sources, or the nearest codes. Neurons in their refractory period are left out; growth, gain and
    sum count where the float neuron does not fire, because beyond that their values decide nothing.

    Raises:
        ParameterError: `program` does not have the layers of `description`.
        UnsupportedError: the program forms integers that float64 does not hold.
    """
    real = Hybrid(description, program, frozenset())
    integer = Hybrid(description, program, ALL_CAUSES)
    errors: dict[str, SiteError] = {}
    for spikes in batches:
        before = [layer.initial(spikes.shape[1]) for layer in real.layers]
        for steps in real.simulate(spikes):
            for index, (layer, step) in enumerate(zip(integer.layers, steps, strict=True)):
                start = _nearest(before[index], real.layers[index], layer)
                found = layer.step([np.rint(values) for values in step.seen], start).results
                for name, error in _errors(start, found, step.results):
                    errors.setdefault(full_name(layer.layer.name, name), SiteError()).add(error)
                before[index] = step.results
    return errors


def _nearest(state: Mapping[str, Floats], real: HybridLayer, integer: HybridLayer) -> dict[str, Floats]:
    """The integer state nearest to a float state."""
    found: dict[str, Floats] = {
        name: np.clip(np.rint(state[name]), part.format.lo, part.format.hi)
        for name, part in integer.layer.states.items()
    }
    if "membrane" in found:
        spiked = state["membrane"] >= real.constants["threshold"]
        threshold = integer.constants["threshold"]
        # A neuron that did not spike must not begin at the threshold, which means that it did.
        found["membrane"] = np.where(
            spiked, np.maximum(found["membrane"], threshold), np.minimum(found["membrane"], threshold - 1)
        )
    return found


def _errors(
    start: Mapping[str, Floats], found: Mapping[str, Floats], real: Mapping[str, Floats]
) -> Iterator[tuple[str, Floats]]:
    for name in _SITES:
        if name not in found:
            continue
        error = found[name] - real[name]
        if name not in _ALWAYS:
            counts = start["refractory"] == 0
            error = error[counts & (real["spikes"] == 0) if name in _DECIDING else counts]
        yield name, error
