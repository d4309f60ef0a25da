"""What a design takes of an FPGA, and how fast it is there: simulation, synthesis, place and route."""

from .parts import PARTS, Part
from .program_on import Asked, measure_on
from .wishes import Wish

__all__ = ["PARTS", "Asked", "Part", "Wish", "measure_on"]
