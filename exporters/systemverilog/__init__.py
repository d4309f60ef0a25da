"""SystemVerilog of a program, for FPGAs (docs/systemverilog.md)."""

from .network import emit_systemverilog
from .weights import weights_for

__all__ = ["emit_systemverilog", "weights_for"]
