"""How far a program is from its float network, why, and where they first part (docs/fidelity.md)."""

from .budget import Budget, Share, error_budget
from .causes import Cause
from .comparison import Comparison
from .divergence import Divergence
from .guard import Limits, guard
from .hybrid import Hybrid
from .one_step import SiteError, one_step_errors
from .recorded import Recording, compare_recorded_part, compare_recording, read_recording
from .side_by_side import Part, check_part, compare, compare_part, merge

__all__ = [
    "Budget",
    "Cause",
    "Comparison",
    "Divergence",
    "Hybrid",
    "Limits",
    "Part",
    "Recording",
    "Share",
    "SiteError",
    "check_part",
    "compare",
    "compare_part",
    "compare_recorded_part",
    "compare_recording",
    "error_budget",
    "guard",
    "merge",
    "one_step_errors",
    "read_recording",
]
