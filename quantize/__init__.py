"""From floats to integers: formats, lowering, the program, its emulator, and the comparison with float."""

from typing import TYPE_CHECKING, Any

from .fidelity import Comparison, compare
from .graph.layers import Graph
from .graph.proof import GraphProof, prove_graph
from .lowering.calibration import Calibration, calibrate
from .lowering.lower import LoweringOptions, lower
from .numbers.formats import Format, Overflow, Quantizer, Rounding
from .program.file import load_program, save_program
from .program.program import Program
from .run.emulator import Emulator
from .run.trace import Execution, Executor

if TYPE_CHECKING:
    from .jax.trainable import trainable

__all__ = [
    "Calibration",
    "Comparison",
    "Emulator",
    "Execution",
    "Executor",
    "Format",
    "Graph",
    "GraphProof",
    "LoweringOptions",
    "Overflow",
    "Program",
    "Quantizer",
    "Rounding",
    "calibrate",
    "compare",
    "load_program",
    "lower",
    "prove_graph",
    "save_program",
    "trainable",
]


def __getattr__(name: str) -> Any:
    """`trainable` needs JAX, which nothing else here does."""
    if name == "trainable":
        from .jax.trainable import trainable

        return trainable
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
