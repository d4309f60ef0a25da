"""Standard bodies: what the lowering writes, and no executor knows (docs/spec.md, annex)."""

from .adexif import AdExIFConstants, adexif
from .expif import ExpIFConstants, expif, expif_of
from .lif import LIFConstants, lif
from .parts import Weighted, leaky, narrowed, offset, output_format, scale

__all__ = [
    "AdExIFConstants",
    "ExpIFConstants",
    "LIFConstants",
    "Weighted",
    "adexif",
    "expif",
    "expif_of",
    "leaky",
    "lif",
    "narrowed",
    "offset",
    "output_format",
    "scale",
]
