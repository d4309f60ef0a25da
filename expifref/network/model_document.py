"""The metadata of a model file: all that is no tensor."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Literal

from expifref.connections.windows import Window
from expifref.files.texts import Name, Place

from .architecture import Architecture
from .decision import SUM

__all__ = ["VERSION", "FeedEntry", "LayerEntry", "ModelDocument"]

VERSION: Literal[1] = 1

_CLOSED = {"extra": "forbid", "strict": True}


@dataclass(frozen=True)
class FeedEntry:
    """What the metadata say of a feed; its numbers are tensors."""

    __pydantic_config__: ClassVar = _CLOSED

    source: Name
    delayed: bool = False
    window: Window | None = None


@dataclass(frozen=True)
class LayerEntry:
    """What the metadata say of a layer; its numbers are tensors."""

    __pydantic_config__: ClassVar = _CLOSED

    name: Name
    kind: Literal["spiking", "adexif", "lif", "lif_subtracted", "readout"]
    filtered: bool
    feeds: tuple[FeedEntry, ...] = ()  # none: one from the layer before, or from the input, without delay
    path: Place = ""  # in the module it was read from; absent before it was recorded


@dataclass(frozen=True, kw_only=True)
class ModelDocument:
    """The metadata."""

    __pydantic_config__: ClassVar = _CLOSED

    version: Literal[1] = VERSION
    units: Literal["SI"] = "SI"
    dt: float  # s
    inputs: int
    encoder: Name
    steps: int
    layers: tuple[LayerEntry, ...]
    architecture: Architecture | None
    metrics: dict[Name, float]
    environments: tuple[dict[Name, Name], ...] = ()  # absent before they were recorded
    decision: Name = SUM  # absent where there was one rule only
