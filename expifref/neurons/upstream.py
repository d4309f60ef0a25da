"""What a neuron derives from: `brainpy.state.Neuron` where brainpy is installed.

So that `nodes().subset(brainpy.state.Neuron)` and brainpy's projections find the neurons of this package. All
that these need of it is in `RegisteredInputs`, and brainpy is no dependency.
"""

from __future__ import annotations

import brainstate

__all__ = ["Neuron"]

try:
    from brainpy.state import Neuron
except ImportError:
    Neuron = brainstate.nn.Dynamics
