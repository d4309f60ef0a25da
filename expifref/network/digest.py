"""The digest of a description, by which a program names the network that it was lowered from."""

from __future__ import annotations

import hashlib
from dataclasses import fields, is_dataclass

import numpy as np

from expifref.connections.blocks import row_blocks

from .description import Description

__all__ = ["description_digest"]


def description_digest(description: Description) -> str:
    """SHA-256 (hex) of everything in `description` but paths: names, shapes and float64 bytes."""
    state = hashlib.sha256()

    def feed(value: object) -> None:
        if isinstance(value, np.ndarray):
            feed(f"{value.shape}")
            for _, rows in row_blocks(value):
                state.update(np.ascontiguousarray(rows, "<f8").tobytes())
        elif is_dataclass(value):
            for part in (part for part in fields(value) if part.compare):
                feed(part.name)
                feed(getattr(value, part.name))
        elif isinstance(value, tuple):
            for item in value:
                feed(item)
        else:
            state.update(f"{value!r};".encode())

    feed(description)
    return state.hexdigest()
