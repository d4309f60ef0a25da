"""What layers, results and arrays are called in the Python that is emitted.

Names of a program are lower-case letters, digits and `_`, the first a letter; with something before or behind
them none is a word of Python, and no two are the same.
"""

from __future__ import annotations

__all__ = ["array", "function", "local", "model", "process", "stored"]


def local(result: str) -> str:
    """The variable of a result; no other ends in `_`."""
    return f"{result}_"


def function(layer: str) -> str:
    """What runs a step of a layer."""
    return f"step_{layer}"


def process(layer: str) -> str:
    """The process of a layer."""
    return f"Process_{layer}"


def model(layer: str) -> str:
    """What Lava runs for it."""
    return f"Model_{layer}"


def array(layer: str, kind: str, key: str | int) -> str:
    """An array in the file of data."""
    return f"{layer}.{kind}.{key}"


def stored(layer: str, kind: str, key: str | int) -> str:
    """That array, where it is read."""
    return f'DATA["{array(layer, kind, key)}"]'
