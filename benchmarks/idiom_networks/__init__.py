"""Small networks in the ways that brainstate's and brainpy's documentation, examples and users write them."""

from . import layers, maps, outputs, populations, projections, published, tested, wiring
from .idiom import Idiom

__all__ = ["IDIOMS", "Idiom"]

IDIOMS = [
    idiom
    for part in (published, projections, maps, layers, wiring, populations, outputs, tested)
    for idiom in part.IDIOMS
]
