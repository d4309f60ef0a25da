"""A user's own module as the float network that a program is compared with."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import saiunit as u

from expifref.encoders import Frames, get_encoder
from expifref.network.description import Description
from expifref.network.references import FloatRecord, FloatReference

from .matching import check_given, check_wiring, with_matrices
from .original import Original
from .read import Inputs, read, unwrapped

__all__ = ["reference"]


def reference(
    module: Any, description: Description, *, name: str = "net", inputs: Inputs = None
) -> FloatReference:
    """`module` itself, run in float64 by its own `update`, in place of `description` in `quantize.compare`.

    Where its neurons are those of `brainpy.state`, this is how far the integers are from what the user
    trained; the membranes of filters and readouts between the layers are not seen.

    Args:
        module: a brainstate module; it is left as it was, whatever it is used for.
        description: what `describe` gave of it; its numbers may have been trained further.
        name: how messages call the module.
        inputs: as for `describe`.

    Raises:
        ParameterError: `description` has other layers than `module`.
        UnsupportedError: as `describe`; the module is read again.
    """
    check_given(description)
    root, dt = unwrapped(module), u.Quantity(description.dt * 1e3, unit=u.ms)
    reading = read(root, name, dt, inputs)
    network = reading.network
    check_wiring(network, with_matrices(description), name)
    return _Module(description, Original(root, name, dt, reading.shape, reading.batched, network.populations))


@dataclass(frozen=True)
class _Module:
    description: Description
    original: Original

    def records(self, spikes: Frames) -> Mapping[str, FloatRecord]:
        """What the layers do."""
        run = self.original.run(spikes.astype(np.float64) * get_encoder(self.description.encoder).scale)
        found = {layer.name: FloatRecord(None, None) for layer in self.description.layers}
        found[self.description.layers[-1].name] = FloatRecord(None, run.output)
        return found | {name: FloatRecord(run.spikes[name] > 0, run.v[name]) for name in run.spikes}
