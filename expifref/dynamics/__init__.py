"""One step of each neuron model: pure functions that NumPy and JAX code share.

All quantities are plain numbers; units stop one layer above. The comments name SI units. A step is the same
in every coherent set, such as mV, ms, ohm, mA and S, which holds -68 mV without a rounding.
"""

from .adexif import AdaptiveConstants, AdaptiveState, adaptation_after, adaptive_step, raised_adaptation
from .common import Array, Drive, StepResult, decay_rate, phi, refractory_steps
from .expif import NeuronConstants, canonical_step
from .lif import LIFConstants, leaky_after_spikes, leaky_candidate, leaky_step

__all__ = [
    "AdaptiveConstants",
    "AdaptiveState",
    "Array",
    "Drive",
    "LIFConstants",
    "NeuronConstants",
    "StepResult",
    "adaptation_after",
    "adaptive_step",
    "canonical_step",
    "decay_rate",
    "leaky_after_spikes",
    "leaky_candidate",
    "leaky_step",
    "phi",
    "raised_adaptation",
    "refractory_steps",
]
