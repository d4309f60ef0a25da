"""What a network gives in a step: one array, or several heads, which are one output side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import saiunit as u

from expifref.exceptions import UnsupportedError

from .algebra import Affine
from .leaves import Leaf, NeuronLeaf

__all__ = ["check_heads", "heads_of", "side_by_side"]


def heads_of(output: Any) -> dict[str, jax.Array]:
    """The arrays of an output as numbers, by the places that a user would write, in their order.

    Raises:
        UnsupportedError: there is none, or something else among them.
    """
    found = dict(_heads("", output))
    for place, head in found.items():
        if not isinstance(head, jax.Array):
            raise UnsupportedError(
                "the network must give arrays in a step, one or several in a tuple, list or dict, but "
                f"{f'at `{place}` of its output' if place else 'its output'} is a {type(head).__name__}"
            )
    if not found:
        raise UnsupportedError("the network must give an array in a step, but its output is empty")
    return found


def side_by_side(output: Any, batch: int) -> jax.Array:
    """All heads, `[batch, units]`."""
    return jnp.concatenate([head.reshape(batch, -1) for head in heads_of(output).values()], axis=1)


def check_heads(output: Affine, widths: Mapping[str, int], leaves: Mapping[str, Leaf]) -> None:
    """Raise UnsupportedError where some heads are spikes and others are values.

    Args:
        output: all heads side by side.
        widths: of each head by its place.
        leaves: by their paths.
    """
    spiking: dict[bool, str] = {}
    first = 0
    for place, width in widths.items():
        units = slice(first, first + width)
        spiking.setdefault(_are_spikes(output, units, leaves), place)
        first += width
    if len(spiking) > 1:
        raise UnsupportedError(
            "the heads of a network must all be readouts or all be spikes, but of its output "
            f"`{spiking[True]}` are spikes and `{spiking[False]}` are none: give the readouts alone, since "
            "the prediction is made among all that comes out"
        )


def _are_spikes(output: Affine, units: slice, leaves: Mapping[str, Leaf]) -> bool:
    """Whether each of `units` is the spikes of one neuron as they are."""
    heard = {source: matrix[:, units] for source, matrix in output.matrices.items()}
    heard = {source: matrix for source, matrix in heard.items() if matrix.any()}
    if output.bias[units].any() or not heard:
        return False
    entries = np.concatenate(list(heard.values()))
    plain = bool(((entries == 0) | (entries == 1)).all() and (np.count_nonzero(entries, axis=0) == 1).all())
    return plain and all(isinstance(leaves.get(source.owner), NeuronLeaf) for source in heard)


def _heads(place: str, output: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(output, list | tuple | dict):
        items = output.items() if isinstance(output, dict) else enumerate(output)
        for key, part in items:
            yield from _heads(f"{place}[{key!r}]", part)
        return
    number = u.get_mantissa(output) if isinstance(output, u.Quantity) else output
    yield place, jnp.asarray(number, float) if isinstance(number, jax.Array) else number
