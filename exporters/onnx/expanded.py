"""Convolutions in ONNX, which has their dense matrices."""

from __future__ import annotations

from expifref.exceptions import UnsupportedError
from quantize.graph.layers import Connection, Convolution

__all__ = ["MOST_EXPANDED", "check_expanded"]

MOST_EXPANDED = 1 << 22
"""Weights of the dense matrix that a kernel is written out to: more of them are megabytes of repetition."""


def check_expanded(place: str, connection: Connection) -> None:
    """Raise UnsupportedError, which names `place`, where a model would hold too much of one kernel."""
    if isinstance(connection, Convolution) and connection.sources * connection.units > MOST_EXPANDED:
        raise UnsupportedError(
            f"the convolution `{place}` must stand for at most {MOST_EXPANDED} weights in ONNX, which "
            f"holds them all, not for {connection.sources} x {connection.units}: use native code, JAX or C"
        )
