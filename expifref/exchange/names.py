"""What nodes of NIR say, by their type: what a later version adds is not passed over."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from expifref.files.texts import listed

from .hdf5 import NirNode
from .values import refuse

__all__ = ["check_names"]

_PASSED = frozenset({"input_shape", "input_type", "metadata", "output_type"})
"""Shapes, which follow from what a node is given, and what means nothing to the network."""

_MEMBRANE = ("r", "v_leak")
_SPIKES = ("v_threshold", "v_reset")
_SYNAPSE = ("tau_mem", "tau_syn", "w_in")
_KERNEL = ("weight", "bias", "stride", "padding", "dilation", "groups")
_POOL = ("kernel_size", "stride", "padding")

_NAMES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "Input": ("shape",),
        "Output": ("shape",),
        "LIF": ("tau", *_MEMBRANE, *_SPIKES),
        "CubaLIF": (*_SYNAPSE, *_MEMBRANE, *_SPIKES),
        "LI": ("tau", *_MEMBRANE),
        "CubaLI": (*_SYNAPSE, *_MEMBRANE),
        "Linear": ("weight",),
        "Affine": ("weight", "bias"),
        "Conv1d": _KERNEL,
        "Conv2d": _KERNEL,
        "SumPool2d": _POOL,
        "AvgPool2d": _POOL,
        "Flatten": ("start_dim", "end_dim"),
        "Scale": ("scale",),
        "Delay": ("delay",),
    }
)


def check_names(node: NirNode) -> None:
    """Raise UnsupportedError where a node of a known type says more than is read of it."""
    known = _NAMES.get(node.kind)
    if known is None:
        return
    strange = node.values.keys() - _PASSED - set(known)
    if strange:
        raise refuse(node, f"have no numbers but {', '.join(known)}, and has {listed(strange)}")
