"""From floats to integers: formats, lowering, the program, its emulator, and the comparison with float."""

from .calibration import Calibration, calibrate
from .emulator import Emulator
from .fidelity import Comparison, compare
from .formats import Format, Overflow, Quantizer, Rounding
from .lowering import LoweringOptions, lower
from .program import Program
from .program_io import load_program, save_program
from .ranges import Proof, prove
from .trace import Execution, Executor

__all__ = [
    "Calibration",
    "Comparison",
    "Emulator",
    "Execution",
    "Executor",
    "Format",
    "LoweringOptions",
    "Overflow",
    "Program",
    "Proof",
    "Quantizer",
    "Rounding",
    "calibrate",
    "compare",
    "load_program",
    "lower",
    "prove",
    "save_program",
]
